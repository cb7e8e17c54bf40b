package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/interp"
	"github.com/rescuecue/rescue/interp/vet"
)

func convertCommand(s Streams) *cobra.Command {
	c := &converter{streams: s}
	cmd := &cobra.Command{
		Use:   "convert FILE|DIR… [-o OUT]",
		Short: "Convert legacy YAML blueprints to CUE",
		Long: `convert writes legacy Kanister YAML blueprints as CUE that ` + "`cue vet -c=false`" + ` accepts,
with their comments. A FILE of - is standard input, a DIR is searched for blueprints.

The CUE goes to standard output, or to OUT: a file, or for several blueprints a
folder. Those of a DIR keep their places in it, each as a package in a folder of its
own, so that ` + "`cue vet -c=false ./...`" + ` takes them. Nothing is written if vet finds
errors in a FILE; of a DIR, what has no errors is written, and the exit code is 1.

With --check each blueprint is rendered as Kanister would and its conversion as a run
would, over generated parameters. A difference is shown with the parameters that
bring it about; nothing is written of such a blueprint, and the exit code is 1.`,
		Example: `  rescue convert blueprint.yaml > blueprint.cue
  rescue convert blueprints/ -o cue/ --check
  rescue convert blueprints/ -o cue/ --report json > report.json`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: BlueprintFiles,
		RunE:              func(_ *cobra.Command, args []string) error { return c.run(args) },
	}
	cmd.Flags().StringVarP(&c.out, "output", "o", "", "`OUT`: the file to write, or the folder for several")
	cmd.Flags().BoolVar(&c.check, "check", false, "prove that the conversion renders the same")
	cmd.Flags().IntVar(&c.samples, "samples", 20, "with --check: how many `TIMES` to generate parameters for each action")
	cmd.Flags().StringVar(&c.report, "report", "text", "`FORMAT` of the report: text on standard error, or json on standard output")
	cmd.Flags().BoolVar(&c.unsafe, "allow-unsafe-templates", false, "convert also what calls env, expandenv and getHostByName; to run it takes the flag of that name too")
	complete(cmd, "report", reportFormats)
	return cmd
}

var reportFormats = []string{"text", "json"}

type converter struct {
	streams Streams
	out     string
	check   bool
	samples int
	report  string
	unsafe  bool
	// folders are the arguments that are folders: what is wrong with one file in
	// them does not keep the others from being converted.
	folders []string
	// refused are the files that were not converted, or not written.
	refused []refusedFile
}

// A converted blueprint is waiting to be written.
type converted struct {
	// source is the file it comes from, base the path of its file without .cue.
	source, base string
	bp           *compat.Blueprint
	*compat.Conversion
	// checked is set by --check.
	checked *interp.Checked
	target  string
}

func (c *converter) usage() error {
	switch {
	case !slices.Contains(reportFormats, c.report):
		return usage("--report: expected text or json, found %q", c.report)
	case c.report == "json" && c.out == "":
		return usage("--report json goes to standard output: say with -o where the CUE goes")
	case c.samples < 1:
		return usage("--samples: expected at least 1, found %d", c.samples)
	}
	return nil
}

func (c *converter) run(paths []string) error {
	if err := c.usage(); err != nil {
		return err
	}
	c.folders = foldersOf(paths)
	collector := &vet.Collector{Stdin: c.streams.Stdin}
	units, findings, err := collector.Collect(paths)
	if err != nil {
		return cannot(err)
	}
	if units, err = c.vet(units, findings); err != nil {
		return err
	}
	all, err := c.convertUnits(units)
	if err != nil {
		return err
	}
	if all, err = c.compare(all); err != nil {
		return err
	}
	if err := c.targets(all); err != nil {
		return err
	}
	for i := range all {
		if err := c.write(&all[i]); err != nil {
			return cannot(err)
		}
	}
	return c.finish(all)
}

// foldersOf are the folders among the arguments.
func foldersOf(paths []string) []string {
	return slices.DeleteFunc(slices.Clone(paths), func(p string) bool {
		info, err := os.Stat(p)
		return p == "-" || err != nil || !info.IsDir()
	})
}

// inFolder is the folder that a file was found in.
func inFolder(folders []string, file string) (string, bool) {
	for _, f := range folders {
		if rel, err := filepath.Rel(f, file); err == nil && filepath.IsLocal(rel) {
			return f, true
		}
	}
	return "", false
}

// vet shows what is wrong with the input, and stops where that is an error, unless
// the file was found in a folder: then it is left out.
func (c *converter) vet(units []vet.Unit, findings []vet.Finding) ([]vet.Unit, error) {
	units = slices.DeleteFunc(units, func(u vet.Unit) bool {
		_, found := inFolder(c.folders, u.Files[0].Name)
		return found && u.Language == vet.CUE
	})
	found, err := vet.CheckAll(units)
	if err != nil {
		return nil, cannot(err)
	}
	findings = append(findings, found...)
	if c.unsafe {
		findings = vet.AllowUnsafe(findings)
	}
	vet.Sort(findings)
	if err := vet.WriteText(c.streams.Stderr, findings, vet.TextOptions{Color: colored(c.streams.Stderr)}); err != nil {
		return nil, cannot(err)
	}
	fatal := 0
	for _, f := range findings {
		if f.Severity != vet.Error {
			continue
		}
		if _, found := inFolder(c.folders, f.File); !found || slices.Contains(c.folders, f.File) {
			fatal++
			continue
		}
		c.refuse(f.File, fmt.Sprintf("%d:%d: %s", f.Line, f.Column, f.Message))
	}
	if fatal > 0 {
		return nil, &ExitError{ExitFindings, fmt.Errorf("%s; nothing was written", count(fatal, "error"))}
	}
	return slices.DeleteFunc(units, func(u vet.Unit) bool { return c.isRefused(u.Files[0].Name) }), nil
}

func (c *converter) convertUnits(units []vet.Unit) ([]converted, error) {
	var all []converted
	for _, u := range units {
		file := u.Files[0]
		if u.Language == vet.CUE {
			return nil, &ExitError{ExitFindings, fmt.Errorf("%s: this is CUE already", file.Name)}
		}
		docs, err := compat.Parse(file.Name, file.Data)
		if err != nil {
			return nil, &ExitError{ExitFindings, err}
		}
		made, err := c.convertDocuments(file.Name, docs)
		if err != nil {
			return nil, err
		}
		all = append(all, made...)
	}
	return all, nil
}

func (c *converter) convertDocuments(name string, docs []*compat.Document) ([]converted, error) {
	var all []converted
	for _, doc := range docs {
		if doc.Kind != compat.KindBlueprint {
			continue
		}
		bp, problems := compat.ReadBlueprint(doc)
		if len(problems) > 0 {
			return nil, &ExitError{ExitFindings, compat.Errors(problems)}
		}
		conv, err := compat.Convert(bp, compat.ConvertOptions{})
		if err != nil {
			return nil, &ExitError{ExitFindings, err}
		}
		all = append(all, converted{source: name, base: c.base(name, len(docs) > 1, bp.Name), bp: bp, Conversion: conv})
	}
	return all, nil
}

// base is the path of the CUE file below OUT, without .cue: the name of the YAML
// file, or of the blueprint where a file holds several documents. CUE takes the
// files of a folder for one package, so those found in a folder get one each.
func (c *converter) base(file string, several bool, blueprint string) string {
	base := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	if file == stdinName || several && blueprint != "" {
		base = blueprint
	}
	if folder, ok := inFolder(c.folders, file); ok {
		if rel, err := filepath.Rel(folder, filepath.Dir(file)); err == nil {
			return filepath.Join(rel, base, base)
		}
	}
	return base
}

// compare proves that conversions render the same, and leaves out those that do
// not.
func (c *converter) compare(all []converted) ([]converted, error) {
	if !c.check {
		return all, nil
	}
	var same []converted
	for _, conv := range all {
		var err error
		if conv.checked, err = interp.CheckConversion(conv.source, conv.bp, conv.Conversion, c.samples); err != nil {
			return nil, &ExitError{ExitFindings, err}
		}
		if err := c.showCheck(conv); err != nil {
			return nil, cannot(err)
		}
		if len(conv.checked.Differences) == 0 {
			same = append(same, conv)
			continue
		}
		c.refused = append(c.refused, refusedFile{Source: conv.source, Differences: conv.checked.Differences})
		if _, found := inFolder(c.folders, conv.source); !found {
			return nil, &ExitError{ExitFindings, fmt.Errorf("%s: %s between YAML and CUE; nothing was written",
				conv.source, count(len(conv.checked.Differences), "difference"))}
		}
	}
	return same, nil
}

// targets decides which file each blueprint goes to; "" is standard output.
func (c *converter) targets(all []converted) error {
	switch {
	case len(all) == 0 && len(c.refused) == 0:
		return &ExitError{ExitFindings, errors.New("no blueprint to convert")}
	case c.out == "" && len(all) > 1:
		return usage("there are %d blueprints: give a folder for them with -o", len(all))
	case c.out == "":
		return nil
	case len(all) == 1 && len(c.folders) == 0 && !isFolder(c.out):
		all[0].target = c.out
		return nil
	}
	from := map[string]string{}
	for i, conv := range all {
		target := filepath.Join(c.out, conv.base+".cue")
		if other, twice := from[target]; twice {
			return usage("%s and %s would both become %s: convert them one by one", other, conv.source, target)
		}
		from[target], all[i].target = conv.source, target
	}
	return nil
}

// isFolder tells whether the user means a folder, there or not.
func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir() || os.IsPathSeparator(path[len(path)-1])
}

func (c *converter) write(conv *converted) error {
	if conv.target == "" {
		if _, err := c.streams.Stdout.Write(conv.CUE); err != nil {
			return err
		}
	} else if err := writeFile(conv.target, conv.CUE); err != nil {
		return err
	}
	reportText(c.streams.Stderr, conv)
	return nil
}

// writeFile replaces the file in one step, so that nobody sees half of it.
func writeFile(path string, data []byte) (err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".rescue-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
