package cli

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rescuecue/rescue/interp/blueprinttest"
)

type testFlags struct {
	format  string
	run     string
	verbose bool
}

var testFormats = []string{"text", "json", "junit"}

func testCommand(s Streams) *cobra.Command {
	f := &testFlags{}
	cmd := &cobra.Command{
		Use:   "test [PATH…]",
		Short: "Run the tests of blueprints",
		Long: `test runs the tests that stand beside blueprints, in CUE: what an action is given,
what the functions of its phases return or that they fail, and which arguments, order,
artifacts or error are expected. Nothing is done to a cluster: the functions do nothing.

A PATH is a CUE file or a folder that is searched for tests; without one it is the
current folder. The exit code is 1 if a test fails, or if there is none.`,
		Example: `  rescue test
  rescue test --run 'restore' ./examples/postgresql
  rescue test --format junit > report.xml`,
		ValidArgsFunction: cueFiles,
		RunE:              func(_ *cobra.Command, args []string) error { return f.test(s, args) },
	}
	cmd.Flags().StringVar(&f.format, "format", "text", "`FORMAT` of the report: "+strings.Join(testFormats, ", "))
	cmd.Flags().StringVar(&f.run, "run", "", "run only the tests whose name matches the `REGEXP`")
	cmd.Flags().BoolVarP(&f.verbose, "verbose", "v", false, "name the tests that pass, too")
	complete(cmd, "format", testFormats)
	return cmd
}

func (f *testFlags) test(s Streams, paths []string) error {
	if !slices.Contains(testFormats, f.format) {
		return usage("--format: expected one of %s, found %q", strings.Join(testFormats, ", "), f.format)
	}
	filter, err := regexp.Compile(f.run)
	if err != nil {
		return usage("--run: %w", err)
	}
	if len(paths) == 0 {
		paths = []string{"."}
	}
	places, err := blueprinttest.Find(paths)
	if err != nil {
		return cannot(err)
	}
	report := blueprinttest.RunAll(places, filter.MatchString)
	if err := f.write(s.Stdout, report); err != nil {
		return cannot(err)
	}
	return f.verdict(s, report, paths)
}

func (f *testFlags) write(w io.Writer, r *blueprinttest.Report) error {
	switch f.format {
	case "json":
		return r.WriteJSON(w)
	case "junit":
		return r.WriteJUnit(w)
	}
	return r.WriteText(w, f.verbose)
}

// verdict makes the exit code. That nothing was tested is no success: a pattern or a
// folder may be misspelt.
func (f *testFlags) verdict(s Streams, r *blueprinttest.Report, paths []string) error {
	passed, failed, broken := r.Count()
	switch {
	case broken+failed > 0:
		fmt.Fprintf(s.Stderr, "%s passed, %d failed", count(passed, "test"), failed)
		if broken > 0 {
			fmt.Fprintf(s.Stderr, ", %s cannot be read", count(broken, "package"))
		}
		fmt.Fprintln(s.Stderr)
		return &ExitError{Code: ExitFindings}
	case passed > 0:
		fmt.Fprintf(s.Stderr, "%s passed\n", count(passed, "test"))
		return nil
	case len(r.Packages) > 0 && f.run != "":
		return &ExitError{ExitFindings, fmt.Errorf("no test matches %q", f.run)}
	}
	return &ExitError{ExitFindings, fmt.Errorf("no tests in %s; they are CUE fields `tests: NAME: schema.#Test & {…}`", strings.Join(paths, ", "))}
}
