package compat

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadBlueprint(t *testing.T) {
	bp := readBlueprint(t, "testdata/convert/snapshot.yaml")
	if bp.Name != "snapshot" || len(bp.Actions) != 2 {
		t.Fatalf("%s has %d actions", bp.Name, len(bp.Actions))
	}
	backup, restore := bp.Actions[0], bp.Action("restore")
	var got []string
	for _, a := range bp.Actions {
		for _, p := range a.AllPhases() {
			got = append(got, a.Key+"/"+p.Name+"="+p.Func)
		}
		for _, o := range a.OutputArtifacts {
			for _, k := range o.KeyValue {
				got = append(got, o.Name+"."+k.Name)
			}
		}
	}
	want := []string{"backup/dump=MultiContainerRun", "backup/clean up=KubeTask", "claim.name", "claim.done", "restore/load=PrepareData", "restore/ready=WaitV2"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if backup.OutputArtifacts[0].KopiaSnapshot == nil || backup.DeferPhase == nil {
		t.Error("no kopiaSnapshot or deferPhase")
	}
	if restore.Kind.Str != "PersistentVolumeClaim" || restore.InputArtifactNames[0].Str != "copy" {
		t.Error("kind or inputArtifactNames")
	}
	image := restore.Phase("load").Arg("image")
	if line, column := image.Value.PosAt(0); line != 44 || column != 16 {
		t.Errorf("image at %d:%d", line, column)
	}
}

func TestReadBlueprintErrors(t *testing.T) {
	const head = "kind: Blueprint\n"
	phase := func(fields string) string {
		return head + "actions:\n  a:\n    phases:\n    - " + strings.ReplaceAll(fields, "\n", "\n      ") + "\n"
	}
	tests := []struct{ name, src, want string }{
		{"list", "- a\n", "1:1: a blueprint must be a map, found a list"},
		{"text", "hello\n", "1:1: a blueprint must be a map, found a string"},
		{"no actions", head, "1:1: the blueprint has no actions"},
		{"spec", head + "spec:\n  actions: {}\n", "2:1: a Blueprint has no spec; write actions at the top level"},
		{"null actions", head + "actions:\n", "actions must be a map, and is empty; fill it in or remove it"},
		{"null action", head + "actions:\n  a:\n", "action a must be a map, and is empty; fill it in or remove it"},
		{"action's fields beside it", head + "actions:\n  a:\n  kind: PVC\n  phases: [{func: F}]\n",
			"3:3: kind, phases stand beside action a and not in it; indent what belongs to a by two more spaces, from line 4 on"},
		{"one field beside its action", head + "actions:\n  a:\n    kind: PVC\n  phases: [{func: F}]\n",
			"3:3: phases stands beside action a and not in it; indent what belongs to a by two more spaces, from line 5 on"},
		{"action beside actions", head + "actions:\nb:\n  phases: [{func: F}]\n",
			"3:1: b stands beside actions and not in it, so the blueprint does not have this action; indent b and what belongs to it by two more spaces, below actions"},
		{"arguments beside args", phase("func: F\nargs:\nimage: a\npod: b"),
			"6:7: image, pod stand beside args and not in it; indent what belongs to args by two more spaces, from line 7 on"},
		{"no phases", head + "actions:\n  a: {kind: PVC}\n", "3:3: action a has no phases"},
		{"phases as a map", head + "actions:\n  a:\n    phases: {p: {func: X}}\n", `4:13: phases must be a list, found a map; begin each item with "- "`},
		{"phase as text", phase("KubeTask"), "5:7: a phase must be a map, found a string"},
		{"no func", phase("name: p"), "5:7: the phase has no func; say which function it calls"},
		{"null args", phase("func: F\nargs:"), "args must be a map, and is empty; fill it in or remove it"},
		{"null argument", phase("func: F\nargs:\n  a: 1\n  b:"), "8:9: args.b is empty (null); give it a value or remove it"},
		{"null deep inside", phase("func: F\nargs: {a: {b: [x, ~]}}"), "6:25: args.a.b has an empty (null) item; give it a value or remove it"},
		{"number as name", phase("func: F\nname: 5"), "6:13: name must be a string, found an integer; put it in quotes"},
		{"boolean as func", phase("func: on"), "5:13: func must be a string, found a boolean; put it in quotes"},
		{"objects as a list", phase("func: F\nobjects: [a]"), "6:16: objects must be a map, found a list"},
		{"object as text", phase("func: F\nobjects: {a: b}"), "6:20: object a must be a map, found a string"},
		{"twice", phase("{func: F, name: p}\n") + "    - {func: F, name: p}\n", `phase "p" stands at line 5 already; give it another name`},
		{"names", head + "actions:\n  a: {phases: [], secretNames: x}\n", "3:32: secretNames must be a list, found a string"},
		{"name of a name", head + "actions:\n  a: {phases: [], secretNames: [[x]]}\n", "3:33: secretNames must hold strings, found a list"},
		{"artifact", head + "actions:\n  a: {phases: [], outputArtifacts: {x: z}}\n", "3:40: artifact x must be a map, found a string"},
		{"artifact's key", head + "actions:\n  a: {phases: [], outputArtifacts: {x: {keyValue: {k: 1}}}}\n", "3:55: keyValue.k must be a string, found an integer; put it in quotes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			docs, err := Parse("b.yaml", []byte(test.src))
			if err != nil {
				t.Fatal(err)
			}
			_, errs := ReadBlueprint(docs[0])
			if len(errs) != 1 || !strings.HasPrefix(errs[0].Error(), "b.yaml:") || !strings.HasSuffix(errs[0].Error(), test.want) {
				t.Errorf("errors\n%v\nwant one that ends in\n%s", Errors(errs), test.want)
			}
		})
	}
}

// The same phase name in two actions is what published blueprints do.
func TestReadBlueprintAllowsPhaseNamesInTwoActions(t *testing.T) {
	docs, err := Parse("b.yaml", []byte("kind: Blueprint\nactions:\n  a: {phases: [{func: F, name: p}]}\n  b: {phases: [{func: F, name: p}]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, errs := ReadBlueprint(docs[0]); len(errs) > 0 {
		t.Error(Errors(errs))
	}
}
