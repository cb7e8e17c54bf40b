package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// debian is what Debian calls the machines that Go calls otherwise.
var debian = map[string]string{"ppc64le": "ppc64el"}

// fetch downloads the packages and all that they depend on, and returns the files,
// each in its place in cache. What is there already is only checked.
func fetch(packages, without []string, arch, cache string) ([]string, error) {
	if _, err := exec.LookPath("apt-get"); err != nil {
		return nil, errors.New("there is no apt-get: images with Debian packages are made on Debian or Ubuntu")
	}
	if named, ok := debian[arch]; ok {
		arch = named
	}
	dir, err := os.MkdirTemp("", "image-apt-*")
	if err != nil {
		return nil, err
	}
	// Nothing in it is of any use later.
	defer os.RemoveAll(dir)
	a, err := newApt(dir, cache, arch, without)
	if err != nil {
		return nil, err
	}
	// It names only what is not in its cache, so it is asked with an empty one.
	plan, err := a.run(dir, append([]string{"--print-uris", "install"}, packages...)...)
	if err != nil {
		return nil, err
	}
	if _, err := a.run(a.cache, append([]string{"--download-only", "install"}, packages...)...); err != nil {
		return nil, err
	}
	return a.files(packages, plan)
}

// apt asks apt-get as if nothing were installed. It changes nothing of this machine
// but the cache, and needs no root.
type apt struct {
	cache string
	args  []string
}

func newApt(dir, cache, arch string, without []string) (apt, error) {
	cache, err := filepath.Abs(cache)
	if err != nil {
		return apt{}, err
	}
	status := filepath.Join(dir, "status")
	err = errors.Join(
		os.MkdirAll(filepath.Join(cache, "partial"), 0o755),
		os.WriteFile(status, installed(without, arch), 0o600),
	)
	return apt{cache: cache, args: []string{
		"-qq", "-y", "--no-install-recommends",
		"-o", "Dir::State::status=" + status,
		"-o", "Dir::State::extended_states=" + filepath.Join(dir, "extended"),
		// The machine's own index of packages is for its own architecture and status.
		"-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache=",
		"-o", "APT::Architecture=" + arch, "-o", "APT::Architectures=" + arch,
		// Another user could not write into a checkout.
		"-o", "APT::Sandbox::User=",
		"-o", "Debug::NoLocking=true",
	}}, err
}

// installed is dpkg's list of a machine that has those packages. So apt leaves them
// out, with all that only they need. The version is one that is always enough.
func installed(packages []string, arch string) []byte {
	var b bytes.Buffer
	for _, name := range packages {
		fmt.Fprintf(&b, "Package: %s\nStatus: install ok installed\nArchitecture: %s\nMulti-Arch: allowed\n"+
			"Maintainer: none\nDescription: left out\nVersion: 9999\n\n", name, arch)
	}
	return b.Bytes()
}

func (a apt) run(archives string, args ...string) ([]byte, error) {
	cmd := exec.Command("apt-get", slices.Concat(a.args, []string{"-o", "Dir::Cache::archives=" + archives}, args)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
	var talk bytes.Buffer
	cmd.Stderr = &talk
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("apt-get: %w: %s: if packages are unknown or not found, run apt-get update as root",
			err, strings.TrimSpace(talk.String()))
	}
	return out, nil
}

// files are those that the plan names: lines of 'URI' NAME SIZE HASH. The same names
// are in the cache, where other packages may lie as well.
func (a apt) files(packages []string, plan []byte) ([]string, error) {
	var files []string
	for line := range strings.Lines(string(plan)) {
		fields := strings.Fields(line)
		if len(fields) < 3 || !strings.HasPrefix(line, "'") {
			continue
		}
		path := filepath.Join(a.cache, filepath.Base(fields[1]))
		if _, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("apt-get downloaded packages, but not this one: %w", err)
		}
		files = append(files, path)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("apt-get names no packages for %s", strings.Join(packages, ", "))
	}
	slices.Sort(files)
	return files, nil
}
