// Command image packs an image for pods: the programs rescue (which is kando as well)
// and kopia as they are given, the shell and utilities of a static busybox, and
// Debian packages with all that they need. It needs no container engine, and no
// network but for packages that were not fetched before.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/rescuecue/rescue/cmd/internal/ocipack"
)

type options struct {
	name, rescue, kopia, busybox, certificates, out string
	packages, without, links, users                 string
	cache                                           string
}

func main() {
	var o options
	flag.StringVar(&o.name, "name", "localhost/rescue-tools:dev", "name and tag of the image")
	flag.StringVar(&o.rescue, "rescue", "", "the rescue program, built with CGO_ENABLED=0; empty for none")
	flag.StringVar(&o.kopia, "kopia", "", "the kopia program, built with CGO_ENABLED=0, for repository servers; empty for none")
	flag.StringVar(&o.busybox, "busybox", "/bin/busybox", "a static busybox")
	flag.StringVar(&o.certificates, "certificates", "/etc/ssl/certs/ca-certificates.crt",
		"certificates of the authorities that TLS servers are checked with; empty for none")
	flag.StringVar(&o.packages, "packages", "", "Debian packages, with commas between them; apt finds what they depend on")
	flag.StringVar(&o.without, "without", "", "packages that others ask for and this image does without, and without what they alone need")
	flag.StringVar(&o.links, "links", "", "patterns of programs of the packages to link into usr/bin, such as usr/lib/postgresql/*/bin/*")
	flag.StringVar(&o.users, "users", "", "users beside root and nobody: NAME:NUMBER:HOME, with commas between them")
	flag.StringVar(&o.cache, "cache", "dist/debs", "directory where downloaded packages stay")
	flag.StringVar(&o.out, "o", "", "the archive to write")
	flag.Parse()
	if o.out == "" || flag.NArg() > 0 {
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
	programs, err := o.programs()
	if err != nil {
		return err
	}
	base, err := o.base()
	if err != nil {
		return err
	}
	packages, err := o.unpacked(programs.arch)
	if err != nil {
		return err
	}
	img := ocipack.Image{
		Name:         o.name,
		Architecture: programs.arch,
		Env: []string{
			"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
			"LANG=C.UTF-8",
		},
		// The rest stays the same from one build of rescue to the next.
		Layers: [][]ocipack.File{stack(packages, programs.busybox, base), programs.kopia, programs.rescue},
	}
	if o.rescue != "" {
		img.Entrypoint = []string{"/usr/local/bin/rescue"}
	}
	return write(o.out, img)
}

// base are the files of every image.
func (o options) base() ([]ocipack.File, error) {
	people, err := users(list(o.users))
	if err != nil {
		return nil, err
	}
	certificates, err := certificates(o.certificates)
	if err != nil {
		return nil, err
	}
	return append(append(people, certificates...),
		ocipack.File{Path: "tmp", Mode: 0o1777, Dir: true},
		ocipack.File{Path: "root", Mode: 0o700, Dir: true},
	), nil
}

// list splits an option. Blanks and empty elements do not count.
func list(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
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
