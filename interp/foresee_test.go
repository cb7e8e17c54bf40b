package interp

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rescuecue/rescue/compat"
)

// foresee plans the action "a" of a blueprint.
func foresee(t *testing.T, src string, given *compat.Params, secret ...string) *Foresight {
	t.Helper()
	b, err := LoadSource("b.cue", []byte("package b\nimport \"github.com/rescuecue/rescue/schema\"\nblueprint: schema.#Blueprint & {name: \"b\", actions: a: {kind: \"Deployment\", input: _\n"+src+"}}"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := b.Foresee("a", given, secret, compat.Engine{}.Render)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// command is the command of a foreseen phase.
func command(f *Foresight, phase string) any {
	for _, p := range f.Phases {
		if p.Phase.Name == phase {
			return p.Args["command"]
		}
	}
	return nil
}

// foreseen is a phase that runs a command.
func foreseen(name, command, more string) string {
	return "phases: " + name + `: {func: "KubeTask", args: {image: "i:1", command: [` + command + `]}` + more + "}\n"
}

// TestForeseeNamesSources: what is not known is named by where it comes from.
func TestForeseeNamesSources(t *testing.T) {
	for name, c := range map[string]struct {
		phases string
		given  compat.Params
		want   []any
	}{
		"names":     {foreseen("p", "input.deployment.namespace, input.deployment.pods[1]", ""), compat.Params{}, []any{"<input.deployment.namespace>", "<input.deployment.pods[1]>"}},
		"in a text": {foreseen("p", `"ls \(input.deployment.name)/x"`, ""), compat.Params{}, []any{"ls <input.deployment.name>/x"}},
		"known": {
			foreseen("p", "input.deployment.name, input.options.x", ""),
			compat.Params{Deployment: &compat.Workload{Name: "cart", Namespace: "shop"}, Options: map[string]string{"x": "1"}}, []any{"cart", "1"},
		},
		"pods of a known name": {foreseen("p", "input.deployment.pods[0]", ""), compat.Params{Deployment: &compat.Workload{Name: "cart"}}, []any{"<input.deployment.pods[0]>"}},
		"each pod":             {foreseen("p", "for x in input.deployment.pods {x}", ""), compat.Params{}, []any{"<input.deployment.pods[0]>"}},
		"option":               {foreseen("p", "input.options.x", ""), compat.Params{}, []any{"<input.options.x>"}},
		"artifact":             {foreseen("p", "input.artifactsIn.dump.keyValue.path", ""), compat.Params{}, []any{"<input.artifactsIn.dump.keyValue.path>"}},
		"object":               {foreseen("p", "input.object.spec.list[1].name", ""), compat.Params{}, []any{"<input.object.spec.list[1].name>"}},
		"profile":              {foreseen("p", "input.profile.location.bucket, input.profile.json", ""), compat.Params{}, []any{"<input.profile.location.bucket>", "<input.profile.json>"}},
		"secret":               {foreseen("p", "input.secrets.db.data.password", ""), compat.Params{}, []any{"<input.secrets.db.data.password>"}},
		"output": {
			foreseen("first", `"true"`, ", output: id: string") + foreseen("p", `"get \(phases.first.output.id)"`, ""), compat.Params{}, []any{"get <id of phase first>"},
		},
		"number": {
			`phases: first: {func: "ScaleWorkload", args: replicas: 0}` + "\n" + foreseen("p", `"n=\(phases.first.output.originalReplicaCount)"`, ""),
			compat.Params{}, []any{"n=<originalReplicaCount of phase first>"},
		},
		"object of the phase": {
			foreseen("p", `"\(secrets.db.data.password)"`, `, objects: db: {name: "pg", namespace: "shop"}, secrets: _`), compat.Params{}, []any{"<password of Secret shop/pg>"},
		},
		"value of a Secret": {
			foreseen("p", "input.secrets.db.data.password", ""),
			compat.Params{Secrets: map[string]compat.Secret{"db": {Data: map[string][]byte{"password": []byte("hunter2")}}}}, []any{"<input.secrets.db.data.password>"},
		},
		"secret option": {"input: options: pin: string @secret()\n" + foreseen("p", "input.options.pin", ""), compat.Params{Options: map[string]string{"pin": "hunter2"}}, []any{"<input.options.pin>"}},
		"named secret":  {foreseen("p", "input.options.token", ""), compat.Params{Options: map[string]string{"token": "hunter2"}}, []any{"<input.options.token>"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := foresee(t, c.phases, &c.given, "token")
			if diff := cmp.Diff(c.want, command(f, "p")); diff != "" {
				t.Error(diff)
			}
			if text := strings.Join(f.Missing, " "); strings.Contains(text, "hunter2") {
				t.Errorf("missing %s", text)
			}
		})
	}
}

// TestForeseeNumbersOfInputs: a text with a placeholder is no number; the phase is shown
// all the same.
func TestForeseeNumbersOfInputs(t *testing.T) {
	src := "package b\nimport (\"strconv\"\n\"github.com/rescuecue/rescue/schema\")\n" + `blueprint: schema.#Blueprint & {name: "b", actions: a: {kind: "Deployment", input: _
	phases: up: {func: "ScaleWorkload", args: {replicas: strconv.Atoi(input.artifactsIn.was.keyValue.n), name: input.options.x}}}}`
	b, err := LoadSource("b.cue", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	f, err := b.Foresee("a", &compat.Params{}, nil, compat.Engine{}.Render)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"replicas": "<from input.artifactsIn.was.keyValue.n>", "name": "<input.options.x>"}
	if diff := cmp.Diff(want, f.Phases[0].Args); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"<input.artifactsIn.was.keyValue.n>", "<input.options.x>"}, f.Missing); diff != "" {
		t.Error(diff)
	}
}

// TestForeseePhasesOfOptions: an option that is not given is not there, and so are the
// phases that it brings.
func TestForeseePhasesOfOptions(t *testing.T) {
	src := "if input.options.full != _|_ {\n" + foreseen("extra", "input.options.full", "") + "}\n" + foreseen("p", "input.options.x", "")
	for given, want := range map[string]int{"": 1, "yes": 2} {
		params := &compat.Params{}
		if given != "" {
			params.Options = map[string]string{"full": given}
		}
		f := foresee(t, src, params)
		if len(f.Phases) != want {
			t.Errorf("full=%q: %d phases, want %d", given, len(f.Phases), want)
		}
		if diff := cmp.Diff([]any{"<input.options.x>"}, command(f, "p")); diff != "" {
			t.Error(diff)
		}
	}
}

// TestWaits says why phases wait.
func TestWaits(t *testing.T) {
	f := foresee(t, foreseen("one", `"true"`, ", output: {a: string, b: string}")+foreseen("two", `"true"`, ", after: []")+
		foreseen("three", `phases.one.output.b, phases.one.output.a`, `, after: ["two"]`)+foreseen("four", "phases.one.output.a", ""), &compat.Params{})
	got := map[string][]Wait{}
	for _, p := range f.Phases {
		got[p.Phase.Name] = p.Waits
	}
	want := map[string][]Wait{
		"one": nil, "two": nil,
		"three": {{"one", []Reason{ByReading}, []string{"a", "b"}}, {"two", []Reason{ByAfter}, nil}},
		"four":  {{"one", []Reason{ByOrder, ByReading}, []string{"a"}}, {"two", []Reason{ByOrder}, nil}, {"three", []Reason{ByOrder}, nil}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestForeseeTemplates: a template that stays renders with placeholders, or is shown.
func TestForeseeTemplates(t *testing.T) {
	src := `_one: string @gotmpl("echo {{ .Options.x }} {{ .Phases.first.Output.id }}")
		_two: string @gotmpl("{{ .Options.x | int | add 1 | fail }}")
` + foreseen("first", `"true"`, ", output: id: string") + foreseen("p", "_one, _two", "")
	f := foresee(t, src, &compat.Params{})
	want := []any{"echo <input.options.x> <id of phase first>", "{{ .Options.x | int | add 1 | fail }}"}
	if diff := cmp.Diff(want, command(f, "p")); diff != "" {
		t.Error(diff)
	}
}

// TestForeseeCorpus: every action of published blueprints that load can be shown
// before it runs, but for those whose blueprint is wrong.
func TestForeseeCorpus(t *testing.T) {
	seen := 0
	for i, path := range corpusFiles(t) {
		if i%4 != 0 {
			continue // enough of them to find out
		}
		b, err := Load(path, nil)
		if err != nil {
			continue // of other tests
		}
		for _, action := range b.Actions() {
			_, err := b.Foresee(action, &compat.Params{Time: "2026-11-22T09:08:07.123456789Z"}, nil, compat.Engine{}.Render)
			seen++
			if err != nil && !strings.Contains(err.Error(), "unknown function") && !strings.Contains(err.Error(), "field not allowed") {
				t.Errorf("%s: action %s: %v", path, action, err)
			}
		}
	}
	if seen == 0 {
		t.Error("no action was planned")
	}
}
