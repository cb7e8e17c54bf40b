package kando

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rescuecue/rescue/compat/phaseoutput"
)

func newOutput() *cobra.Command {
	return &cobra.Command{
		Use:   "output KEY VALUE|-",
		Short: "Hand a value to later phases",
		Long: `Hand a value to later phases, which read it as phases.NAME.output.KEY.
With - the value is read from standard input, without the line ends at its end,
as the shell does for $(command).`,
		// A value may start with a dash.
		DisableFlagParsing: true,
		RunE:               runOutput,
	}
}

func runOutput(cmd *cobra.Command, args []string) error {
	args, help := withoutFlags(args)
	if help {
		return cmd.Help()
	}
	if len(args) != 2 {
		return fmt.Errorf("output takes a KEY and a VALUE, but got %d arguments; quote the value, and give - to read it from standard input", len(args))
	}
	if err := phaseoutput.CheckKey(args[0]); err != nil {
		return err
	}
	value := args[1]
	if value == "-" {
		var err error
		if value, err = readValue(interruptible(cmd.Context(), cmd.InOrStdin())); err != nil {
			return fmt.Errorf("output %s: %w", args[0], err)
		}
	}
	return phaseoutput.Write(cmd.OutOrStdout(), args[0], value)
}

// withoutFlags removes the flags before the key, of which only those of the
// logging level are known to be in use.
func withoutFlags(args []string) (rest []string, help bool) {
	for len(args) > 0 {
		switch a := args[0]; {
		case a == "-h" || a == "--help":
			return nil, true
		case a == "--":
			return args[1:], false
		case (a == "-v" || a == "--verbosity") && len(args) > 1:
			args = args[2:]
		case strings.HasPrefix(a, "--verbosity="):
			args = args[1:]
		default:
			return args, false
		}
	}
	return nil, false
}

func readValue(r io.Reader) (string, error) {
	src, err := io.ReadAll(io.LimitReader(r, phaseoutput.MaxSize+1))
	if err != nil {
		return "", err
	}
	if len(src) > phaseoutput.MaxSize {
		return "", errors.New("standard input is too long for an output")
	}
	return strings.TrimRight(string(src), "\r\n"), nil
}
