package interp

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rescuecue/rescue/compat"
)

// plan makes a plan of the action backup whose body is given as CUE.
func plan(t *testing.T, body string, params *compat.Params) (*Plan, error) {
	t.Helper()
	b, err := LoadSource("p.cue", []byte("package p\nimport \"github.com/rescuecue/rescue/schema\"\nimport \"strings\"\n_used: strings.ToUpper(\"x\")\n"+
		"blueprint: schema.#Blueprint & {\nname: \"p\"\nactions: backup: {\ninput: _\n"+body+"\n}\n}\n"))
	if err != nil {
		t.Fatal(err)
	}
	return b.Plan("backup", params)
}

func mustPlan(t *testing.T, body string, params *compat.Params) *Plan {
	t.Helper()
	p, err := plan(t, body, params)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func waits(p *Plan) map[string][]string {
	m := map[string][]string{}
	for _, ph := range p.Phases {
		m[ph.Name] = ph.After
	}
	return m
}

func phaseNames(p *Plan) []string {
	var names []string
	for _, ph := range p.Phases {
		names = append(names, ph.Name)
	}
	return names
}

const task = `{func: "KubeTask", args: {image: "i:1", command: ["x"]}}`

func TestPhasesKeepTheOrderWritten(t *testing.T) {
	params := &compat.Params{Options: map[string]string{"full": "1"}, Object: map[string]any{"list": []any{"b", "a"}}}
	p := mustPlan(t, `
		phases: {
			z: `+task+`
			if input.options.full != _|_ {
				m: `+task+`
			}
			for n in input.object.list {
				"each-\(n)": `+task+`
			}
			b: _shared
			a: `+task+`
		}
		_shared: `+task, params)
	if diff := cmp.Diff([]string{"z", "m", "each-b", "each-a", "b", "a"}, phaseNames(p)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"z", "m"}, waits(p)["each-b"]); diff != "" {
		t.Error(diff)
	}
}

func TestAfterReplacesTheOrderButNotWhatIsRead(t *testing.T) {
	p := mustPlan(t, `phases: {
		a: {func: "KubeTask", args: {image: "i:1", command: ["x"]}, output: id: string}
		b: `+task+`
		c: {func: "KubeTask", after: [], args: {image: "i:1", command: ["x"]}}
		d: {func: "KubeTask", after: ["b"], args: {image: "i:1", command: [phases.a.output.id]}}
		e: {func: "KubeTask", after: [], args: {image: "i:1", command: [strings.ToUpper(phases.d.args.command[0])]}}
	}`, &compat.Params{})
	want := map[string][]string{"a": {}, "b": {"a"}, "c": {}, "d": {"a", "b"}, "e": {"a"}}
	got := waits(p)
	for name := range want {
		if strings.Join(got[name], " ") != strings.Join(want[name], " ") {
			t.Errorf("%s waits for %v, expected %v", name, got[name], want[name])
		}
	}
}

func TestPlanRefusesWhatCannotRun(t *testing.T) {
	for _, tt := range []struct{ name, body, want string }{
		{"cycle", `phases: {
			a: {func: "KubeTask", after: ["b"], args: {image: "i:1", command: ["x"]}}
			b: {func: "KubeTask", after: ["a"], args: {image: "i:1", command: ["x"]}}
		}`, "p.cue:10:4: phases wait for each other: a waits for b waits for a"},
		{"unknown after", `phases: a: {func: "KubeTask", after: ["nix"], args: {image: "i:1", command: ["x"]}}`,
			`phase a is after nix, which this action has not`},
		{"own output", `phases: a: {func: "KubeTask", args: {image: "i:1", command: [phases.a.output.id]}, output: id: string}`,
			"phase a reads its own output id"},
		{"reads a later phase", `phases: {
			a: {func: "KubeTask", args: {image: "i:1", command: [phases.b.output.id]}}
			b: {func: "KubeTask", args: {image: "i:1", command: ["x"]}, output: id: string}
		}`, "phases wait for each other: a waits for b waits for a"},
		{"object of another kind", `kind: "StatefulSet"
			phases: a: ` + task, "works on a StatefulSet"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := plan(t, tt.body, &compat.Params{})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, expected %q", err, tt.want)
			}
		})
	}
}

func TestUnknownActionNamesThoseThereAre(t *testing.T) {
	b, err := LoadSource("p.cue", chain(1))
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.Plan("bakcup", &compat.Params{})
	if err == nil || !strings.Contains(err.Error(), `"bakcup"; the blueprint has backup`) {
		t.Errorf("error %v", err)
	}
}

// everything is an action that uses each way to read something.
const everything = `
	kind: "StatefulSet"
	phases: {
		stop: {func: "ScaleWorkload", args: replicas: 0}
		dump: {
			func: "KubeTask"
			objects: db: {name: "secret-of-\(input.statefulSet.name)", namespace: input.statefulSet.namespace}
			secrets: _
			_script: string @gotmpl(#"pods {{ index .StatefulSet.Pods 0 }} {{ index .Phases.dump.Secrets.db.Data "password" | toString }}"#)
			args: {
				namespace: input.statefulSet.namespace
				image:     "postgres:\(input.options.tag)"
				command: [input.object.metadata.labels["app"], secrets.db.data.password, "pw=\(phases.dump.secrets.db.data["password"])", _script]
			}
			output: location: string
		}
		note: {
			func: "KubeTask"
			args: {
				image: "i:1"
				command: [strings.ToUpper(phases.dump.output.location)]
				podAnnotations: {for k, v in phases.dump.output {(k): v}}
			}
		}
		start: {func: "ScaleWorkload", args: replicas: stop.output.originalReplicaCount}
	}
	deferPhase: {func: "KubeTask", args: {image: "i:1", command: [phases.dump.output.location]}}
	outputArtifacts: dump: keyValue: {
		location: phases.dump.output.location
		upper:    strings.ToUpper(phases.dump.output.location)
	}`

func everythingParams() *compat.Params {
	return &compat.Params{
		StatefulSet: &compat.Workload{Name: "db", Namespace: "shop", Pods: []string{"db-0", "db-1"}},
		Object:      map[string]any{"metadata": map[string]any{"labels": map[string]any{"app": "pg"}}},
		Options:     map[string]string{"tag": "15"},
		Phases: map[string]*compat.Phase{
			"stop": {Output: map[string]any{"originalReplicaCount": 3}},
			"dump": {
				Output:  map[string]any{"location": "s3://x"},
				Secrets: map[string]compat.Secret{"db": {Data: map[string][]byte{"password": []byte("pw")}}},
			},
		},
	}
}

func TestRenderBindsEachKindOfReference(t *testing.T) {
	params := everythingParams()
	p := mustPlan(t, everything, params)
	got, err := p.Render(params, compat.Engine{}.Render)
	if err != nil {
		t.Fatal(err)
	}
	want := &Rendering{
		Phases: []RenderedPhase{
			{Name: "stop", Func: "ScaleWorkload", Args: map[string]any{"replicas": int64(0)}},
			{
				Name: "dump", Func: "KubeTask",
				Objects: map[string]ObjectRef{"db": {Kind: "Secret", Name: "secret-of-db", Namespace: "shop"}},
				Args:    map[string]any{"namespace": "shop", "image": "postgres:15", "command": []any{"pg", "pw", "pw=pw", "pods db-0 pw"}},
			},
			{Name: "note", Func: "KubeTask", Args: map[string]any{"image": "i:1", "command": []any{"S3://X"}, "podAnnotations": map[string]any{"location": "s3://x"}}},
			{Name: "start", Func: "ScaleWorkload", Args: map[string]any{"replicas": int64(3)}},
		},
		DeferPhase:      &RenderedPhase{Name: "deferPhase", Func: "KubeTask", Args: map[string]any{"image": "i:1", "command": []any{"s3://x"}}},
		OutputArtifacts: map[string]compat.Artifact{"dump": {KeyValue: map[string]string{"location": "s3://x", "upper": "S3://X"}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRenderNamesWhatIsMissing(t *testing.T) {
	params := everythingParams()
	params.Phases["dump"].Output = nil
	p := mustPlan(t, everything, params)
	_, err := p.Render(params, compat.Engine{}.Render)
	if err == nil || !strings.Contains(err.Error(), "arguments of phase note: needs phases.dump.output, which is not there") {
		t.Errorf("error %v", err)
	}
}

func TestMissingInputIsNamedAtItsPlace(t *testing.T) {
	params := everythingParams()
	params.Options = nil
	p := mustPlan(t, everything, params)
	state := p.NewState(params, compat.Engine{}.Render)
	_, err := state.Args(p.Phases[1])
	if err == nil || !strings.Contains(err.Error(), "p.cue:20:42: image: invalid interpolation: undefined field: tag") {
		t.Errorf("error %v", err)
	}
}

func TestArtifactsThatTheActionDoesNotReadAreLeftOut(t *testing.T) {
	src := `package p
import "github.com/rescuecue/rescue/schema"
blueprint: schema.#Blueprint & {
	name: "p"
	actions: backup: {
		phases: a: {func: "KubeTask", args: {image: "i:1", command: ["x"]}, output: id: string}
		outputArtifacts: x: keyValue: id: phases.a.output.id
	}
	actions: restore: {
		input:         _
		artifactsFrom: "backup"
		phases: a: {func: "KubeTask", args: {image: "i:1", command: [input.artifactsIn.x.keyValue.id]}}
	}
}`
	b, err := LoadSource("p.cue", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	params := &compat.Params{ArtifactsIn: map[string]compat.Artifact{
		"x":   {KeyValue: map[string]string{"id": "7", "old": "1"}},
		"old": {KeyValue: map[string]string{"a": "1"}},
	}}
	p, err := b.Plan("restore", params)
	if err != nil {
		t.Fatal(err)
	}
	args, err := p.NewState(params, nil).Args(p.Phases[0])
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]any{"7"}, args["command"]); diff != "" {
		t.Error(diff)
	}
}
