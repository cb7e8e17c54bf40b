package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path"
	"path/filepath"
	"strings"

	"github.com/rescuecue/rescue/cmd/internal/ocipack"
)

// unpacked returns the files of the packages asked for.
func (o options) unpacked(arch string) ([]ocipack.File, error) {
	wanted := list(o.packages)
	if len(wanted) == 0 {
		return nil, nil
	}
	debs, err := fetch(wanted, list(o.without), arch, o.cache)
	if err != nil {
		return nil, err
	}
	var files []ocipack.File
	for _, deb := range debs {
		more, err := unpack(deb)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Base(deb), err)
		}
		files = append(files, more...)
	}
	return links(list(o.links), files)
}

// unpack reads a package. Its scripts do not run, so what they would make is not
// there: users, alternatives, caches. The C library finds Debian's libraries without
// its cache.
func unpack(deb string) ([]ocipack.File, error) {
	files, err := contents(deb)
	if err != nil {
		return nil, err
	}
	control, err := output("dpkg-deb", "--field", deb)
	if err != nil {
		return nil, err
	}
	name, _, _ := strings.Cut(filepath.Base(deb), "_")
	// This is where scanners of images look for packages that were not installed by dpkg.
	return append(files, ocipack.File{Path: "var/lib/dpkg/status.d/" + name, Mode: 0o644, Data: control}), nil
}

// contents reads the files of a package that an image needs.
func contents(deb string) ([]ocipack.File, error) {
	data, err := output("dpkg-deb", "--fsys-tarfile", deb)
	if err != nil {
		return nil, err
	}
	var files []ocipack.File
	byPath := map[string]ocipack.File{}
	in := tar.NewReader(bytes.NewReader(data))
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		f, err := entry(h, in, byPath)
		if err != nil {
			return nil, err
		}
		byPath[f.Path] = f
		if needed(f) {
			files = append(files, f)
		}
	}
}

// entry reads one file. A hard link becomes a file of its own.
func entry(h *tar.Header, in io.Reader, before map[string]ocipack.File) (ocipack.File, error) {
	f := ocipack.File{Path: merged(h.Name), Mode: h.Mode & 0o7777, UID: h.Uid, GID: h.Gid}
	var err error
	switch h.Typeflag {
	case tar.TypeDir:
		f.Dir = true
	case tar.TypeSymlink:
		f.Link = h.Linkname
	case tar.TypeReg:
		f.Data, err = io.ReadAll(in)
	case tar.TypeLink:
		to, ok := before[merged(h.Linkname)]
		if !ok {
			err = fmt.Errorf("%s is a link to %s, which does not come before it", h.Name, h.Linkname)
		}
		f.Data, f.Link = to.Data, to.Link
	default:
		err = fmt.Errorf("%s is of type %q, which images do not have", h.Name, h.Typeflag)
	}
	return f, err
}

func output(program string, args ...string) ([]byte, error) {
	cmd := exec.Command(program, args...)
	var talk bytes.Buffer
	cmd.Stderr = &talk
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, strings.TrimSpace(talk.String()))
	}
	return out, nil
}

// inUsr are the directories that are links into usr, as on every Debian of today.
// Packages may still have files in them.
var inUsr = []string{"bin", "sbin", "lib", "lib32", "lib64", "libx32"}

// merged is where a file of a package lies. Paths start with "./" there.
func merged(name string) string {
	name = strings.TrimPrefix(path.Clean("/"+name), "/")
	first, _, _ := strings.Cut(name, "/")
	for _, dir := range inUsr {
		if first == dir {
			return "usr/" + name
		}
	}
	return name
}
