package schema

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"cuelang.org/go/cue/format"
)

const blueprints = "./testdata/ok/..."

func TestGoodBlueprintsPass(t *testing.T) {
	for _, f := range vet(t, ".", "-c=false", blueprints) {
		t.Errorf("%s %v", f.message, f.places)
	}
}

// A mutant is a good blueprint with one mistake.
type mutant struct {
	what, example, old, new string
	want                    []string
}

func TestMistakesAreFound(t *testing.T) {
	for _, m := range mutants(t) {
		t.Run(m.what, func(t *testing.T) {
			t.Parallel()
			src := read(t, filepath.Join("testdata", "ok", m.example, "blueprint.cue"))
			if !strings.Contains(src, m.old) {
				t.Fatalf("%s has no %q", m.example, m.old)
			}
			src = strings.Replace(src, m.old, m.new, 1)
			found := vet(t, module(t, map[string]string{"blueprint.cue": src}), "-c=false", ".")
			check(t, found, m.want)
		})
	}
}

func check(t *testing.T, found []finding, want []string) {
	t.Helper()
	if len(found) != len(want) {
		t.Errorf("found %d errors, want %d:\n%s", len(found), len(want), messages(found))
	}
	for _, w := range want {
		at := -1
		for i, f := range found {
			if strings.HasPrefix(f.message, w) {
				at = i
			}
		}
		if at < 0 {
			t.Errorf("not found: %s\nbut:\n%s", w, messages(found))
		} else if len(found[at].places) == 0 && !strings.Contains(w, "_lacking") {
			// An error that the schema made of what is not there has no place.
			t.Errorf("found at no place of the blueprint: %s", found[at].message)
		}
	}
}

// mutants reads testdata/mutants.txt.
func mutants(t *testing.T) []mutant {
	t.Helper()
	var list []mutant
	for block := range strings.SplitSeq(read(t, filepath.Join("testdata", "mutants.txt")), "\n\n") {
		var lines []string
		for line := range strings.Lines(block) {
			if line = strings.TrimSuffix(line, "\n"); !strings.HasPrefix(line, "#") {
				lines = append(lines, line)
			}
		}
		if len(lines) == 0 {
			continue
		}
		if len(lines) < 2 {
			t.Fatalf("mutant without a change: %q", lines)
		}
		list = append(list, newMutant(t, lines[0], lines[1], lines[2:]))
	}
	return list
}

func newMutant(t *testing.T, what, change string, want []string) mutant {
	t.Helper()
	example, change, ok1 := strings.Cut(change, ": ")
	before, after, ok2 := strings.Cut(change, " =>")
	if !ok1 || !ok2 {
		t.Fatalf("%s: no change: %q", what, change)
	}
	escapes := strings.NewReplacer(`\n`, "\n", `\t`, "\t")
	m := mutant{
		what:    what,
		example: example,
		old:     escapes.Replace(before),
		new:     escapes.Replace(strings.TrimPrefix(after, " ")),
	}
	for _, w := range want {
		m.want = append(m.want, "blueprint.actions."+w)
	}
	return m
}

var inputKind = regexp.MustCompile(`input\.(statefulSet|deployment|pvc|namespace)\.`)

func TestExamplesOfFunctionsPass(t *testing.T) {
	kinds := map[string]string{"statefulSet": "StatefulSet", "deployment": "Deployment", "pvc": "PVC", "namespace": "Namespace"}
	files := map[string]string{}
	for _, name := range FunctionNames() {
		src := blueprintOf(must(t, name).Example + `
			take: {func: "CreateRDSSnapshot", args: instanceID: "db"}`)
		if m := inputKind.FindStringSubmatch(src); m != nil {
			src = strings.Replace(src, `"Any"`, `"`+kinds[m[1]]+`"`, 1)
		}
		if strings.Contains(src, "strings.") {
			src = strings.Replace(src, "\nimport ", "\nimport \"strings\"\nimport ", 1)
		}
		if _, err := format.Source([]byte(must(t, name).Example)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		files[name+"/example.cue"] = src
	}
	for _, f := range vet(t, module(t, files), "-c=false", "./...") {
		t.Errorf("%s %v", f.message, f.places)
	}
}

// A reference that leads nowhere is one error, whatever the type of the argument
// it stands at: no constraint repeats it.
func TestBadReferenceIsOneError(t *testing.T) {
	var phases strings.Builder
	fmt.Fprintln(&phases, `source: {func: "KubeTask", args: {image: "x", command: ["x"]}}`)
	want := 0
	for _, name := range FunctionNames() {
		for _, a := range must(t, name).Args {
			fmt.Fprintf(&phases, "%s_%s: {func: %q, args: %s: source.output.nowhere}\n", name, a.Name, name, a.Name)
			want++
		}
	}
	got := 0
	dir := module(t, map[string]string{"blueprint.cue": blueprintOf(phases.String())})
	for _, f := range vet(t, dir, "-c=false", ".") {
		switch {
		case strings.Contains(f.message, "undefined field: nowhere"):
			got++
		case !strings.Contains(f.message, "._args."): // The other arguments are missing, of course.
			t.Error(f.message)
		}
	}
	if got != want {
		t.Errorf("found %d bad references, want %d", got, want)
	}
}
