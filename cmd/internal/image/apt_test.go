package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rescuecue/rescue/cmd/internal/ocipack"
)

// deb is a package to make.
type deb struct {
	name, depends string
	files         map[string]string // the content, or "-> TARGET" for a link
}

// build makes the package and returns its entry of a repository's index.
func (d deb) build(t *testing.T, dir string) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), d.name)
	control := fmt.Sprintf("Package: %s\nVersion: 1.0\nArchitecture: all\nMaintainer: nobody\nDescription: a test\n", d.name)
	if d.depends != "" {
		control += "Depends: " + d.depends + "\n"
	}
	put(t, filepath.Join(root, "DEBIAN", "control"), control)
	for name, content := range d.files {
		path := filepath.Join(root, name)
		if target, ok := strings.CutPrefix(content, "-> "); ok {
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.Symlink(target, path)); err != nil {
				t.Fatal(err)
			}
			continue
		}
		put(t, path, content)
	}
	path := filepath.Join(dir, d.name+"_1.0_all.deb")
	run(t, "dpkg-deb", "--root-owner-group", "--build", root, path)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%sFilename: ./%s\nSize: %d\nSHA256: %x\n", control, filepath.Base(path), len(data), sha256.Sum256(data))
}

func put(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, program string, args ...string) {
	t.Helper()
	if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", program, args, err, out)
	}
}

// repository is a directory from which apt of this test takes packages, and no other.
func repository(t *testing.T, debs ...deb) {
	t.Helper()
	if _, err := exec.LookPath("apt-get"); err != nil {
		t.Skip("packages are only for Debian: there is no apt-get")
	}
	dir := t.TempDir()
	var index []string
	for _, d := range debs {
		index = append(index, d.build(t, dir))
	}
	put(t, filepath.Join(dir, "Packages"), strings.Join(index, "\n"))
	state := t.TempDir()
	put(t, filepath.Join(state, "lists", "partial", "none"), "")
	put(t, filepath.Join(state, "sources.list"), "deb [trusted=yes] copy:"+dir+" ./\n")
	put(t, filepath.Join(state, "apt.conf"), fmt.Sprintf(
		`Dir::State::lists "%[1]s/lists"; Dir::Etc::sourcelist "%[1]s/sources.list"; Dir::Etc::sourceparts "-"; Dir::Etc::preferencesparts "-";`, state))
	t.Setenv("APT_CONFIG", filepath.Join(state, "apt.conf"))
	run(t, "apt-get", "-o", "APT::Sandbox::User=", "-o", "Dir::Cache="+state, "update")
}

// byPath is the last layer that a stack makes.
func byPath(files []ocipack.File) map[string]ocipack.File {
	all := map[string]ocipack.File{}
	for _, f := range files {
		if _, ok := all[f.Path]; !ok {
			all[f.Path] = f
		}
	}
	return all
}

func TestPackages(t *testing.T) {
	repository(t,
		deb{"app", "lib, wrapper", map[string]string{
			"opt/app/9/bin/app":           "program",
			"usr/share/doc/app/copyright": "free",
			"usr/share/doc/app/NEWS":      "old",
			"usr/share/man/man1/app.1":    "manual",
		}},
		deb{"lib", "", map[string]string{"lib/machine/lib.so.1": "library", "lib/machine/lib.so": "-> lib.so.1"}},
		deb{"wrapper", "perl", map[string]string{"usr/bin/wrapper": "#!/usr/bin/perl"}},
		deb{"perl", "", map[string]string{"usr/bin/perl": "huge"}},
		deb{"stranger", "", map[string]string{"usr/bin/stranger": "nobody asked"}},
	)
	o := options{packages: "app", without: "wrapper", links: "opt/app/*/bin/*", cache: filepath.Join(t.TempDir(), "debs")}
	files, err := o.unpacked("amd64")
	if err != nil {
		t.Fatal(err)
	}
	got := byPath(files)
	for name, want := range map[string]string{
		"opt/app/9/bin/app":           "program",
		"usr/share/doc/app/copyright": "free",
		"usr/lib/machine/lib.so.1":    "library",
	} {
		if f := got[name]; string(f.Data) != want || f.Mode != 0o755 || f.UID != 0 {
			t.Errorf("%s: %+v", name, f)
		}
	}
	for name, want := range map[string]string{"usr/lib/machine/lib.so": "lib.so.1", "usr/bin/app": "/opt/app/9/bin/app"} {
		if got[name].Link != want {
			t.Errorf("%s links to %q, not to %s", name, got[name].Link, want)
		}
	}
	for _, name := range []string{"usr/share/doc/app/NEWS", "usr/share/man/man1/app.1", "usr/bin/wrapper", "usr/bin/perl", "usr/bin/stranger"} {
		if _, ok := got[name]; ok {
			t.Errorf("%s is in the image", name)
		}
	}
	if !strings.Contains(string(got["var/lib/dpkg/status.d/lib"].Data), "Version: 1.0") {
		t.Errorf("the package lib is not on record: %q", got["var/lib/dpkg/status.d/lib"].Data)
	}
	again, err := o.unpacked("amd64")
	if err != nil || len(again) != len(files) {
		t.Errorf("from the cache: %d files instead of %d, error %v", len(again), len(files), err)
	}
}

func TestPackagesFail(t *testing.T) {
	repository(t, deb{name: "app", files: map[string]string{"usr/bin/app": "program"}})
	for name, c := range map[string]struct {
		o    options
		want string
	}{
		"unknown package": {options{packages: "nosuch"}, "run apt-get update"},
		"no match":        {options{packages: "app", links: "opt/*/bin/*"}, `matches "opt/*/bin/*"`},
		"bad pattern":     {options{packages: "app", links: "["}, "syntax error in pattern"},
	} {
		t.Run(name, func(t *testing.T) {
			c.o.cache = t.TempDir()
			if _, err := c.o.unpacked("amd64"); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v", err)
			}
		})
	}
}
