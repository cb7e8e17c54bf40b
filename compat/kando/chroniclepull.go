package kando

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/store"
)

func newChroniclePull() *cobra.Command {
	f := &locationFlags{}
	cmd := &cobra.Command{
		Use:   "pull TARGET|-",
		Short: "Download the last output of a chronicle",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.use(cmd, func(ctx context.Context, p place) error {
				o, ok := p.(*objects)
				if !ok {
					return fmt.Errorf("a chronicle is kept as objects, which a location of the type %s cannot hold", compat.LocationKopia)
				}
				return o.pullChronicle(ctx, args[0], cmd.OutOrStdout())
			})
		},
	}
	cmd.Flags().StringVarP(&f.path, "path", "s", "", "path of the chronicle, below the profile's prefix")
	cmd.Flags().StringVarP(&f.profile, "profile", "p", "", "the profile as JSON, as {{ toJson .Profile }} renders it")
	return cmd
}

func (o *objects) pullChronicle(ctx context.Context, target string, stdout io.Writer) error {
	last, err := readManifest(ctx, o.store, o.key)
	if err != nil {
		return err
	}
	if last == "" {
		return fmt.Errorf("chronicle %s: %w", o.key, store.ErrNotFound)
	}
	key, err := store.Key(o.profile, last)
	if err != nil {
		return fmt.Errorf("chronicle %s: %w", o.key, err)
	}
	return writeTo(target, stdout, func(w io.Writer) error {
		_, err := o.store.Get(ctx, key, w)
		return err
	})
}
