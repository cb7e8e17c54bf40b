package kando

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/spf13/cobra"
)

func newPull(f *locationFlags) *cobra.Command {
	return f.snapshotFlag(&cobra.Command{
		Use:   "pull TARGET|-",
		Short: "Download to a file, or to standard output",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.use(cmd, func(ctx context.Context, p place) error {
				return p.pull(ctx, args[0], cmd.OutOrStdout())
			})
		},
	})
}

// writeTo hands standard output or a file to write.
func writeTo(target string, stdout io.Writer, write func(io.Writer) error) error {
	if target == stdio {
		return write(stdout)
	}
	out := &lazyFile{name: target}
	return out.finish(write(out))
}

// lazyFile is made when the first byte arrives, so that an object that does not
// exist leaves the old file alone.
type lazyFile struct {
	name string
	file *os.File
}

func (f *lazyFile) Write(b []byte) (int, error) {
	if err := f.open(); err != nil {
		return 0, err
	}
	return f.file.Write(b)
}

func (f *lazyFile) open() (err error) {
	if f.file == nil {
		f.file, err = os.Create(f.name)
	}
	return err
}

// finish closes the file. After an error half a file would be taken for a whole
// one, so it goes; a device or a pipe stays.
func (f *lazyFile) finish(err error) error {
	if err == nil {
		err = f.open() // an empty object
	}
	if f.file == nil {
		return err
	}
	info, statErr := f.file.Stat()
	err = errors.Join(err, f.file.Close())
	if err != nil && statErr == nil && info.Mode().IsRegular() {
		return errors.Join(err, os.Remove(f.name))
	}
	return err
}
