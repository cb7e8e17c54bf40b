package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// foreign is an architecture that this machine is not of.
func foreign() string {
	if runtime.GOARCH == "arm64" {
		return "amd64"
	}
	return "arm64"
}

// build makes a small static program.
func build(t *testing.T, name, source string, env ...string) string {
	t.Helper()
	dir := t.TempDir()
	src, out := filepath.Join(dir, name+".go"), filepath.Join(dir, name)
	if err := os.WriteFile(src, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "build", "-o", out, src)
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux"), env...)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return out
}

const (
	idle = "package main\nfunc main() {}\n"
	// box answers to --list, as busybox does.
	box = "package main\nimport \"fmt\"\nfunc main() { fmt.Println(\"busybox\\nsh\\ncat\") }\n"
)

func TestPack(t *testing.T) {
	rescue := build(t, "rescue", idle)
	busybox := build(t, "busybox", box)
	dir := t.TempDir()
	read := func(out string) string {
		o := options{name: "localhost/tools:1", rescue: rescue, busybox: busybox, out: filepath.Join(dir, out)}
		if err := pack(o); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(o.out)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	if a, b := read("a/image.tar"), read("b/image.tar"); a != b || len(a) == 0 {
		t.Errorf("two images of the same programs differ, or are empty: %d and %d bytes", len(a), len(b))
	}
	left, err := filepath.Glob(filepath.Join(dir, "*", ".image-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, error %v", left, err)
	}
}

func TestPackFails(t *testing.T) {
	rescue, other := build(t, "rescue", idle), build(t, "other", idle, "GOARCH="+foreign())
	text := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(text, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		o    options
		want string
	}{
		"no rescue":       {options{rescue: "/no/such/rescue", busybox: rescue}, "there is no /no/such/rescue: build it"},
		"bad user":        {options{busybox: rescue, users: "joe"}, "NAME:NUMBER:HOME"},
		"other machine":   {options{rescue: other, busybox: rescue}, "/other for " + foreign()},
		"no busybox":      {options{rescue: rescue, busybox: "/no/such/busybox"}, "install the package busybox-static"},
		"not a program":   {options{rescue: text, busybox: rescue}, "is not a program for Linux"},
		"no certificates": {options{rescue: rescue, busybox: rescue, certificates: "/no/such/file"}, "install the package ca-certificates"},
	} {
		t.Run(name, func(t *testing.T) {
			c.o.out = filepath.Join(t.TempDir(), "image.tar")
			if err := pack(c.o); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v", err)
			}
			if _, err := os.Stat(c.o.out); err == nil {
				t.Error("an image was written")
			}
		})
	}
}
