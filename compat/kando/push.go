package kando

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/rescuecue/rescue/compat/phaseoutput"
)

func newPush(f *locationFlags) *cobra.Command {
	var outputName string
	cmd := &cobra.Command{
		Use:   "push SOURCE|-",
		Short: "Upload a file, or standard input; to a Kopia repository server also a directory",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			// A wrong name would show only after the upload.
			if err := phaseoutput.CheckKey(outputName); err != nil {
				return fmt.Errorf("--output-name: %w", err)
			}
			return f.push(cmd, args[0], outputName)
		},
	}
	cmd.Flags().StringVarP(&outputName, "output-name", "o", "kandoOutput",
		"name of the output that says which snapshot a Kopia repository server made; other locations make none, and give no output")
	return cmd
}

// push prints the output only once everything is stored and the place is closed.
func (f *locationFlags) push(cmd *cobra.Command, source, outputName string) error {
	var output string
	err := f.use(cmd, func(ctx context.Context, p place) (err error) {
		output, err = p.push(ctx, source, cmd.InOrStdin())
		return err
	})
	if err != nil || output == "" {
		return err
	}
	return phaseoutput.Write(cmd.OutOrStdout(), outputName, output)
}

// openSource refuses a terminal: somebody forgot the pipe. A directory is no stream.
func openSource(ctx context.Context, name string, stdin io.Reader) (io.ReadCloser, error) {
	if name != stdio {
		return openFile(ctx, name)
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

func openFile(ctx context.Context, name string) (io.ReadCloser, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, fmt.Errorf("%s is a directory, and this location keeps single objects; write tar -c -C %s . | kando location push -", name, name)
	}
	file, err := openWhenWritten(ctx, name, info)
	if err != nil || info.Mode().IsRegular() {
		return file, err
	}
	return &pipeFile{ReadCloser: interruptible(ctx, file), file: file}, nil
}

// openWhenWritten opens a file. That of a named pipe waits for the writer, and is left
// behind if ctx ends first: the process is about to end as well.
func openWhenWritten(ctx context.Context, name string, info os.FileInfo) (*os.File, error) {
	if info.Mode().IsRegular() {
		return os.Open(name)
	}
	type opened struct {
		file *os.File
		err  error
	}
	done := make(chan opened, 1)
	go func() {
		file, err := os.Open(name)
		done <- opened{file, err}
	}()
	select {
	case o := <-done:
		return o.file, o.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// pipeFile is an interruptible reader of a file that is closed with it.
type pipeFile struct {
	io.ReadCloser
	file *os.File
}

// Close implements io.Closer.
func (p *pipeFile) Close() error { return errors.Join(p.ReadCloser.Close(), p.file.Close()) }
