package schema

import (
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/parser"
)

// inScope evaluates a package in a borrowed scope, as vet does.
func inScope(t *testing.T, src string) cue.Value {
	t.Helper()
	scope, err := Embedded().Borrow()
	if err != nil {
		t.Fatal(err)
	}
	defer Embedded().Return(scope)
	inst := scope.Instance(t.TempDir())
	f, err := parser.ParseFile("bp.cue", src, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	if err := inst.AddSyntax(f); err != nil {
		t.Fatal(err)
	}
	if err := inst.Complete(); err != nil {
		t.Fatal(err)
	}
	return scope.Build(inst)
}

// A package of a scope reads the schema as any other that imports it, by any name.
func TestScope(t *testing.T) {
	const head = "package x\nimport s \"" + Module + "/schema\"\n"
	for _, c := range []struct{ name, src, want string }{
		{"good", `b: s.#Blueprint & {name: "x", actions: a: phases: p: {func: "KubeTask", args: {image: "i:1", command: ["true"]}}}`, ""},
		{"the name of the import is the author's too", `x: {s: 1, y: s}, b: s.#Artifact`, ""},
		{"wrong value", `b: s.#Blueprint & {name: 1, actions: {}}`, "b.name: conflicting values"},
		{"closed", `b: s.#Artifact & {keyValues: {}}`, "b.keyValues: field not allowed"},
		{"broken rule", `b: s.#Blueprint & {name: "x", actions: a: phases: p: func: "KubeTask"}`, "KubeTask needs the argument image, command"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := inScope(t, head+c.src+"\n").Validate(cue.Concrete(false))
			switch {
			case c.want == "" && err != nil:
				t.Errorf("it is refused: %v", err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

// Every definition can be read in a scope, and is what it is in the schema.
func TestScopeHasAllDefinitions(t *testing.T) {
	inst, err := Instance()
	if err != nil {
		t.Fatal(err)
	}
	whole := cuecontext.New().BuildInstance(inst)
	for _, name := range Embedded().Definitions() {
		want := whole.LookupPath(cue.ParsePath(name)).IncompleteKind()
		v := inScope(t, "package x\nimport \""+Module+"/schema\"\n_x: schema."+name+"\nthere: _x\n")
		if got := v.LookupPath(cue.ParsePath("there")).IncompleteKind(); got != want {
			t.Errorf("%s is %v in a scope, want %v", name, got, want)
		}
	}
}
