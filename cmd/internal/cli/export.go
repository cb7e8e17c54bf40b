package cli

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/interp"
	"github.com/rescuecue/rescue/interp/vet"
)

func exportCommand(s Streams) *cobra.Command {
	e := &exporter{streams: s}
	cmd := &cobra.Command{
		Use:   "export FILE|DIR… [-o OUT]",
		Short: "Write CUE blueprints as Kanister YAML",
		Long: `export writes CUE blueprints as the YAML that Kanister runs: inputs and outputs of
phases become Go templates, all else is evaluated. A FILE of - is standard input,
FILE:FIELD one of several blueprints in a file, a DIR is searched for packages.

The YAML goes to standard output, several blueprints as several documents, or to
OUT: a file, or for several a folder. What Kanister cannot express, such as after,
retry or timeout, is an error with its place; all of them are shown, and nothing is
written then. The exit code is 1 in this case.`,
		Example: `  rescue export blueprint.cue > blueprint.yaml
  rescue export ./blueprints -o kanister/
  rescue export blueprint.cue | kubectl apply -n kanister -f -`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: cueFiles,
		RunE:              func(_ *cobra.Command, args []string) error { return e.run(args) },
	}
	cmd.Flags().StringVarP(&e.out, "output", "o", "", "`OUT`: the file to write, or the folder for several")
	return cmd
}

// cueFiles completes CUE files and folders.
func cueFiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"cue"}, cobra.ShellCompDirectiveFilterFileExt
}

type exporter struct {
	streams Streams
	out     string
	// named are the files on the command line, folders the folders among them.
	named, folders []string
}

// exported is a blueprint that waits to be written.
type exported struct {
	// source names where it comes from, base is the name of its file without .yaml.
	source, base string
	*compat.Exported
}

func (e *exporter) run(paths []string) error {
	files, fields := splitFields(paths)
	e.named, e.folders = files, foldersOf(files)
	collector := &vet.Collector{Stdin: e.streams.Stdin}
	units, findings, err := collector.Collect(files)
	if err != nil {
		return cannot(err)
	}
	if units, err = e.native(units); err != nil {
		return err
	}
	if err := e.vet(units, findings); err != nil {
		return err
	}
	all, err := e.convert(units, fields)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return &ExitError{ExitFindings, errors.New("no blueprint to export")}
	}
	if err := e.verify(all); err != nil {
		return err
	}
	return e.write(all)
}

// splitFields takes the field off FILE:FIELD.
func splitFields(paths []string) (files []string, fields map[string]string) {
	fields = map[string]string{}
	for _, p := range paths {
		file, field := p, ""
		if p != "-" {
			file, field = interp.SplitField(p)
		}
		files = append(files, file)
		if field != "" {
			fields[file] = field
		}
	}
	return files, fields
}

// native leaves out the YAML that lies beside the CUE in a folder. Where the user
// names it, it is an error.
func (e *exporter) native(units []vet.Unit) ([]vet.Unit, error) {
	var cue []vet.Unit
	for _, u := range units {
		name := u.Files[0].Name
		switch {
		case u.Language == vet.CUE:
			cue = append(cue, u)
		case name == stdinName || slices.Contains(e.named, name):
			return nil, &ExitError{ExitFindings, fmt.Errorf("%s: this is Kanister's YAML already", name)}
		}
	}
	return cue, nil
}

// vet shows the errors in what is to be exported, and stops where there are any.
func (e *exporter) vet(units []vet.Unit, findings []vet.Finding) error {
	found, err := vet.CheckAll(units)
	if err != nil {
		return cannot(err)
	}
	return e.refuse(append(findings, found...), "nothing was written")
}

// refuse shows the errors among the findings, and ends with exit code 1 if there
// are any.
func (e *exporter) refuse(findings []vet.Finding, consequence string) error {
	findings = slices.DeleteFunc(findings, func(f vet.Finding) bool { return f.Severity != vet.Error })
	if len(findings) == 0 {
		return nil
	}
	vet.Sort(findings)
	if err := vet.WriteText(e.streams.Stderr, findings, vet.TextOptions{Color: colored(e.streams.Stderr)}); err != nil {
		return cannot(err)
	}
	return &ExitError{ExitFindings, fmt.Errorf("%s; %s", count(len(findings), "error"), consequence)}
}

// convert exports all units, or returns everything that Kanister cannot express.
func (e *exporter) convert(units []vet.Unit, fields map[string]string) ([]exported, error) {
	var all []exported
	var problems compat.Errors
	for _, u := range units {
		blueprints, err := blueprintsOf(u, fields)
		if errors.Is(err, interp.ErrNoBlueprint) && u.Library {
			continue
		}
		if err != nil {
			return nil, loadError(err)
		}
		for _, b := range blueprints {
			made, err := exportOne(b)
			if refused := (compat.Errors)(nil); errors.As(err, &refused) {
				problems = append(problems, refused...)
				continue
			}
			if err != nil {
				return nil, &ExitError{ExitFindings, err}
			}
			all = append(all, exported{source: b.File, base: e.base(u, b, len(blueprints)), Exported: made})
		}
	}
	if len(problems) > 0 {
		return nil, &ExitError{ExitFindings, fmt.Errorf("%w\n%s cannot be said in Kanister's YAML; nothing was written", problems, count(len(problems), "thing"))}
	}
	return all, nil
}

// blueprintsOf loads a unit: a file, or a package of several.
func blueprintsOf(u vet.Unit, fields map[string]string) ([]*interp.Blueprint, error) {
	file := u.Files[0]
	if len(u.Files) > 1 {
		return interp.LoadAll(filepath.Dir(file.Name), "", true, nil)
	}
	name := file.Name
	if name == stdinName {
		name = "-"
	}
	return interp.LoadAll(name, fields[file.Name], false, file.Data)
}

// stdinName is what findings call standard input.
const stdinName = "<stdin>"

func exportOne(b *interp.Blueprint) (*compat.Exported, error) {
	e, err := b.Export()
	if err != nil {
		return nil, err
	}
	return e.Write()
}

// base is the path of the YAML file below OUT, without .yaml: the name of the CUE
// file, or of the blueprint where a package has several. What was found in a folder
// keeps its place, but for a folder of its own that convert has made.
func (e *exporter) base(u vet.Unit, b *interp.Blueprint, of int) string {
	file := u.Files[0].Name
	base := strings.TrimSuffix(filepath.Base(file), ".cue")
	if len(u.Files) > 1 || of > 1 || file == stdinName {
		base = b.Name()
	}
	folder, ok := inFolder(e.folders, file)
	rel, err := filepath.Rel(folder, filepath.Dir(file))
	if !ok || err != nil {
		return base
	}
	if filepath.Base(rel) == base {
		rel = filepath.Dir(rel)
	}
	return filepath.Join(rel, base)
}

// verify checks the YAML as Kanister's, so that nothing leaves that would not run.
func (e *exporter) verify(all []exported) error {
	var units []vet.Unit
	for _, x := range all {
		units = append(units, vet.Unit{Language: vet.YAML, Files: []vet.File{{Name: x.base + ".yaml", Data: x.YAML}}})
	}
	findings, err := vet.CheckAll(units)
	if err != nil {
		return cannot(err)
	}
	return e.refuse(findings, "so says vet of the YAML that was made; nothing was written")
}

func (e *exporter) write(all []exported) error {
	for _, x := range all {
		for _, note := range x.Notes {
			fmt.Fprintf(e.streams.Stderr, "%v\n", note)
		}
	}
	switch {
	case e.out == "":
		var docs [][]byte
		for _, x := range all {
			docs = append(docs, x.YAML)
		}
		_, err := e.streams.Stdout.Write(bytes.Join(docs, []byte("---\n")))
		return cannot(err)
	case len(all) == 1 && len(e.folders) == 0 && !isFolder(e.out):
		return e.writeTo(e.out, all[0])
	}
	from := map[string]string{}
	for _, x := range all {
		if other, twice := from[x.base]; twice {
			return usage("%s and %s would both become %s.yaml: export them one by one", other, x.source, x.base)
		}
		from[x.base] = x.source
	}
	for _, x := range all {
		if err := e.writeTo(filepath.Join(e.out, x.base+".yaml"), x); err != nil {
			return err
		}
	}
	return nil
}

func (e *exporter) writeTo(target string, x exported) error {
	if err := writeFile(target, x.YAML); err != nil {
		return cannot(err)
	}
	fmt.Fprintf(e.streams.Stderr, "%s: written to %s\n", x.source, target)
	return nil
}
