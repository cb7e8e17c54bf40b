package schema

import (
	"slices"
	"strings"
	"testing"

	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/load"
)

const freeze = `package schema

// Freeze stops writes to a disk.
//
//	freeze: {func: "Freeze", args: disk: "sda"}
#Functions: Freeze: {
	args: {
		// disk to freeze.
		disk?: string
	}
	required: ["disk"]
	output: {}
}
`

func TestWith(t *testing.T) {
	set, err := Embedded().With("freeze.cue", []byte(freeze))
	if err != nil {
		t.Fatal(err)
	}
	f, ok := set.Function("Freeze")
	if !ok || f.Doc != "Freeze stops writes to a disk." || !slices.Equal(f.Required, []string{"disk"}) {
		t.Errorf("Freeze is %+v", f)
	}
	if len(set.Names()) != len(FunctionNames())+1 {
		t.Errorf("functions: %v", set.Names())
	}
	if _, ok := Function("Freeze"); ok {
		t.Error("the embedded set has changed")
	}
}

func TestWithRefuses(t *testing.T) {
	once, err := Embedded().With("freeze.cue", []byte(freeze))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		what, name, src, want string
		set                   *Set
	}{
		{"a file of the schema", "phase.cue", freeze, "has a file of that name", Embedded()},
		{"a file twice", "freeze.cue", freeze, "has a file of that name", once},
		{"a function twice", "again.cue", freeze, "Freeze is there already", once},
		{"an embedded function", "mine.cue", "package schema\n#Functions: KubeExec: args: shell?: string\n", "KubeExec is there already", Embedded()},
		{"no CUE", "mine.cue", "package schema\n#Functions: {", "expected", Embedded()},
		{"another package", "mine.cue", "package mine\n", "package", Embedded()},
		{"a rule of the wrong type", "mine.cue", "package schema\n#Functions: X: {args: {}, required: 5}\n", "required", Embedded()},
	} {
		_, err := tt.set.With(tt.name, []byte(tt.src))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want …%s…", tt.what, err, tt.want)
		}
	}
}

func TestOverlayHasAddedFunctions(t *testing.T) {
	set, err := Embedded().With("freeze.cue", []byte(freeze))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, dir+"/cue.mod/module.cue", "module: \"example.com/shop\"\nlanguage: version: \"v0.17.0\"\n")
	write(t, dir+"/b.cue", blueprintOf("a: {func: \"Freeze\", args: disc: \"sda\"}"))
	overlay, err := set.Overlay(dir)
	if err != nil {
		t.Fatal(err)
	}
	insts := load.Instances([]string{"."}, &load.Config{Dir: dir, Overlay: overlay})
	if err := insts[0].Err; err != nil {
		t.Fatal(err)
	}
	err = cuecontext.New().BuildInstance(insts[0]).Validate()
	if err == nil || !strings.Contains(err.Error(), "disc: field not allowed") {
		t.Errorf("found %v", err)
	}
}

// blueprintOf wraps phases, of which a line each, into a blueprint.
func blueprintOf(phases string) string {
	return `package shop

import "github.com/rescuecue/rescue/schema"

blueprint: schema.#Blueprint & {
	name: "shop"
	actions: a: {
		kind:  "Any"
		input: _
		phases: {
` + phases + `
		}
	}
}
`
}

func TestDefinitions(t *testing.T) {
	names := Embedded().Definitions()
	for _, want := range []string{"#Blueprint", "#Action", "#Phase", "#Test", "#TestProfile"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is missing from %v", want, names)
		}
	}
	if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("not sorted, or some names are there twice: %v", names)
	}
}

func TestFieldNames(t *testing.T) {
	for definition, want := range map[string][]string{
		"#Blueprint": {"name", "metadata", "actions"},
		"#Action":    {"name", "kind", "input", "artifactsFrom", "inputArtifactNames", "configMapNames", "secretNames", "phases", "deferPhase", "outputArtifacts"},
		"#Phase":     {"name", "func", "timeout", "retry", "after", "objects", "secrets", "configMaps", "args", "output"},
		"#Nothing":   nil,
	} {
		if got := Embedded().FieldNames(definition); !slices.Equal(got, want) {
			t.Errorf("%s: %v, expected %v", definition, got, want)
		}
	}
}
