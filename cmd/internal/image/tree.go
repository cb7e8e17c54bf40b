package main

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/rescuecue/rescue/cmd/internal/ocipack"
)

// unneeded are directories that no program of an image reads, as patterns: texts for
// people, what starts services, character sets other than UTF-8, and code for
// PostgreSQL's compiler of queries, which is a library that images leave out.
var unneeded = []string{
	"usr/share/bash-completion", "usr/share/bug", "usr/share/doc", "usr/share/doc-base", "usr/share/info",
	"usr/share/lintian", "usr/share/locale", "usr/share/man", "usr/share/zsh",
	"usr/lib/systemd", "etc/init.d", "run", "usr/lib/*/gconv", "usr/lib/postgresql/*/lib/bitcode",
}

// needed tells whether an image needs a file. Licences stay with what they are for.
func needed(f ocipack.File) bool {
	if f.Path == "" {
		return false
	}
	if strings.HasPrefix(f.Path, "usr/share/doc/") && path.Base(f.Path) == "copyright" {
		return true
	}
	return !slices.ContainsFunc(unneeded, func(pattern string) bool { return below(f.Path, pattern) })
}

// below tells whether a path is a directory that matches, or in one.
func below(name, pattern string) bool {
	for ; name != "."; name = path.Dir(name) {
		// The patterns are ours, and well formed.
		if ok, _ := path.Match(pattern, name); ok {
			return true
		}
	}
	return false
}

// links adds links in usr/bin to the files that match, unless there is a program of
// that name.
func links(patterns []string, files []ocipack.File) ([]ocipack.File, error) {
	all := files
	for _, pattern := range patterns {
		count := 0
		for _, f := range files {
			ok, err := path.Match(pattern, f.Path)
			if err != nil {
				return nil, fmt.Errorf("-links: %q: %w", pattern, err)
			}
			if ok && !f.Dir {
				count++
				all = append(all, ocipack.File{Path: "usr/bin/" + path.Base(f.Path), Link: "/" + f.Path})
			}
		}
		if count == 0 {
			return nil, fmt.Errorf("-links: no file of the packages matches %q", pattern)
		}
	}
	return all, nil
}

// stack puts the parts of a layer together. Where two have the same path, the first
// counts: a program of a package is the whole of what an applet is.
func stack(packages, busybox, base []ocipack.File) []ocipack.File {
	files := slices.Concat(base, packages, shell(packages), busybox)
	for _, dir := range inUsr {
		if slices.ContainsFunc(files, func(f ocipack.File) bool { return strings.HasPrefix(f.Path, "usr/"+dir+"/") }) {
			files = append(files, ocipack.File{Path: dir, Link: "usr/" + dir})
		}
	}
	return files
}

// shell makes bash the image's shell if it is there. That of busybox runs its own
// applets, and never the programs of packages with the same names.
func shell(packages []ocipack.File) []ocipack.File {
	if slices.ContainsFunc(packages, func(f ocipack.File) bool { return f.Path == "usr/bin/bash" }) {
		return []ocipack.File{{Path: "usr/bin/sh", Link: "bash"}}
	}
	return nil
}
