package kando

import (
	"context"

	"github.com/spf13/cobra"
)

func newDelete(f *locationFlags) *cobra.Command {
	return f.snapshotFlag(&cobra.Command{
		Use:   "delete",
		Short: "Delete the object at the path and all below it, or a snapshot",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.use(cmd, func(ctx context.Context, p place) error { return p.delete(ctx) })
		},
	})
}
