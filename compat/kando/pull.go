package kando

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/rescuecue/rescue/funcs/store"
)

func newPull(f *locationFlags) *cobra.Command {
	return f.snapshotFlag(&cobra.Command{
		Use:   "pull TARGET|-",
		Short: "Download to a file, or to standard output",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.use(cmd.Context(), func(s store.Store, key string) error {
				return pull(cmd, s, key, args[0])
			})
		},
	})
}

func pull(cmd *cobra.Command, s store.Store, key, target string) error {
	if target == "-" {
		_, err := s.Get(cmd.Context(), key, cmd.OutOrStdout())
		return err
	}
	out := &lazyFile{name: target}
	_, err := s.Get(cmd.Context(), key, out)
	return out.finish(err)
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
