package kando

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rescuecue/rescue/funcs/store"
)

// A chronicle is the output of a command that is run again and again. Each run is an
// object of its own, PATH-NUMBER. The object PATH, the manifest, names the last one
// that is whole.

func newChronicle() *cobra.Command {
	cmd := &cobra.Command{Use: "chronicle", Short: "Keep the output of a command that is run again and again", Args: onlyCommands,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(newChroniclePush(), newChroniclePull())
	return cmd
}

// manifestLimit bounds the manifest, which is a path.
const manifestLimit = 4 << 10

// readManifest returns the path that the manifest at a key names, empty if there is none.
func readManifest(ctx context.Context, s store.Store, key string) (string, error) {
	var text bytes.Buffer
	_, err := s.Get(ctx, key, &limitedWriter{w: &text, left: manifestLimit})
	if errors.Is(err, store.ErrNotFound) {
		return "", nil
	}
	return strings.TrimSpace(text.String()), err
}

// limitedWriter refuses what is too long.
type limitedWriter struct {
	w    io.Writer
	left int
}

// Write implements io.Writer.
func (l *limitedWriter) Write(b []byte) (int, error) {
	if l.left -= len(b); l.left < 0 {
		return 0, errors.New("this is not the manifest of a chronicle: it is too long")
	}
	return l.w.Write(b)
}

// nextPath returns the path of the run after the one that the manifest names.
func nextPath(path, last string) string {
	number, err := strconv.Atoi(strings.TrimPrefix(last, path+"-"))
	if err != nil || !strings.HasPrefix(last, path+"-") {
		return path + "-0"
	}
	return fmt.Sprintf("%s-%d", path, number+1)
}
