package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rescuecue/rescue/interp/vet"
	"github.com/rescuecue/rescue/schema"
)

// complete offers values for a flag. It panics where the flag does not exist,
// which is a mistake of the program.
func complete(cmd *cobra.Command, flag string, values []string) {
	if err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err)
	}
}

// completeBy offers values for a flag that take time to find.
func completeBy(cmd *cobra.Command, flag string, values func() []string) {
	find := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return values(), cobra.ShellCompDirectiveNoFileComp
	}
	if err := cmd.RegisterFlagCompletionFunc(flag, find); err != nil {
		panic(err)
	}
}

// BlueprintFiles completes files that may hold a blueprint, and folders. It is for
// arguments and for flags.
func BlueprintFiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"cue", "yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
}

// explainNames completes functions, after a dot their arguments, and rules.
func explainNames(_ *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	if name, _, dotted := strings.Cut(typed, "."); dotted {
		return argumentNames(name), cobra.ShellCompDirectiveNoFileComp
	}
	names := append(schema.FunctionNames(), append(rootNames(), "rules")...)
	for _, r := range vet.Rules() {
		names = append(names, r.Name)
	}
	names = slices.DeleteFunc(names, func(n string) bool { return !strings.HasPrefix(strings.ToLower(n), strings.ToLower(typed)) })
	return names, cobra.ShellCompDirectiveNoFileComp
}

func argumentNames(function string) []string {
	f, ok := schema.Function(function)
	if !ok {
		return fieldPaths(function)
	}
	var names []string
	for _, a := range f.Args {
		names = append(names, function+".args."+a.Name)
	}
	for _, o := range f.Outputs {
		names = append(names, function+".output."+o.Name)
	}
	return names
}
