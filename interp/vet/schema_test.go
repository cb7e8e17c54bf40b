package vet

import (
	"strings"
	"testing"

	"github.com/rescuecue/rescue/schema"
)

// TestFunctionsOfAnotherSchema: a program's own function is known, and checked.
func TestFunctionsOfAnotherSchema(t *testing.T) {
	set, err := schema.Embedded().With("freeze.cue", []byte("package schema\n#Functions: Freeze: {args: disk?: string, required: [\"disk\"], output: was: string}\n"))
	if err != nil {
		t.Fatal(err)
	}
	check := func(set *schema.Set, args string) []Finding {
		src := "package p\nimport \"github.com/rescuecue/rescue/schema\"\nblueprint: schema.#Blueprint & {\n\tname: \"p\"\n\tactions: restore: phases: hush: {\n\t\tfunc: \"Freeze\"\n\t\targs: {" + args + "}\n\t}\n}\n"
		return Check(Unit{Language: CUE, Files: []File{{Name: "p.cue", Path: t.TempDir() + "/p.cue", Data: []byte(src)}}, Schema: set})
	}
	if found := check(set, `disk: "sda"`); len(found) > 0 {
		t.Errorf("found %v in a sound blueprint", found)
	}
	if found := check(set, `disc: "sda"`); len(found) != 1 || !strings.Contains(found[0].Message, "disc") || found[0].Line != 7 {
		t.Errorf("found %v", found)
	}
	if found := check(nil, `disk: "sda"`); len(found) != 1 || !strings.Contains(found[0].Message, "Freeze") {
		t.Errorf("found %v without the schema", found)
	}
}

// TestLegacyFunctionsOfAnotherSchema: so is it in a blueprint of YAML, with its outputs.
func TestLegacyFunctionsOfAnotherSchema(t *testing.T) {
	set, err := schema.Embedded().With("freeze.cue", []byte("package schema\n#Functions: Freeze: {args: disk?: string, required: [\"disk\"], output: was: string}\n"))
	if err != nil {
		t.Fatal(err)
	}
	check := func(set *schema.Set, arg, output string) []Finding {
		src := "apiVersion: cr.kanister.io/v1alpha1\nkind: Blueprint\nmetadata: {name: p}\nactions:\n  restore:\n    phases:\n    - func: Freeze\n      name: hush\n      args: {" + arg + ": sda}\n    outputArtifacts: {a: {keyValue: {k: '{{ .Phases.hush.Output." + output + " }}'}}}\n"
		var errors []Finding
		for _, f := range Check(Unit{Language: YAML, Files: []File{{Name: "p.yaml", Data: []byte(src)}}, Schema: set}) {
			if f.Severity == Error {
				errors = append(errors, f)
			}
		}
		return errors
	}
	for _, c := range []struct {
		set         *schema.Set
		arg, output string
		want        string
	}{
		{set, "disk", "was", ""},
		{set, "disc", "was", ruleUnknownArgument},
		{set, "disk", "is", ruleUnknownOutput},
		{nil, "disk", "was", ruleUnknownFunction},
	} {
		got := ""
		for _, f := range check(c.set, c.arg, c.output) {
			got += f.Rule
		}
		if got != c.want {
			t.Errorf("%s, %s: found %q, want %q", c.arg, c.output, got, c.want)
		}
	}
}
