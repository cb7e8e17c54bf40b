package kando

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/rescuecue/rescue/compat"
)

// locationFlags are those of the commands that work on a location.
type locationFlags struct {
	path, profile, profileFile, server, host, snapshot string
}

func newLocation() *cobra.Command {
	f := &locationFlags{}
	cmd := &cobra.Command{
		Use:   "location",
		Short: "Copy to and from the location of a profile, or a Kopia repository server",
		Args:  onlyCommands,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	flags := cmd.PersistentFlags()
	flags.StringVarP(&f.path, "path", "s", "", "where in the location, below the profile's prefix")
	flags.StringVarP(&f.profile, "profile", "p", "", "the profile as JSON, as {{ toJson .Profile }} renders it")
	flags.StringVar(&f.profileFile, "profile-file", "", "a file with that JSON, which other processes do not see in the command line")
	flags.StringVarP(&f.server, "repository-server", "r", "", "a Kopia repository server as JSON, as {{ toJson .RepositoryServer }} renders it, instead of a profile")
	flags.StringVarP(&f.host, "repository-server-user-hostname", "c", "", "the host name to log in to that server with (default: its only one)")
	cmd.AddCommand(newPush(f), newPull(f), newDelete(f))
	return cmd
}

// snapshotFlag is for the commands that read what was pushed.
func (f *locationFlags) snapshotFlag(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().StringVarP(&f.snapshot, "kopia-snapshot", "k", "", "the output of a push to a Kopia repository server, which names its snapshot")
	return cmd
}

// A place is where data is kept: an object store, or a repository of snapshots.
type place interface {
	// push stores a source, and returns what its output is, empty if it has none.
	push(ctx context.Context, source string, stdin io.Reader) (string, error)
	// pull copies what was pushed to a target.
	pull(ctx context.Context, target string, stdout io.Writer) error
	delete(ctx context.Context) error
	close(ctx context.Context) error
}

// stdio is the name of standard input as a source, and of standard output as a target.
const stdio = "-"

// use runs work on the place and closes it.
func (f *locationFlags) use(cmd *cobra.Command, work func(ctx context.Context, p place) error) error {
	ctx := cmd.Context()
	p, err := f.open(ctx, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	err = work(ctx, p)
	return errors.Join(err, p.close(context.WithoutCancel(ctx)))
}

func (f *locationFlags) open(ctx context.Context, talk io.Writer) (place, error) {
	profile, err := f.readProfile()
	if err != nil {
		return nil, err
	}
	if f.path == "" {
		return nil, errors.New("--path is missing: where in the location")
	}
	if profile.Location.Type == compat.LocationKopia {
		return openSnapshots(ctx, profile, f, talk)
	}
	return openObjects(ctx, profile, f)
}

// readProfile reads the one flag that says where the location is.
func (f *locationFlags) readProfile() (*compat.Profile, error) {
	given := 0
	for _, flag := range []string{f.profile, f.profileFile, f.server} {
		if flag != "" {
			given++
		}
	}
	switch {
	case given > 1:
		return nil, errors.New("give one of --profile, --profile-file and --repository-server")
	case given == 0:
		return nil, errors.New("--profile is missing; in a blueprint write --profile '{{ toJson .Profile }}'")
	case f.server != "":
		return f.serverProfile()
	case f.host != "":
		return nil, errors.New("--repository-server-user-hostname belongs to --repository-server: a profile has its host name in it")
	}
	p, err := f.parseProfile()
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	return p, nil
}

func (f *locationFlags) parseProfile() (*compat.Profile, error) {
	if f.profile != "" {
		return compat.ParseProfile([]byte(f.profile))
	}
	src, err := os.ReadFile(f.profileFile)
	if err != nil {
		return nil, err
	}
	return compat.ParseProfile(src)
}

func (f *locationFlags) serverProfile() (*compat.Profile, error) {
	server, err := compat.ParseRepositoryServer([]byte(f.server))
	if err != nil {
		return nil, fmt.Errorf("repository server: %w", err)
	}
	return server.ClientProfile(f.host)
}
