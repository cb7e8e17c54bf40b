package cli

import (
	"github.com/spf13/cobra"

	"github.com/rescuecue/rescue/interp"
)

// CompleteAction completes the actions of the blueprint that the flag names. It is for
// ValidArgsFunction of commands whose one argument is an action.
func CompleteAction(flag string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		path, err := cmd.Flags().GetString(flag)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		return actionsOf(path), cobra.ShellCompDirectiveNoFileComp
	}
}

// CompleteActionOfFile completes the value of a flag with the actions of the blueprint
// that is the first argument.
func CompleteActionOfFile(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return actionsOf(args[0]), cobra.ShellCompDirectiveNoFileComp
}

// completeActionFlag completes a flag so. It panics where the flag does not exist, which
// is a mistake of the program.
func completeActionFlag(cmd *cobra.Command, flag string) {
	if err := cmd.RegisterFlagCompletionFunc(flag, CompleteActionOfFile); err != nil {
		panic(err)
	}
}

// actionsOf lists the actions of a blueprint. Of one that cannot be read, there is
// nothing to complete: the command itself says why.
func actionsOf(path string) []string {
	if path == "" || path == "-" {
		return nil
	}
	b, err := interp.Load(path, nil)
	if err != nil {
		return nil
	}
	return b.Actions()
}
