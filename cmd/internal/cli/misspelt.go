package cli

import (
	"github.com/spf13/cobra"

	"github.com/rescuecue/rescue/schema/suggest/call"
)

// checkCalls makes whatever is wrong with the arguments of cmd, or of a command below
// it, a usage error that says how the call should be.
func checkCalls(cmd *cobra.Command) {
	check := cmd.Args
	cmd.Args = func(c *cobra.Command, args []string) error {
		if c.HasAvailableSubCommands() && len(args) > 0 {
			return usage("%w", call.NoCommand(c, args[0]))
		}
		if check == nil {
			return nil
		}
		if err := check(c, args); err != nil {
			return usage("%w: %s", err, c.UseLine())
		}
		return nil
	}
	for _, sub := range cmd.Commands() {
		checkCalls(sub)
	}
}

// wrongFlag is a usage error of cmd's flags, with the flag that was meant.
func wrongFlag(cmd *cobra.Command, err error) error {
	return usage("%w", call.WrongFlag(cmd, err))
}

// callable adds the commands that cobra has for each program, and has them refuse names
// that there are none of, as all others do.
func callable(root *cobra.Command, args []string) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd(args...)
	for _, c := range root.Commands() {
		switch c.Name() {
		case "help":
			c.RunE = helpAbout
		case "completion":
			c.RunE = func(cmd *cobra.Command, _ []string) error { return cannot(cmd.Help()) }
		}
	}
}

// helpAbout shows the help of the command that args name.
func helpAbout(cmd *cobra.Command, args []string) error {
	about, rest, err := cmd.Root().Find(args)
	if err != nil {
		return usage("%w", err)
	}
	if about.DisableFlagParsing {
		about.SetContext(cmd.Context())
		return about.RunE(about, append(rest, "--help")) // a program of its own
	}
	if len(rest) > 0 {
		return usage("%w", call.NoCommand(about, rest[0]))
	}
	about.InitDefaultHelpFlag()
	return cannot(about.Help())
}
