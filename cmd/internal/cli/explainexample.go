package cli

import (
	"fmt"
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/format"
	"cuelang.org/go/cue/parser"

	"github.com/rescuecue/rescue/schema"
)

// argumentExample shows the argument as it stands in the function's example. One that is not
// there is made up of the type.
func argumentExample(f schema.Func, a schema.Arg) string {
	if value := exampleValue(f.Example, a.Name); value != "" {
		return "args: " + a.Name + ": " + value
	}
	if value := madeUp(a); value != "" {
		return "args: " + a.Name + ": " + value
	}
	return f.Example
}

// exampleValue finds the argument's value in an example: a phase with its name.
func exampleValue(example, name string) string {
	file, err := parser.ParseFile("example", example)
	if err != nil {
		return ""
	}
	value := ""
	ast.Walk(file, func(n ast.Node) bool {
		field, ok := n.(*ast.Field)
		if !ok || value != "" {
			return true
		}
		if label, _, _ := ast.LabelName(field.Label); label == "args" {
			value = fieldSource(field.Value, name)
		}
		return true
	}, nil)
	return value
}

func fieldSource(x ast.Expr, name string) string {
	args, ok := x.(*ast.StructLit)
	if !ok {
		return ""
	}
	for _, d := range args.Elts {
		field, ok := d.(*ast.Field)
		if !ok {
			continue
		}
		if label, _, _ := ast.LabelName(field.Label); label == name {
			// A value that was parsed can be written.
			src, _ := format.Node(field.Value)
			return string(src)
		}
	}
	return ""
}

// madeUp is a value of the argument's type: its default, or the simplest there is.
func madeUp(a schema.Arg) string {
	switch i := slices.IndexFunc(typeExamples, func(e typeExample) bool { return strings.Contains(a.Type, e.typ) }); {
	case i >= 0:
		return typeExamples[i].value
	case a.Default != "":
		return a.Default
	case a.Type == "string":
		return `"…"`
	}
	return ""
}

// A typeExample is a value of the types that contain a text.
type typeExample struct{ typ, value string }

var typeExamples = []typeExample{
	{"time.Duration()", `"90s"`},
	{"#PositiveQuantity", `"10Gi"`},
	{"#Quantity", `"500Mi"`},
	{"#LabelValue", `{"app.kubernetes.io/part-of": "backup"}`},
	{"#Command", `["sh", "-c", "true"]`},
	{"#TextList", `["a", "b"]`},
	{"#SnapshotTags", `"team:storage,reason:upgrade"`},
	{"#DBEngine", `"aurora-postgresql"`},
	{"#ResourceReference", `{apiVersion: "v1", resource: "configmaps", namespace: "shop", name: "settings"}`},
	{"[...string]", `["a", "b"]`},
	{"#AccessMode", `["ReadWriteOnce"]`},
	{"#WorkloadKind", `"statefulset"`},
	{"[string]: string", `{key: "value"}`},
	{"{...}", `{serviceAccountName: "backup"}`},
	{"*false", "true"},
	{"*true", "false"},
	{"int", "1"},
}

// outputExample says how an output is read, in both languages.
func outputExample(o schema.Arg) string {
	return fmt.Sprintf("CUE:   phases.NAME.output.%s\nYAML:  {{ .Phases.NAME.Output.%s }}", o.Name, o.Name)
}
