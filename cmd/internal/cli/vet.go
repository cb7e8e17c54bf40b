package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rescuecue/rescue/interp/vet"
)

type vetFlags struct {
	format    string
	failOn    string
	stdinName string
	kanister  string
	unsafe    bool
	watch     bool
	// onlyBlueprints passes over named files that are none.
	onlyBlueprints bool
	configFile     string
	noConfig       bool

	// config is the one that was asked for; nil: those of the folders.
	config *vet.Config
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

A PATH is a file, a folder that is searched for blueprints, a pattern such as
'charts/**/*.yaml', or - for standard input; without one it is the current folder.
What the rules are about: ` + "`rescue explain RULE`.",
		Example: `  rescue vet blueprint.yaml
  rescue vet --format github ./blueprints
  rescue vet --watch
  rescue vet --kanister 0.119 ./blueprints
  rescue vet --stdin-filename bp.cue - < bp.cue`,
		ValidArgsFunction: BlueprintFiles,
		RunE:              func(cmd *cobra.Command, args []string) error { return f.run(cmd.Context(), s, args) },
	}
	cmd.Flags().StringVar(&f.format, "format", "text", "`FORMAT` of the report: "+strings.Join(vetFormats, ", "))
	cmd.Flags().StringVar(&f.failOn, "fail-on", "error", "lowest `SEVERITY` that makes the exit code 1: error or warning")
	cmd.Flags().StringVar(&f.stdinName, "stdin-filename", "", "`NAME` of standard input in the report; it also tells CUE from YAML")
	cmd.Flags().StringVar(&f.kanister, "kanister", "", "say also what that `RELEASE` of Kanister would refuse, such as 0.119")
	cmd.Flags().BoolVar(&f.unsafe, "allow-unsafe-templates", false, "let templates call env, expandenv and getHostByName, as the flag of that name of run does")
	cmd.Flags().BoolVar(&f.watch, "watch", false, "stay, and check again what changes")
	cmd.Flags().BoolVar(&f.onlyBlueprints, "only-blueprints", false, "pass over files that hold no blueprint, also where they are named")
	cmd.Flags().StringVar(&f.configFile, "config", "", "`FILE` to take instead of "+vet.ConfigName+" in the folder or one above")
	cmd.Flags().BoolVar(&f.noConfig, "no-config", false, "take no "+vet.ConfigName+"; comments that ignore findings still count")
	complete(cmd, "format", vetFormats)
	complete(cmd, "fail-on", failLevels)
	completeBy(cmd, "kanister", vet.KnownReleases)
	return cmd
}

func (f *vetFlags) check() error {
	if f.watch && f.format != "text" {
		return usage("--watch: only with --format text")
	}
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

func (f *vetFlags) run(ctx context.Context, s Streams, paths []string) error {
	if err := f.check(); err != nil {
		return err
	}
	if err := f.readConfig(); err != nil {
		return err
	}
	if len(paths) == 0 {
		paths = []string{"."}
	}
	if f.watch {
		return f.watchAll(ctx, s, paths)
	}
	result := f.checkAll(s, paths)
	if err := f.report(s, result); err != nil {
		return cannot(err)
	}
	if result.err != nil {
		return cannot(result.err)
	}
	if f.fails(result.findings) {
		return &ExitError{Code: ExitFindings}
	}
	return nil
}

// readConfig reads the configuration that the flags name.
func (f *vetFlags) readConfig() (err error) {
	switch {
	case f.noConfig && f.configFile != "":
		return usage("--config and --no-config: one of them, not both")
	case f.noConfig:
		f.config = &vet.Config{}
	case f.configFile != "":
		if f.config, err = vet.LoadConfig(f.configFile); err != nil {
			return cannot(err)
		}
	}
	return nil
}

// A vetResult is what one look at all paths has brought.
type vetResult struct {
	// files are the names of those that were checked.
	files    []string
	findings []vet.Finding
	// err says what could not be read or checked.
	err error
}

func (f *vetFlags) checkAll(s Streams, paths []string) vetResult {
	collector := &vet.Collector{Stdin: s.Stdin, StdinName: f.stdinName, OnlyBlueprints: f.onlyBlueprints, Config: f.config}
	units, findings, unreadable := collector.Collect(paths)
	found, broken := vet.CheckAll(units)
	return f.result(s, units, append(findings, found...), errors.Join(unreadable, broken))
}

// result puts the findings into their order, with what the flags add and take away.
func (f *vetFlags) result(s Streams, units []vet.Unit, findings []vet.Finding, err error) vetResult {
	findings = f.inKanister(s, units, findings)
	if f.unsafe {
		findings = vet.AllowUnsafe(findings)
	}
	vet.Sort(findings)
	return vetResult{files: fileNames(units), findings: findings, err: err}
}

func (f *vetFlags) fails(findings []vet.Finding) bool {
	errors, warnings := vet.Count(findings)
	return errors > 0 || f.failOn == "warning" && warnings > 0
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
