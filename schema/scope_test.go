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
	inst := scope.Packages(nil).NewInstance(t.TempDir(), nil)
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

// A let clause of the author is none of the schema's, also if it has the same name: CUE
// tells them apart by numbers, which it gives anew in each context.
func TestScopeLets(t *testing.T) {
	inst, err := Instance()
	if err != nil {
		t.Fatal(err)
	}
	lets := strings.Count(letClauses(inst), "let ")
	if lets == 0 {
		t.Fatal("the schema has no let clauses")
	}
	const action = `
		let names = ["own"]
		let shape = {own: {keyValue: "own"}}
		artifactsFrom: "b"
		phases: p: {func: "KubeTask", args: {image: "i:1", command: [names[0], shape.own.keyValue]}}`
	for before := range lets + 1 {
		src := "package x\nimport \"" + Module + "/schema\"\n" + strings.Repeat("_x: {let x = 0, y: x}\n", before) +
			`b: schema.#Blueprint & {name: "x", actions: {a: {` + action + `}, b: {phases: {}, outputArtifacts: o: keyValue: k: "v"}}}` + "\n"
		v := inScope(t, src)
		if err := v.Validate(cue.Concrete(false)); err != nil {
			t.Errorf("with %d let clauses before: %v", before, err)
		}
		if got, err := v.LookupPath(cue.ParsePath("b.actions.a.phases.p.args.command")).MarshalJSON(); string(got) != `["own","own"]` {
			t.Errorf("with %d let clauses before: the command is %s, %v", before, got, err)
		}
	}
}
