package kando

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/rescuecue/rescue/compat/phaseoutput"
	"github.com/rescuecue/rescue/funcs/store"
)

func newPush(f *locationFlags) *cobra.Command {
	var outputName string
	cmd := &cobra.Command{
		Use:   "push SOURCE|-",
		Short: "Upload a file, or standard input",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			// Only Kopia gives something to output, but a wrong name is a mistake.
			if err := phaseoutput.CheckKey(outputName); err != nil {
				return fmt.Errorf("--output-name: %w", err)
			}
			return f.push(cmd, args[0])
		},
	}
	cmd.Flags().StringVarP(&outputName, "output-name", "o", "kandoOutput", "name of the output that Kopia's snapshot would be given to")
	return cmd
}

func (f *locationFlags) push(cmd *cobra.Command, source string) error {
	in, err := openSource(cmd.Context(), source, cmd.InOrStdin())
	if err != nil {
		return err
	}
	err = f.use(cmd.Context(), func(s store.Store, key string) error {
		_, err := s.Put(cmd.Context(), key, in)
		return err
	})
	return errors.Join(err, in.Close())
}

// openSource refuses a terminal: somebody forgot the pipe.
func openSource(ctx context.Context, name string, stdin io.Reader) (io.ReadCloser, error) {
	if name != "-" {
		return os.Open(name)
	}
	if file, ok := stdin.(*os.File); ok {
		info, err := file.Stat()
		if err != nil {
			return nil, fmt.Errorf("standard input: %w", err)
		}
		if info.Mode()&os.ModeCharDevice != 0 {
			return nil, errors.New("standard input is no pipe; write COMMAND | kando location push -")
		}
	}
	return interruptible(ctx, stdin), nil
}
