package main

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"

	"github.com/rescuecue/rescue/cmd/internal/ocipack"
)

// programs are the static ones, all for the machines of arch.
type programs struct {
	arch                   string
	rescue, kopia, busybox []ocipack.File
}

func (o options) programs() (p programs, err error) {
	var busybox, rescue, kopia []byte
	if busybox, p.arch, err = program(o.busybox, "install the package busybox-static, or name one with -busybox"); err != nil {
		return p, err
	}
	if rescue, err = o.beside(p.arch, o.rescue, "build it with CGO_ENABLED=0"); err != nil {
		return p, err
	}
	if kopia, err = o.beside(p.arch, o.kopia, "build it with CGO_ENABLED=0 in deploy/repository-server/kopia"); err != nil {
		return p, err
	}
	if p.busybox, err = applets(o.busybox); err != nil {
		return p, err
	}
	p.busybox = append(p.busybox, ocipack.File{Path: "usr/bin/busybox", Mode: 0o755, Data: busybox})
	if rescue != nil {
		p.rescue = []ocipack.File{
			{Path: "usr/local/bin/rescue", Mode: 0o755, Data: rescue},
			{Path: "usr/local/bin/kando", Link: "rescue"},
		}
	}
	if kopia != nil {
		p.kopia = []ocipack.File{{Path: "usr/local/bin/kopia", Mode: 0o755, Data: kopia}}
	}
	return p, nil
}

// beside reads a program that has to be for the same machines as busybox. Without a
// path there is none.
func (o options) beside(arch, path, hint string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	data, its, err := program(path, hint)
	if err == nil && its != arch {
		err = fmt.Errorf("%s is for %s, %s for %s", o.busybox, arch, path, its)
	}
	return data, err
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
	names, err := exec.Command(busybox, "--list").Output()
	if err != nil {
		return nil, fmt.Errorf("%s --list: %w", busybox, err)
	}
	var links []ocipack.File
	for name := range strings.FieldsSeq(string(names)) {
		if name != "busybox" {
			links = append(links, ocipack.File{Path: "usr/bin/" + name, Link: "busybox"})
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
