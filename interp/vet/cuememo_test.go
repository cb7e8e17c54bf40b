package vet

import (
	"slices"
	"testing"

	"github.com/rescuecue/rescue/interp"
	"github.com/rescuecue/rescue/schema"
)

// evaluated is a blueprint with an action a, evaluated once.
func evaluated(t *testing.T, action string) *cueChecker {
	t.Helper()
	src := "package x\n\nimport \"" + schema.Module + "/schema\"\n\nb: schema.#Blueprint & {name: \"b\", actions: a: {" + action + "}}\n"
	c, ok := newCUEChecker(Unit{Files: []File{{Name: "b.cue", Data: []byte(src)}}})
	if !ok {
		t.Fatalf("it does not load: %v", c.findings)
	}
	t.Cleanup(c.pkg.close)
	c.root = c.pkg.value()
	return c
}

// The source alone tells the order of phases only where CUE says the same.
func TestPlainPhases(t *testing.T) {
	const one, two = `z: {func: "KubeTask"}`, `a: {func: "KubeTask"}`
	for _, c := range []struct {
		name, action string
		plain        bool
	}{
		{"a struct", "phases: {" + one + "\n" + two + "}", true},
		{"with comments", "phases: {\n// First.\n\n" + one + "\n\n// Then.\n\n" + two + "\n}", true},
		{"one by one", "phases: " + one + "\nphases: " + two, false},
		{"a loop among them", "phases: {" + one + "\nfor n in [\"m\", \"b\"] {(n): {func: \"KubeTask\"}}}", false},
		{"a pattern", "phases: {" + one + "\n[string]: {timeout: \"1h\"}\n" + two + "}", false},
		{"a second time", "phases: {" + one + "\n" + two + "\nz: {timeout: \"1h\"}}", false},
		{"made of another", "phases: {" + one + "\na: z}", false},
		{"optional", "phases: {" + one + "\na?: {func: \"KubeTask\"}}", false},
		{"unified", "phases: {" + one + "} & {" + two + "}", false},
		{"none", "phases: {}", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			checker := evaluated(t, c.action)
			action := []string{"b", "actions", "a"}
			names := checker.plainPhases(sub(action, "phases"))
			if got := names != nil; got != c.plain {
				t.Fatalf("phases are read off the source: %v, want %v", names, c.plain)
			}
			want, err := interp.PhaseNames(checker.lookup(action...))
			if err != nil {
				t.Fatal(err)
			}
			if c.plain && !slices.Equal(names, want) {
				t.Errorf("phases %v, a plan has them as %v", names, want)
			}
		})
	}
}

// What a struct is asked for is what its list of fields has.
func TestHas(t *testing.T) {
	c := evaluated(t, `phases: z: {func: "KubeTask", args: {image: "i:1", command: ["true"]}, after: []}`)
	phase := []string{"b", "actions", "a", "phases", "z"}
	for _, name := range []string{"after", "args", "name", "timeout", "retry", "none"} {
		if got, want := c.has(phase, name), slices.Contains(c.given(phase...), name); got != want {
			t.Errorf("%s: %v, its fields are %v", name, got, c.given(phase...))
		}
	}
	if !c.has(phase, "after") || c.has(phase, "timeout") || c.has(sub(phase, "none"), "x") {
		t.Error("a field that is written is not there, or one is that is not")
	}
}
