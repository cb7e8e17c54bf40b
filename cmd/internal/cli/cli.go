// Package cli has the commands of rescue that need no cluster, and what all
// commands share: streams, exit codes and the way errors are shown.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// Exit codes of all commands.
const (
	// ExitOK: all is well.
	ExitOK = 0
	// ExitFindings: vet found something, or a run failed.
	ExitFindings = 1
	// ExitUsage: the command line is wrong.
	ExitUsage = 2
	// ExitCannot: a file, the network or the cluster did not let us.
	ExitCannot = 3
)

// Streams are what a command reads and writes. Stdout gets results, Stderr what is
// said about them.
type Streams struct {
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
}

// An ExitError ends the program with the code. Without Err nothing more is said,
// because the command has said it.
type ExitError struct {
	Code int
	Err  error
}

func (e *ExitError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit code %d", e.Code)
	}
	return e.Err.Error()
}

// Unwrap returns Err.
func (e *ExitError) Unwrap() error { return e.Err }

// usage is an error in the command line.
func usage(format string, args ...any) error {
	return &ExitError{ExitUsage, fmt.Errorf(format, args...)}
}

// cannot wraps an error of the surroundings; nil stays nil.
func cannot(err error) error {
	if err == nil {
		return nil
	}
	return &ExitError{ExitCannot, err}
}

// Root returns the command `rescue` with the commands that need no cluster.
func Root(s Streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "rescue",
		Short: "Typed backup and restore of applications on Kubernetes",
		Long: `rescue checks, converts and runs blueprints: they say how to back up, restore and
delete one application on Kubernetes. A blueprint is CUE, or legacy Kanister YAML.`,
		Version:       readVersion().Version,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cannot(cmd.Help())
		},
	}
	root.SetIn(s.Stdin)
	root.SetOut(s.Stdout)
	root.SetErr(s.Stderr)
	root.AddCommand(vetCommand(s), convertCommand(s), exportCommand(s), renderCommand(s), testCommand(s), explainCommand(s), initCommand(s), lspCommand(s), schemaCommand(s), versionCommand(s))
	return root
}

// Main runs the commands that need no cluster, as the program of that name, and returns
// the exit code.
func Main(program string, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	s := Streams{stdin, stdout, stderr}
	root := Root(s)
	root.Use = program
	return Execute(root, s, args)
}

// Execute runs root with the arguments, shows the error if there is one, and
// returns the exit code. An error that is no ExitError counts as ExitCannot.
func Execute(root *cobra.Command, s Streams, args []string) int {
	lateGC()
	root.SetArgs(args)
	root.SetFlagErrorFunc(wrongFlag)
	callable(root, args)
	checkCalls(root)
	cmd, err := root.ExecuteContextC(context.Background())
	if err == nil {
		return ExitOK
	}
	exit := (*ExitError)(nil)
	if !errors.As(err, &exit) {
		exit = &ExitError{ExitCannot, err}
	}
	if exit.Err != nil {
		show(s.Stderr, root.Name(), cmd, exit)
	}
	return exit.Code
}

// show writes the error, a line for each of several, and where to read more after
// a wrong command line.
func show(w io.Writer, program string, cmd *cobra.Command, exit *ExitError) {
	for line := range strings.Lines(strings.TrimSpace(exit.Err.Error()) + "\n") {
		if strings.TrimSpace(line) != "" {
			fmt.Fprintf(w, "%s: %s", program, line)
		}
	}
	if exit.Code == ExitUsage && cmd != nil {
		fmt.Fprintf(w, "run `%s --help` for the usage\n", cmd.CommandPath())
	}
}
