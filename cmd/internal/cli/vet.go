package cli

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/rescuecue/rescue/interp/vet"
)

type vetFlags struct {
	format    string
	failOn    string
	stdinName string
	kanister  string
	unsafe    bool

	// release is what kanister says; nil if that says nothing.
	release *vet.Release
}

var (
	vetFormats = []string{"text", "json", "sarif", "github", "junit"}
	failLevels = []string{"error", "warning"}
)

func vetCommand(s Streams) *cobra.Command {
	f := &vetFlags{}
	cmd := &cobra.Command{
		Use:   "vet [PATH…|-]",
		Short: "Check blueprints, CUE or legacy YAML",
		Long: `vet checks blueprints and reports every mistake at its line. It needs no cluster,
network or credential. ActionSets and Profiles are checked too; an ActionSet also
against the blueprint that it names, if that is among the files.

A PATH is a file, a folder that is searched for blueprints, or - for standard
input; without one it is the current folder. What the rules are about:
` + "`rescue explain RULE`.",
		Example: `  rescue vet blueprint.yaml
  rescue vet --format github ./blueprints
  rescue vet --kanister 0.119 ./blueprints
  rescue vet --stdin-filename bp.cue - < bp.cue`,
		ValidArgsFunction: blueprintFiles,
		RunE:              func(_ *cobra.Command, args []string) error { return f.run(s, args) },
	}
	cmd.Flags().StringVar(&f.format, "format", "text", "`FORMAT` of the report: "+strings.Join(vetFormats, ", "))
	cmd.Flags().StringVar(&f.failOn, "fail-on", "error", "lowest `SEVERITY` that makes the exit code 1: error or warning")
	cmd.Flags().StringVar(&f.stdinName, "stdin-filename", "", "`NAME` of standard input in the report; it also tells CUE from YAML")
	cmd.Flags().StringVar(&f.kanister, "kanister", "", "say also what that `RELEASE` of Kanister would refuse, such as 0.119")
	cmd.Flags().BoolVar(&f.unsafe, "allow-unsafe-templates", false, "let templates call env, expandenv and getHostByName, as the flag of that name of run does")
	complete(cmd, "format", vetFormats)
	complete(cmd, "fail-on", failLevels)
	return cmd
}

func (f *vetFlags) check() error {
	if !slices.Contains(vetFormats, f.format) {
		return usage("--format: expected one of %s, found %q", strings.Join(vetFormats, ", "), f.format)
	}
	if !slices.Contains(failLevels, f.failOn) {
		return usage("--fail-on: expected error or warning, found %q", f.failOn)
	}
	if f.kanister == "" {
		return nil
	}
	release, err := vet.ParseRelease(f.kanister)
	if err != nil {
		return usage("--kanister: %w", err)
	}
	f.release = &release
	return nil
}

// inKanister adds what the release that was asked about would refuse.
func (f *vetFlags) inKanister(s Streams, units []vet.Unit, findings []vet.Finding) []vet.Finding {
	if f.release == nil {
		return findings
	}
	if first, newest, known := f.release.Known(); !known {
		fmt.Fprintf(s.Stderr, "rescue: what Kanister %s has is not known: the releases from %s to %s are\n", f.release, first, newest)
	}
	return vet.JoinRelease(findings, vet.CheckRelease(units, *f.release))
}

func (f *vetFlags) run(s Streams, paths []string) error {
	if err := f.check(); err != nil {
		return err
	}
	if len(paths) == 0 {
		paths = []string{"."}
	}
	collector := &vet.Collector{Stdin: s.Stdin, StdinName: f.stdinName}
	units, findings, unreadable := collector.Collect(paths)
	found, broken := vet.CheckAll(units)
	findings = f.inKanister(s, units, append(findings, found...))
	if f.unsafe {
		findings = vet.AllowUnsafe(findings)
	}
	vet.Sort(findings)
	if err := f.write(s.Stdout, units, findings); err != nil {
		return cannot(err)
	}
	if f.format == "text" {
		summary(s.Stderr, units, findings)
	}
	switch {
	case unreadable != nil:
		return cannot(unreadable)
	case broken != nil:
		return cannot(broken)
	case f.fails(findings):
		return &ExitError{Code: ExitFindings}
	}
	return nil
}

func (f *vetFlags) write(w io.Writer, units []vet.Unit, findings []vet.Finding) error {
	switch f.format {
	case "json":
		return vet.WriteJSON(w, findings)
	case "sarif":
		return vet.WriteSARIF(w, findings)
	case "github":
		return vet.WriteGitHub(w, findings)
	case "junit":
		return vet.WriteJUnit(w, fileNames(units), findings)
	}
	return vet.WriteText(w, findings, vet.TextOptions{Color: colored(w)})
}

func (f *vetFlags) fails(findings []vet.Finding) bool {
	errors, warnings := vet.Count(findings)
	return errors > 0 || f.failOn == "warning" && warnings > 0
}

// colored says whether to write in colour: on a terminal, unless the user asked for
// none (see no-color.org).
func colored(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(file.Fd()))
}

func fileNames(units []vet.Unit) []string {
	var names []string
	for _, u := range units {
		for _, f := range u.Files {
			names = append(names, f.Name)
		}
	}
	return names
}

func summary(w io.Writer, units []vet.Unit, findings []vet.Finding) {
	files := len(fileNames(units))
	errors, warnings := vet.Count(findings)
	if errors+warnings == 0 {
		fmt.Fprintf(w, "%s checked, nothing found\n", count(files, "file"))
		return
	}
	fmt.Fprintf(w, "%s checked: %s, %s\n", count(files, "file"), count(errors, "error"), count(warnings, "warning"))
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// Vet checks the blueprint at a path before something else is done with it. Its
// errors, not its warnings, are written to w; with any, the result is an ExitError
// with ExitFindings.
func Vet(w io.Writer, path string) error {
	units, findings, err := new(vet.Collector).Collect([]string{path})
	if err != nil {
		return cannot(err)
	}
	found, err := vet.CheckAll(units)
	if err != nil {
		return cannot(err)
	}
	findings = slices.DeleteFunc(append(findings, found...), func(f vet.Finding) bool { return f.Severity != vet.Error })
	if len(findings) == 0 {
		return nil
	}
	if err := vet.WriteText(w, findings, vet.TextOptions{Color: colored(w)}); err != nil {
		return cannot(err)
	}
	return &ExitError{ExitFindings, fmt.Errorf("%s: %s; nothing was done", path, count(len(findings), "error"))}
}
