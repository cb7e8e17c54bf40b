// Package kando is the tool that the scripts of blueprints call inside containers:
// it hands outputs to later phases, and copies streams to and from the location of
// a Profile. Commands, flags and exit status are those of Kanister's kando.
package kando

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/rescuecue/rescue/funcs/store"
	"github.com/rescuecue/rescue/schema/suggest/call"
)

// exitFailure is the status of every failure, whatever the reason, as in Kanister.
const exitFailure = 69

// Main runs kando with the arguments after its name and returns its exit status.
// Results go to stdout, errors to stderr.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	cmd := newCommand()
	cmd.SetArgs(append([]string{}, args...)) // cobra takes nil for the arguments of the process
	cmd.SetIn(stdin)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	keys := &store.Learned{}
	if err := cmd.ExecuteContext(store.Learning(ctx, keys.Add)); err != nil {
		// What is printed gets into the log of a run, which does not know the keys of a role.
		fmt.Fprintf(stderr, "kando: %s\n", keys.Mask(err.Error()))
		return exitFailure
	}
	return 0
}

func newCommand() *cobra.Command {
	root := &cobra.Command{
		Use:               "kando",
		Short:             "Outputs and object storage for the scripts of blueprints",
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		Args:              onlyCommands,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(call.WrongFlag)
	root.PersistentFlags().StringP("verbosity", "v", "warn", "taken for Kanister's sake; kando prints errors only")
	root.AddCommand(newOutput(), newLocation(), newChronicle())
	for _, other := range []struct{ name, advice string }{
		{"process", "start the program as a container of its own, or in the background of the script"},
		{"stream", "use location push with a profile of the type kopia, or with --repository-server"},
	} {
		root.AddCommand(notSupported(other.name, other.advice))
	}
	return root
}

// onlyCommands refuses the arguments of a command that is nothing without those below it.
func onlyCommands(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return call.NoCommand(cmd, args[0])
}

// notSupported is a command of Kanister's that is not here. Kanister's own programs
// call it, no script of a blueprint is known to.
func notSupported(name, advice string) *cobra.Command {
	return &cobra.Command{
		Use:                name,
		Hidden:             true,
		DisableFlagParsing: true,
		RunE: func(*cobra.Command, []string) error {
			return fmt.Errorf("%s is a command of Kanister's kando that rescue does not support: %s", name, advice)
		},
	}
}
