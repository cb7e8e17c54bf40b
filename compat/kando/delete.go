package kando

import (
	"github.com/spf13/cobra"

	"github.com/rescuecue/rescue/funcs/store"
)

func newDelete(f *locationFlags) *cobra.Command {
	return f.snapshotFlag(&cobra.Command{
		Use:   "delete",
		Short: "Delete the object at the path, and all below it",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.use(cmd.Context(), func(s store.Store, key string) error {
				_, err := store.DeletePrefix(cmd.Context(), s, key)
				return err
			})
		},
	})
}
