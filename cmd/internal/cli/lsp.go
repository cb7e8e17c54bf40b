package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/rescuecue/rescue/cmd/internal/lsp"
)

func lspCommand(s Streams) *cobra.Command {
	var stdio bool
	cmd := &cobra.Command{
		Use:   "lsp",
		Short: "Serve an editor: findings, documentation, completion and quick fixes",
		Long: `lsp is a language server for blueprints, CUE and legacy YAML. An editor starts it and
speaks with it over standard input and output; docs/editors.md says how to tell yours.
It checks with the rules of vet, and needs no cluster, network or credential.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return serveEditor(ctx, s)
		},
	}
	// Editors pass it to every server.
	cmd.Flags().BoolVar(&stdio, "stdio", true, "speak over standard input and output, the only way there is")
	return cmd
}

func serveEditor(ctx context.Context, s Streams) error {
	server := &lsp.Server{Version: readVersion().Version}
	err := server.Serve(ctx, s.Stdin, s.Stdout)
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return nil
	case errors.Is(err, lsp.ErrNoShutdown):
		// The protocol wants this code; nobody is left to read more.
		return &ExitError{Code: ExitFindings}
	}
	return cannot(fmt.Errorf("what came is no language server protocol: %w", err))
}
