package main

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/rescuecue/rescue/cmd/internal/cli"
	"github.com/rescuecue/rescue/compat/kando"
	"github.com/rescuecue/rescue/funcs/mover/agent"
)

// moverCommand is what the data functions run inside of containers. It is hidden
// because people have no use for it: its request comes on standard input.
func moverCommand(streams cli.Streams) *cobra.Command {
	return &cobra.Command{
		Use:   "mover [idle]",
		Short: "Move data between a volume and a backup location; run inside of containers",
		Long: `mover moves data between a volume and a backup location, inside of a container. The
data functions call it: a request in JSON comes on its standard input, progress and the
result go to standard output. With idle it does nothing until a signal comes, which keeps
a pod alive for requests.`,
		Hidden:             true,
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if slices.Contains(args, "--help") || slices.Contains(args, "-h") {
				return cmd.Help()
			}
			saveMemory()
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			return status(agent.Main(ctx, args, streams.Stdin, streams.Stdout, streams.Stderr))
		},
	}
}

// kandoCommand is Kanister's tool for scripts; the program also answers to the
// name kando.
func kandoCommand(streams cli.Streams) *cobra.Command {
	return &cobra.Command{
		Use:                "kando",
		Short:              "Kanister's tool for a blueprint's scripts: output, location, chronicle",
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			saveMemory()
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			return status(kando.Main(ctx, args, streams.Stdin, streams.Stdout, streams.Stderr))
		},
	}
}

// status hands on the exit code of a tool that has said itself what is wrong.
func status(code int) error {
	if code == 0 {
		return nil
	}
	return &cli.ExitError{Code: code}
}
