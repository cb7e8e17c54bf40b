package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/rescuecue/rescue/schema/suggest"
)

// checkCalls makes whatever is wrong with the arguments of cmd, or of a command below
// it, a usage error that says how the call should be.
func checkCalls(cmd *cobra.Command) {
	check := cmd.Args
	cmd.Args = func(c *cobra.Command, args []string) error {
		if c.HasAvailableSubCommands() && len(args) > 0 {
			return usage("%w", noCommand(c, args[0]))
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

// noCommand says that parent has no command of that name, and which was meant.
func noCommand(parent *cobra.Command, name string) error {
	var names []string
	for _, c := range parent.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	return fmt.Errorf("%s has no command %q%s", parent.CommandPath(), name, didYouMean(name, names, ""))
}

// wrongFlag is a usage error of cmd's flags, with the flag that was meant.
func wrongFlag(cmd *cobra.Command, err error) error {
	unknown := (*pflag.NotExistError)(nil)
	if !errors.As(err, &unknown) || unknown.GetSpecifiedShortnames() != "" {
		return usage("%w", err)
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	return usage("%w%s", err, didYouMean(unknown.GetSpecifiedName(), names, "--"))
}

func didYouMean(name string, candidates []string, prefix string) string {
	near := suggest.Nearest(name, candidates)
	if near == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %s%s?", prefix, near)
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
		return usage("%w", noCommand(about, rest[0]))
	}
	about.InitDefaultHelpFlag()
	return cannot(about.Help())
}
