package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/interp/vet"
)

func convertCommand(s Streams) *cobra.Command {
	c := &converter{streams: s}
	cmd := &cobra.Command{
		Use:   "convert FILE… [-o OUT]",
		Short: "Convert legacy YAML blueprints to CUE",
		Long: `convert writes legacy Kanister YAML blueprints as CUE that ` + "`cue vet -c=false`" + ` accepts,
with their comments. A FILE of - is standard input.

The CUE goes to standard output, or to OUT: a file, or for several blueprints a
folder. Nothing is written if vet finds errors in any of the files.`,
		Example: `  rescue convert blueprint.yaml > blueprint.cue
  rescue convert blueprints/*.yaml -o cue/`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: blueprintFiles,
		RunE:              func(_ *cobra.Command, args []string) error { return c.run(args) },
	}
	cmd.Flags().StringVarP(&c.out, "output", "o", "", "`OUT`: the file to write, or the folder for several")
	return cmd
}

type converter struct {
	streams Streams
	out     string
}

// A converted blueprint is waiting to be written.
type converted struct {
	// source is the file it comes from, base the name of its file without .cue.
	source, base string
	*compat.Conversion
}

func (c *converter) run(paths []string) error {
	collector := &vet.Collector{Stdin: c.streams.Stdin}
	units, findings, err := collector.Collect(paths)
	if err != nil {
		return cannot(err)
	}
	if err := c.vet(units, findings); err != nil {
		return err
	}
	all, err := convertUnits(units)
	if err != nil {
		return err
	}
	targets, err := c.targets(all)
	if err != nil {
		return err
	}
	for i, conv := range all {
		if err := c.write(targets[i], conv); err != nil {
			return cannot(err)
		}
	}
	return nil
}

// vet shows what is wrong with the input, and stops where that is an error.
func (c *converter) vet(units []vet.Unit, findings []vet.Finding) error {
	found, err := vet.CheckAll(units)
	if err != nil {
		return cannot(err)
	}
	findings = append(findings, found...)
	vet.Sort(findings)
	if err := vet.WriteText(c.streams.Stderr, findings, vet.TextOptions{Color: colored(c.streams.Stderr)}); err != nil {
		return cannot(err)
	}
	if n, _ := vet.Count(findings); n > 0 {
		return &ExitError{ExitFindings, fmt.Errorf("%s; nothing was written", count(n, "error"))}
	}
	return nil
}

func convertUnits(units []vet.Unit) ([]converted, error) {
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
		made, err := convertDocuments(file.Name, docs)
		if err != nil {
			return nil, err
		}
		all = append(all, made...)
	}
	return all, nil
}

func convertDocuments(name string, docs []*compat.Document) ([]converted, error) {
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
		base := strings.TrimSuffix(filepath.Base(name), filepath.Ext(name))
		if name == "<stdin>" || len(docs) > 1 && bp.Name != "" {
			base = bp.Name
		}
		all = append(all, converted{name, base, conv})
	}
	return all, nil
}

// targets decides which file each blueprint goes to; "" is standard output.
func (c *converter) targets(all []converted) ([]string, error) {
	switch {
	case len(all) == 0:
		return nil, &ExitError{ExitFindings, errors.New("no blueprint to convert")}
	case c.out == "" && len(all) > 1:
		return nil, usage("there are %d blueprints: give a folder for them with -o", len(all))
	case c.out == "":
		return []string{""}, nil
	case len(all) == 1 && !isFolder(c.out):
		return []string{c.out}, nil
	}
	targets := make([]string, len(all))
	from := map[string]string{}
	for i, conv := range all {
		targets[i] = filepath.Join(c.out, conv.base+".cue")
		if other, twice := from[targets[i]]; twice {
			return nil, usage("%s and %s would both become %s: convert them one by one", other, conv.source, targets[i])
		}
		from[targets[i]] = conv.source
	}
	return targets, nil
}

// isFolder tells whether the user means a folder, there or not.
func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir() || os.IsPathSeparator(path[len(path)-1])
}

func (c *converter) write(target string, conv converted) error {
	if target == "" {
		if _, err := c.streams.Stdout.Write(conv.CUE); err != nil {
			return err
		}
	} else if err := writeFile(target, conv.CUE); err != nil {
		return err
	}
	report(c.streams.Stderr, target, conv)
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

// report says what became of the templates, and what to look at.
func report(w io.Writer, target string, conv converted) {
	if target != "" {
		fmt.Fprintf(w, "%s: written to %s\n", conv.source, target)
	}
	for _, warning := range conv.Warnings {
		fmt.Fprintf(w, "%v\n", warning)
	}
	kept := conv.KeptActions()
	fmt.Fprintf(w, "%s: %s became CUE, %d stay in templates\n", conv.source, count(conv.Native, "template action"), kept)
	for _, k := range conv.Kept {
		fmt.Fprintf(w, "%s:%d:%d: stays a template: %s\n", conv.source, k.Line, k.Column, k.Reason)
	}
}
