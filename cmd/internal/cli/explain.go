package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/rescuecue/rescue/docs/rules"
	"github.com/rescuecue/rescue/interp/vet"
	"github.com/rescuecue/rescue/schema"
	"github.com/rescuecue/rescue/schema/suggest"
)

func explainCommand(s Streams) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "explain [FUNCTION[.args.ARGUMENT|.output.KEY]|PART[.FIELD…]|RULE|rules]",
		Short: "Explain functions, fields, inputs and the rules of vet",
		Long: `explain prints the documentation of a function, of its arguments and outputs, of the
fields of a part of a blueprint, or of a rule of vet. It comes from the schema's own
comments. Without a name it lists the functions; ` + "`rescue explain rules`" + ` lists the rules.
Parts are blueprint, action, phase and input, and in YAML ActionSet, Profile and
RepositoryServer.`,
		Example: `  rescue explain
  rescue explain KubeTask
  rescue explain KubeTask.args.podOverride
  rescue explain phase.retry
  rescue explain input.statefulSet.pods
  rescue explain unknown-function`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: explainNames,
		RunE: func(_ *cobra.Command, args []string) error {
			if output != "text" && output != "json" {
				return usage("-o: expected text or json, found %q", output)
			}
			e := explainer{s.Stdout, output == "json"}
			if len(args) == 0 {
				return e.list()
			}
			return e.name(args[0])
		},
	}
	outputFlag(cmd, &output)
	return cmd
}

type explainer struct {
	out  io.Writer
	json bool
}

// The JSON forms of what is explained.
type (
	functionDoc struct {
		Name       string     `json:"name"`
		Doc        string     `json:"doc"`
		Example    string     `json:"example,omitempty"`
		Arguments  []valueDoc `json:"arguments"`
		Outputs    []valueDoc `json:"outputs"`
		Script     bool       `json:"script"`
		Deprecated string     `json:"deprecated,omitempty"`
		Since      string     `json:"since,omitempty"`
		Removed    string     `json:"removed,omitempty"`
	}
	valueDoc struct {
		Name     string `json:"name"`
		Type     string `json:"type"`
		Required bool   `json:"required"`
		Default  string `json:"default,omitempty"`
		Optional bool   `json:"optional,omitempty"`
		Alias    string `json:"alias,omitempty"`
		Since    string `json:"since,omitempty"`
		Doc      string `json:"doc"`
		Example  string `json:"example,omitempty"`
	}
)

func (e explainer) list() error {
	names := schema.FunctionNames()
	if e.json {
		docs := make([]functionDoc, 0, len(names))
		for _, name := range names {
			f, _ := schema.Function(name)
			docs = append(docs, describe(f))
		}
		return cannot(writeJSON(e.out, docs))
	}
	w := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	for _, name := range names {
		f, _ := schema.Function(name)
		fmt.Fprintf(w, "%s\t%s%s\n", name, summaryOf(f.Doc), history(f))
	}
	return cannot(w.Flush())
}

// name explains a function, a part of one, or a rule.
func (e explainer) name(name string) error {
	function, part, _ := strings.Cut(name, ".")
	f, ok := findFunction(function)
	root, isRoot := findRoot(function)
	switch {
	case isRoot:
		return e.field(root, part)
	case name == "rules":
		return e.rules()
	case !ok && slices.ContainsFunc(vet.Rules(), func(r vet.Rule) bool { return r.Name == name }):
		return e.rule(name)
	case !ok:
		return unknown(name, "function, part or rule", slices.Concat(schema.FunctionNames(), ruleNames(), rootNames(), []string{"rules"}))
	case part != "":
		return e.part(f, part)
	}
	doc := describe(f)
	if e.json {
		return cannot(writeJSON(e.out, doc))
	}
	return cannot(doc.write(e.out, f))
}

// findFunction takes the name in any case.
func findFunction(name string) (schema.Func, bool) {
	for _, known := range schema.FunctionNames() {
		if strings.EqualFold(known, name) {
			return schema.Function(known)
		}
	}
	return schema.Func{}, false
}

func ruleNames() []string {
	var names []string
	for _, r := range vet.Rules() {
		names = append(names, r.Name)
	}
	return names
}

// unknown is a usage error with the name that was meant, if there is one.
func unknown(name, what string, names []string) error {
	if near := suggest.Nearest(name, names); near != "" {
		return usage("no %s %q; did you mean %s?", what, name, near)
	}
	return usage("no %s %q; `rescue explain` lists the functions", what, name)
}

// rules lists the rules.
func (e explainer) rules() error {
	if e.json {
		docs := []map[string]string{}
		for _, r := range vet.Rules() {
			docs = append(docs, map[string]string{"name": r.Name, "severity": string(r.Severity), "doc": r.Summary})
		}
		return cannot(writeJSON(e.out, docs))
	}
	w := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	for _, r := range vet.Rules() {
		fmt.Fprintf(w, "%s\t%s\t%s\n", r.Name, r.Severity, r.Summary)
	}
	return cannot(w.Flush())
}

func (e explainer) rule(name string) error {
	page, err := rules.FS.ReadFile(name + ".md")
	if err != nil {
		return cannot(err)
	}
	if e.json {
		return cannot(writeJSON(e.out, map[string]string{"name": name, "doc": string(page)}))
	}
	_, err = e.out.Write(page)
	return cannot(err)
}

// part explains an argument (args.NAME or NAME) or an output (output.NAME).
func (e explainer) part(f schema.Func, part string) error {
	doc := describe(f)
	list, what, name := doc.Arguments, "argument", strings.TrimPrefix(part, "args.")
	if output, ok := strings.CutPrefix(part, "output."); ok {
		list, what, name = doc.Outputs, "output", output
	}
	i := slices.IndexFunc(list, func(v valueDoc) bool { return v.Name == name })
	if i < 0 {
		var names []string
		for _, v := range list {
			names = append(names, v.Name)
		}
		return unknown(name, what+" of "+f.Name, names)
	}
	if e.json {
		return cannot(writeJSON(e.out, list[i]))
	}
	_, err := fmt.Fprintf(e.out, "%s.%s\n\n%s\n", f.Name, part, list[i].details())
	return cannot(err)
}

func (v valueDoc) details() string {
	lines := []string{v.Doc, "", "type: " + v.Type}
	if v.Required {
		lines = append(lines, "required")
	}
	if v.Default != "" {
		lines = append(lines, "default: "+v.Default)
	}
	if v.Optional {
		lines = append(lines, "not always there")
	}
	if v.Alias != "" {
		lines = append(lines, "another spelling of "+v.Alias)
	}
	if v.Since != "" {
		lines = append(lines, "in Kanister since "+v.Since)
	}
	if v.Example != "" {
		lines = append(lines, "", "Example:", "  "+strings.ReplaceAll(v.Example, "\n", "\n  "))
	}
	return strings.Join(lines, "\n")
}

func describe(f schema.Func) functionDoc {
	doc := functionDoc{
		Name: f.Name, Doc: f.Doc, Example: f.Example, Script: f.Script,
		Deprecated: f.Deprecated, Since: f.Since, Removed: f.Removed,
		Arguments: []valueDoc{}, Outputs: []valueDoc{},
	}
	for _, a := range f.Args {
		doc.Arguments = append(doc.Arguments, valueDoc{
			Name: a.Name, Type: vet.TypeText(a), Doc: joined(a.Doc), Default: a.Default, Since: f.ArgSince[a.Name],
			Required: slices.Contains(f.Required, a.Name), Alias: f.Aliases[a.Name], Example: argumentExample(f, a),
		})
	}
	for _, o := range f.Outputs {
		doc.Outputs = append(doc.Outputs, valueDoc{Name: o.Name, Type: vet.TypeText(o), Doc: joined(o.Doc), Optional: o.Optional, Example: outputExample(o)})
	}
	return doc
}

// joined puts a comment into one line.
func joined(doc string) string { return strings.Join(strings.Fields(doc), " ") }

func summaryOf(doc string) string {
	text := joined(doc)
	if i := strings.Index(text, ". "); i >= 0 {
		text = text[:i+1]
	}
	return text
}

// history says in brackets what Kanister did to the function.
func history(f schema.Func) string {
	var notes []string
	if f.Deprecated != "" {
		notes = append(notes, "deprecated: use "+f.Deprecated)
	}
	if f.Removed != "" {
		notes = append(notes, "removed in Kanister "+f.Removed+", runs here")
	}
	if f.Since != "" {
		notes = append(notes, "since Kanister "+f.Since)
	}
	if len(notes) == 0 {
		return ""
	}
	return " (" + strings.Join(notes, "; ") + ")"
}

func (d functionDoc) write(out io.Writer, f schema.Func) error {
	fmt.Fprintf(out, "%s%s\n\n%s\n", d.Name, history(f), d.Doc)
	if len(d.Arguments) > 0 {
		fmt.Fprint(out, "\nArguments (* is required):\n")
		if err := writeTable(out, d.Arguments); err != nil {
			return err
		}
	}
	for _, group := range f.ExactlyOne {
		fmt.Fprintf(out, "  Exactly one of %s is required.\n", strings.Join(group, ", "))
	}
	switch {
	case d.Script:
		fmt.Fprint(out, "\nOutputs: what the command writes with `kando output KEY VALUE`; declare them in the phase.\n")
	case len(d.Outputs) > 0:
		fmt.Fprint(out, "\nOutputs:\n")
		if err := writeTable(out, d.Outputs); err != nil {
			return err
		}
	default:
		fmt.Fprint(out, "\nOutputs: none.\n")
	}
	if d.Example != "" {
		fmt.Fprintf(out, "\nExample:\n  %s\n", strings.ReplaceAll(d.Example, "\n", "\n  "))
	}
	return nil
}

func writeTable(out io.Writer, values []valueDoc) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, v := range values {
		mark := " "
		if v.Required {
			mark = "*"
		}
		note := ""
		switch {
		case v.Default != "":
			note = " (default: " + v.Default + ")"
		case v.Optional:
			note = " (not always)"
		}
		fmt.Fprintf(w, "%s %s\t%s\t%s%s\n", mark, v.Name, v.Type, v.Doc, note)
	}
	return w.Flush()
}
