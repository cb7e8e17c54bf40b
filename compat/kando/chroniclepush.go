package kando

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/store"
)

// chronicle is what `chronicle push` is asked for.
type chronicle struct {
	profileFile, pathFile, envDir string
	frequency                     time.Duration
	command                       string
	stderr                        io.Writer
}

func newChroniclePush() *cobra.Command {
	c := &chronicle{}
	cmd := &cobra.Command{
		Use:   "push COMMAND…",
		Short: "Run a command again and again and upload its output, until a signal comes",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c.command, c.stderr = strings.Join(args, " "), cmd.ErrOrStderr()
			return c.run(cmd.Context())
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&c.profileFile, "profile-path", "p", "", "file with the profile as JSON; read anew each time, and waited for")
	flags.StringVarP(&c.pathFile, "artifact-path", "s", "", "file with the path of the chronicle, below the profile's prefix; read anew each time")
	flags.StringVarP(&c.envDir, "env-dir", "e", "", "folder with a file for each variable that the command gets")
	flags.DurationVarP(&c.frequency, "frequency", "f", time.Minute, "time from one start to the next")
	return cmd
}

// run ends without an error when it is told to stop.
func (c *chronicle) run(ctx context.Context) error {
	if c.profileFile == "" || c.pathFile == "" {
		return errors.New("--profile-path and --artifact-path are needed: the files with the profile and with the path of the chronicle")
	}
	if c.frequency <= 0 {
		return fmt.Errorf("--frequency: %s is no time to wait", c.frequency)
	}
	ticks := time.NewTicker(c.frequency)
	defer ticks.Stop()
	for {
		err := c.once(ctx)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // what was interrupted left nothing behind
		}
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticks.C:
		}
	}
}

// once runs the command and keeps its output. Without a profile there is nothing to do
// yet.
func (c *chronicle) once(ctx context.Context) error {
	src, err := os.ReadFile(c.profileFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	profile, err := compat.ParseProfile(src)
	if err != nil {
		return fmt.Errorf("%s: %w", c.profileFile, err)
	}
	path, err := os.ReadFile(c.pathFile)
	if err != nil {
		return err
	}
	s, err := store.Open(ctx, profile)
	if err != nil {
		return err
	}
	err = c.keep(ctx, s, profile, strings.TrimSpace(string(path)))
	return errors.Join(err, s.Close())
}

// keep stores the output, then the manifest, and removes the output before it.
func (c *chronicle) keep(ctx context.Context, s store.Store, profile *compat.Profile, path string) error {
	manifest, err := store.Key(profile, path)
	if err != nil {
		return fmt.Errorf("%s: %w", c.pathFile, err)
	}
	last, err := readManifest(ctx, s, manifest)
	if err != nil {
		return err
	}
	next := nextPath(path, last)
	if err := c.store(ctx, s, profile, next); err != nil {
		return err
	}
	if _, err := s.Put(ctx, manifest, strings.NewReader(next)); err != nil {
		return err
	}
	old, err := store.Key(profile, last)
	if last == "" || err != nil {
		return nil //nolint:nilerr // the manifest was not of our making: nothing is known to be old
	}
	return s.Delete(ctx, old)
}

// store uploads what the command prints. If the command fails, nothing is stored.
func (c *chronicle) store(ctx context.Context, s store.Store, profile *compat.Profile, path string) error {
	key, err := store.Key(profile, path)
	if err != nil {
		return err
	}
	env, err := c.env()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends a command whose output cannot be stored
	cmd := exec.CommandContext(ctx, "sh", "-c", c.command)
	cmd.Env, cmd.Stderr = env, c.stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	wait := sync.OnceValue(cmd.Wait)
	_, err = s.Put(ctx, key, &commandOutput{Reader: out, wait: wait})
	cancel()
	_ = wait() // its failure is in err; otherwise it is the end that was just made
	return err
}

// env are the variables of this process and those of the folder.
func (c *chronicle) env() ([]string, error) {
	env := os.Environ()
	if c.envDir == "" {
		return env, nil
	}
	files, err := os.ReadDir(c.envDir)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		path := filepath.Join(c.envDir, f.Name())
		// Mounted Secrets are links, and have folders beside them.
		if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
			continue
		}
		value, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		env = append(env, f.Name()+"="+strings.TrimRight(string(value), "\n"))
	}
	return env, nil
}

// commandOutput ends with the command's failure instead of the end of its output, so
// that half an output is never taken for a whole one.
type commandOutput struct {
	io.Reader
	wait func() error // gives the same answer each time
}

// Read implements io.Reader.
func (c *commandOutput) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if !errors.Is(err, io.EOF) {
		return n, err
	}
	if failed := c.wait(); failed != nil {
		return n, fmt.Errorf("the command of the chronicle: %w", failed)
	}
	return n, io.EOF
}
