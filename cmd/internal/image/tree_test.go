package main

import (
	"archive/tar"
	"strings"
	"testing"

	"github.com/rescuecue/rescue/cmd/internal/ocipack"
)

func TestMerged(t *testing.T) {
	for name, want := range map[string]string{
		"./bin/sh":                          "usr/bin/sh",
		"./lib64/ld-linux-x86-64.so.2":      "usr/lib64/ld-linux-x86-64.so.2",
		"./lib/":                            "usr/lib",
		"./usr/bin/psql":                    "usr/bin/psql",
		"./library/x":                       "library/x",
		"./":                                "",
		"../../etc/passwd":                  "etc/passwd",
		"./usr/share/../../bin/../lib/x.so": "usr/lib/x.so",
	} {
		if got := merged(name); got != want {
			t.Errorf("merged(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestNeeded(t *testing.T) {
	for name, want := range map[string]bool{
		"usr/share/doc/bash/copyright":        true,
		"usr/share/doc/bash/README":           false,
		"usr/share/manifest":                  true,
		"usr/lib/x86_64-linux-gnu/gconv/a.so": false,
		"usr/lib/x86_64-linux-gnu/libc.so.6":  true,
		"run":                                 false,
		"":                                    false,
	} {
		if got := needed(ocipack.File{Path: name}); got != want {
			t.Errorf("needed(%q) = %t", name, got)
		}
	}
}

func TestStack(t *testing.T) {
	packages := []ocipack.File{{Path: "usr/bin/bash", Data: []byte("bash")}, {Path: "usr/bin/date", Data: []byte("GNU")}}
	busybox := []ocipack.File{{Path: "usr/bin/sh", Link: "busybox"}, {Path: "usr/bin/date", Link: "busybox"}, {Path: "usr/bin/vi", Link: "busybox"}}
	got := byPath(stack(packages, busybox, nil))
	if got["usr/bin/sh"].Link != "bash" || string(got["usr/bin/date"].Data) != "GNU" || got["usr/bin/vi"].Link != "busybox" {
		t.Errorf("with packages: %+v", got)
	}
	if got["bin"].Link != "usr/bin" {
		t.Errorf("bin: %+v", got["bin"])
	}
	if _, ok := got["lib"]; ok {
		t.Error("lib is there, and leads nowhere")
	}
	if sh := byPath(stack(nil, busybox, nil))["usr/bin/sh"]; sh.Link != "busybox" {
		t.Errorf("without packages the shell is %+v", sh)
	}
}

func TestEntry(t *testing.T) {
	before := map[string]ocipack.File{"usr/bin/a": {Path: "usr/bin/a", Data: []byte("same")}}
	f, err := entry(&tar.Header{Name: "./bin/b", Typeflag: tar.TypeLink, Linkname: "./bin/a", Mode: 0o104755, Gid: 42}, nil, before)
	if err != nil || string(f.Data) != "same" || f.Path != "usr/bin/b" || f.Mode != 0o4755 || f.GID != 42 {
		t.Errorf("a hard link: %+v, %v", f, err)
	}
	for _, h := range []*tar.Header{
		{Name: "./b", Typeflag: tar.TypeLink, Linkname: "./nosuch"},
		{Name: "./dev/null", Typeflag: tar.TypeChar},
	} {
		if _, err := entry(h, nil, before); err == nil || !strings.Contains(err.Error(), h.Name) {
			t.Errorf("%s: error %v", h.Name, err)
		}
	}
}

func TestUsers(t *testing.T) {
	files, err := users([]string{"postgres:999:/var/lib/postgresql"})
	if err != nil {
		t.Fatal(err)
	}
	got := byPath(files)
	if passwd := string(got["etc/passwd"].Data); !strings.HasPrefix(passwd, "root:x:0:0:") ||
		!strings.Contains(passwd, "\npostgres:x:999:999:postgres:/var/lib/postgresql:/bin/sh\n") {
		t.Errorf("passwd: %q", passwd)
	}
	if !strings.Contains(string(got["etc/group"].Data), "\npostgres:x:999:\n") {
		t.Errorf("group: %q", got["etc/group"].Data)
	}
	if home := got["var/lib/postgresql"]; !home.Dir || home.UID != 999 || home.GID != 999 {
		t.Errorf("home: %+v", home)
	}
	for _, bad := range []string{"postgres", "postgres:x:/home", ":1:/home", "a:1:home", "a:-1:/home", "a:1:/", "a:1:/home:/bin/sh"} {
		if _, err := users([]string{bad}); err == nil || !strings.Contains(err.Error(), "NAME:NUMBER:HOME") {
			t.Errorf("%q: error %v", bad, err)
		}
	}
}

func FuzzParseUser(f *testing.F) {
	f.Add("postgres:999:/var/lib/postgresql")
	f.Fuzz(func(t *testing.T, text string) {
		u, err := parseUser(text)
		if err == nil && (u.id < 0 || u.name == "" || !strings.HasPrefix(u.home, "/") || strings.ContainsAny(u.name+u.home, ":\n")) {
			t.Errorf("%q gives %+v", text, u)
		}
	})
}
