package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/rescuecue/rescue/cmd/internal/cli"
	"github.com/rescuecue/rescue/interp/run"
)

func runsCommand(streams cli.Streams) *cobra.Command {
	f := &runsFlags{now: time.Now}
	cmd := &cobra.Command{
		Use:   "runs",
		Short: "List, show and delete the runs that have a journal here",
		Long: `List, show and delete the runs that have a journal in the state directory.

A run is running if a process has its journal open, killed if no process has and the
journal has no end, and else complete, failed or cancelled. One that was refused
never started a phase. ` + "`rescue resume`" + ` goes on with what is killed, failed or cancelled.`,
		Example: `  rescue runs
  rescue runs show 20261122-031500-x7k2p
  rescue runs delete 20261122-031500-x7k2p`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return f.list(streams.Stdout) },
	}
	cmd.PersistentFlags().StringVar(&f.stateDir, "state-dir", defaultStateDir(), "`DIR` with the journals of runs")
	cmd.PersistentFlags().StringVarP(&f.output, "output", "o", "text", "`FORMAT` of the result: text or json")
	cmd.PersistentPreRunE = func(*cobra.Command, []string) error { return f.check() }
	cmd.AddCommand(f.listCommand(streams), f.showCommand(streams), f.deleteCommand(streams))
	return cmd
}

type runsFlags struct {
	stateDir string
	output   string
	force    bool
	now      func() time.Time
}

func (f *runsFlags) check() error {
	if f.output != "text" && f.output != "json" {
		return usage("--output: expected text or json, found %q", f.output)
	}
	return nil
}

func (f *runsFlags) journals() string {
	return (&sessionFlags{StateDir: f.stateDir}).journals()
}

func (f *runsFlags) listCommand(streams cli.Streams) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the runs, the latest first", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return f.list(streams.Stdout) },
	}
}

func (f *runsFlags) showCommand(streams cli.Streams) *cobra.Command {
	return &cobra.Command{
		Use: "show RUN", Short: "Show the phases of a run", Args: cobra.ExactArgs(1),
		ValidArgsFunction: completeRuns(func(listedRun) bool { return true }),
		RunE:              func(_ *cobra.Command, args []string) error { return f.show(streams.Stdout, args[0]) },
	}
}

func (f *runsFlags) deleteCommand(streams cli.Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use: "delete RUN…", Short: "Delete the journals of runs",
		Long: `Delete the journals of runs. What runs have made stays, such as backups.

Two kinds are only deleted with --force: a run that has artifacts, because its journal
may be all that says where a backup is; and one that was killed, because ` + "`rescue resume`" + `
and ` + "`rescue gc`" + ` know by its journal what to do. A run that is running is never deleted.`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeRuns(func(r listedRun) bool { return r.State != stateRunning }),
		RunE:              func(_ *cobra.Command, args []string) error { return f.delete(streams.Stderr, args) },
	}
	cmd.Flags().BoolVar(&f.force, "force", false, "delete also runs that have artifacts, and those that were killed")
	return cmd
}

func (f *runsFlags) list(w io.Writer) error {
	runs, err := listRuns(f.journals())
	if err != nil {
		return cannot(err)
	}
	if f.output == "json" {
		return cannot(writeJSON(w, struct {
			FormatVersion string      `json:"formatVersion"`
			Runs          []listedRun `json:"runs"`
		}{run.FormatVersion, runs}))
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "RUN\tSTATE\tAGE\tACTION\tBLUEPRINT\tOBJECT")
	for _, r := range runs {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", r.Run, r.State, age(f.now().Sub(r.Started)), r.Action, r.Blueprint, r.Object)
	}
	return cannot(t.Flush())
}

// listRuns lists all runs, the latest first, without their phases.
func listRuns(dir string) ([]listedRun, error) {
	ids, err := run.Journals(dir)
	runs := []listedRun{}
	for _, id := range ids {
		r, err := readRun(dir, id)
		if errors.Is(err, os.ErrNotExist) {
			continue // It was deleted just now.
		}
		if err != nil {
			return nil, err
		}
		r.Phases = nil
		runs = append(runs, r)
	}
	return runs, err
}

// age is a time for people, in its largest unit.
func age(d time.Duration) string {
	switch {
	case d < 0 || d > 100*365*24*time.Hour:
		return "?"
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

// checkRunName refuses what would be a file elsewhere.
func checkRunName(id string) error {
	if id == "" || id != filepath.Base(id) {
		return usage("%q is no name of a run: `rescue runs` lists those there are", id)
	}
	return nil
}

func (f *runsFlags) find(id string) (listedRun, error) {
	if err := checkRunName(id); err != nil {
		return listedRun{}, err
	}
	r, err := readRun(f.journals(), id)
	if errors.Is(err, os.ErrNotExist) {
		return r, cannot(fmt.Errorf("no run %q in %s: `rescue runs` lists those there are", id, f.journals()))
	}
	return r, cannot(err)
}

// completeRuns completes the names of runs, with what each did.
func completeRuns(wanted func(listedRun) bool) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		dir := defaultStateDir()
		if flag := cmd.Flag("state-dir"); flag != nil {
			dir = flag.Value.String()
		}
		// What cannot be read cannot be completed either.
		runs, _ := listRuns((&sessionFlags{StateDir: dir}).journals())
		var names []string
		for _, r := range runs {
			if wanted(r) && !slices.Contains(args, r.Run) {
				names = append(names, cobra.CompletionWithDesc(r.Run, fmt.Sprintf("%s, %s %s", r.State, r.Action, r.Object)))
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
}
