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
