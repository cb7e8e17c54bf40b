package kando

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/store"
)

// locationFlags are those of the commands that work on a location.
type locationFlags struct {
	path, profile, profileFile, snapshot, server string
}

func newLocation() *cobra.Command {
	f := &locationFlags{}
	cmd := &cobra.Command{Use: "location", Short: "Copy to and from the location of a profile", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	flags := cmd.PersistentFlags()
	flags.StringVarP(&f.path, "path", "s", "", "where in the location, below the profile's prefix")
	flags.StringVarP(&f.profile, "profile", "p", "", "the profile as JSON, as {{ toJson .Profile }} renders it")
	flags.StringVar(&f.profileFile, "profile-file", "", "a file with that JSON, which other processes do not see in the command line")
	flags.StringVarP(&f.server, "repository-server", "r", "", "a Kopia repository server; not supported")
	cmd.AddCommand(newPush(f), newPull(f), newDelete(f))
	return cmd
}

// snapshotFlag is for the commands that read what was pushed.
func (f *locationFlags) snapshotFlag(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().StringVarP(&f.snapshot, "kopia-snapshot", "k", "", "a Kopia snapshot; not supported")
	return cmd
}

// open returns the store and the object's key.
func (f *locationFlags) open(ctx context.Context) (store.Store, string, error) {
	if f.snapshot != "" || f.server != "" {
		return nil, "", errors.New("snapshots and repository servers of Kopia are not supported; leave --kopia-snapshot and --repository-server out and give a profile of type s3Compliant or filesystem")
	}
	p, err := f.readProfile()
	if err != nil {
		return nil, "", fmt.Errorf("profile: %w", err)
	}
	if f.path == "" {
		return nil, "", errors.New("--path is missing: where in the location")
	}
	key, err := store.Key(p, f.path)
	if err != nil {
		return nil, "", err
	}
	s, err := store.Open(ctx, p)
	return s, key, err
}

func (f *locationFlags) readProfile() (*compat.Profile, error) {
	switch {
	case f.profile != "" && f.profileFile != "":
		return nil, errors.New("give --profile or --profile-file, not both")
	case f.profile != "":
		return compat.ParseProfile([]byte(f.profile))
	case f.profileFile == "":
		return nil, errors.New("--profile is missing; in a blueprint write --profile '{{ toJson .Profile }}'")
	}
	src, err := os.ReadFile(f.profileFile)
	if err != nil {
		return nil, err
	}
	return compat.ParseProfile(src)
}

// use runs work on the store and closes it.
func (f *locationFlags) use(ctx context.Context, work func(s store.Store, key string) error) error {
	s, key, err := f.open(ctx)
	if err != nil {
		return err
	}
	return errors.Join(work(s, key), s.Close())
}
