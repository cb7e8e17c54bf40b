// Command image packs the tools image: a static rescue, which is kando as well, the
// shell and utilities of a static busybox, and the kopia program if it is given. It
// needs no container engine and no network.
package main

import (
	"bytes"
	"debug/elf"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rescuecue/rescue/cmd/internal/ocipack"
)

type options struct {
	name, rescue, kopia, busybox, certificates, out string
}

func main() {
	var o options
	flag.StringVar(&o.name, "name", "localhost/rescue-tools:dev", "name and tag of the image")
	flag.StringVar(&o.rescue, "rescue", "", "the rescue program, built with CGO_ENABLED=0")
	flag.StringVar(&o.kopia, "kopia", "", "the kopia program, built with CGO_ENABLED=0, for repository servers; empty for none")
	flag.StringVar(&o.busybox, "busybox", "/bin/busybox", "a static busybox")
	flag.StringVar(&o.certificates, "certificates", "/etc/ssl/certs/ca-certificates.crt",
		"certificates of the authorities that TLS servers are checked with; empty for none")
	flag.StringVar(&o.out, "o", "", "the archive to write")
	flag.Parse()
	if o.rescue == "" || o.out == "" || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := pack(o); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(3)
	}
	fmt.Println(o.out)
}

func pack(o options) error {
	rescue, arch, err := program(o.rescue, "build it with CGO_ENABLED=0")
	if err != nil {
		return err
	}
	busybox, err := o.beside(arch, o.busybox, "install the package busybox-static, or name one with -busybox")
	if err != nil {
		return err
	}
	kopia, err := o.server(arch)
	if err != nil {
		return err
	}
	links, err := applets(o.busybox)
	if err != nil {
		return err
	}
	certificates, err := certificates(o.certificates)
	if err != nil {
		return err
	}
	files := append(base(rescue, busybox), certificates...)
	return write(o.out, ocipack.Image{
		Name:         o.name,
		Architecture: arch,
		Entrypoint:   []string{"/usr/local/bin/rescue"},
		Env:          []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
		Files:        slices.Concat(files, kopia, links),
	})
}

// beside reads a program that has to be for the same machines as rescue.
func (o options) beside(arch, path, hint string) ([]byte, error) {
	data, its, err := program(path, hint)
	if err == nil && its != arch {
		err = fmt.Errorf("%s is for %s, %s for %s", o.rescue, arch, path, its)
	}
	return data, err
}

// server is what a repository server needs: kopia keeps the server's part to its own
// program.
func (o options) server(arch string) ([]ocipack.File, error) {
	if o.kopia == "" {
		return nil, nil
	}
	data, err := o.beside(arch, o.kopia, "build it with CGO_ENABLED=0 in deploy/repository-server/kopia")
	return []ocipack.File{{Path: "usr/local/bin/kopia", Mode: 0o755, Data: data}}, err
}

// base are the files of every image.
func base(rescue, busybox []byte) []ocipack.File {
	return []ocipack.File{
		{Path: "usr/local/bin/rescue", Mode: 0o755, Data: rescue},
		{Path: "usr/local/bin/kando", Link: "rescue"},
		{Path: "bin/busybox", Mode: 0o755, Data: busybox},
		{Path: "usr/bin/env", Link: "/bin/busybox"},
		{Path: "tmp", Mode: 0o1777, Dir: true},
		{Path: "root", Mode: 0o700, Dir: true},
		{Path: "etc/passwd", Mode: 0o644, Data: []byte("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n")},
		{Path: "etc/group", Mode: 0o644, Data: []byte("root:x:0:\nnogroup:x:65534:\n")},
	}
}

// program reads a program that has to run without any library.
func program(path, hint string) (data []byte, arch string, err error) {
	data, err = os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", fmt.Errorf("there is no %s: %s", path, hint)
	}
	if err != nil {
		return nil, "", err
	}
	header, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return nil, "", fmt.Errorf("%s is not a program for Linux: %w", path, err)
	}
	for _, p := range header.Progs {
		if p.Type == elf.PT_INTERP {
			return nil, "", fmt.Errorf("%s needs libraries, which the image does not have: %s", path, hint)
		}
	}
	arch, ok := architectures[header.Machine]
	if !ok {
		return nil, "", fmt.Errorf("%s is for %s, for which images cannot be made", path, header.Machine)
	}
	return data, arch, nil
}

var architectures = map[elf.Machine]string{
	elf.EM_X86_64:  "amd64",
	elf.EM_AARCH64: "arm64",
	elf.EM_PPC64:   "ppc64le",
	elf.EM_S390:    "s390x",
	elf.EM_RISCV:   "riscv64",
}

// applets links the names that busybox answers to.
func applets(busybox string) ([]ocipack.File, error) {
	list, err := exec.Command(busybox, "--list").Output()
	if err != nil {
		return nil, fmt.Errorf("%s --list: %w", busybox, err)
	}
	var links []ocipack.File
	for name := range strings.FieldsSeq(string(list)) {
		if name != "busybox" {
			links = append(links, ocipack.File{Path: "bin/" + name, Link: "busybox"})
		}
	}
	return links, nil
}

// certificates are what TLS needs to trust an object store.
func certificates(path string) ([]ocipack.File, error) {
	if path == "" {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no %s: install the package ca-certificates, or say -certificates '' "+
			"for an image that cannot check TLS servers", path)
	}
	return []ocipack.File{{Path: "etc/ssl/certs/ca-certificates.crt", Mode: 0o644, Data: data}}, err
}

// write replaces the file at once, so that no half of an image is ever there.
func write(path string, img ocipack.Image) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".image-*")
	if err != nil {
		return err
	}
	err = errors.Join(ocipack.Write(tmp, img), tmp.Chmod(0o644), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	return nil
}
