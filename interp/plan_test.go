package interp

import (
	"fmt"
	"testing"

	"github.com/rescuecue/rescue/compat"
)

const pg = `package pg

import "github.com/rescuecue/rescue/schema"
import "strings"

blueprint: schema.#Blueprint & {
	name: "pg"
	actions: backup: {
		kind:  "StatefulSet"
		input: _
		phases: {
			stop: {func: "ScaleWorkload", args: replicas: 0}
			dump: {
				func: "KubeTask"
				objects: db: {name: "sec-\(input.statefulSet.name)", namespace: input.statefulSet.namespace}
				secrets: _
				_script: string @gotmpl(#"x {{ .Options.tag }} {{ index .Phases.dump.Secrets.db.Data "password" | toString }}"#)
				args: {
					namespace: input.statefulSet.namespace
					image:     "postgres:\(input.options.tag)"
					command: ["bash", "-c", #"echo \#(input.object.metadata.labels["app"])"#, secrets.db.data.password, "pw=\(phases.dump.secrets.db.data["password"])", _script]
				}
				output: location: string
			}
			if input.options.full != _|_ {
				extra: {func: "KubeTask", args: {image: "x", command: ["a"]}}
			}
			for p in input.statefulSet.pods {
				"each-\(p)": {func: "KubeTask", args: {image: "x", command: [p]}, after: []}
			}
			start: {func: "ScaleWorkload", args: replicas: stop.output.originalReplicaCount}
			note: {func: "KubeTask", after: [], args: {
				image: "x", command: ["echo", strings.ToUpper(phases.dump.output.location)]
				podLabels: {for k, v in phases.dump.output {(k): v}}
			}}
		}
		deferPhase: {func: "KubeTask", args: {image: "x", command: [phases.dump.output.location]}}
		outputArtifacts: dump: keyValue: {location: phases.dump.output.location, up: strings.ToUpper(phases.dump.output.location)}
	}
	actions: restore: {
		kind:          "StatefulSet"
		input:         _
		artifactsFrom: "backup"
		phases: load: {
			func: "KubeTask"
			args: {
				image: "postgres"
				command: ["restore", input.artifactsIn.dump.keyValue.location]
			}
		}
	}
}
`

func TestPlanScratch(t *testing.T) {
	b, err := LoadSource("pg.cue", []byte(pg))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Value.Validate(); err != nil {
		t.Fatal(err)
	}
	params := &compat.Params{StatefulSet: &compat.Workload{Name: "db", Namespace: "ns", Pods: []string{"db-0", "db-1"}},
		Object:  map[string]any{"metadata": map[string]any{"labels": map[string]any{"app": "pg"}}},
		Options: map[string]string{"tag": "15", "full": "1"}}
	p, err := b.Plan("backup", params)
	if err != nil {
		t.Fatal(err)
	}
	st := p.NewState(params, func(s string, _ *compat.Params) (string, error) { return "R:" + s, nil })
	for _, ph := range p.Phases {
		fmt.Println(ph.Name, ph.Func, ph.After, ph.Outputs, ph.Pos)
		o, err := st.Objects(ph)
		fmt.Println("  obj", o, err)
		if o != nil {
			st.SetObjects(ph, map[string]compat.Secret{"db": {Data: map[string][]byte{"password": []byte("s3")}}}, nil)
		}
		a, err := st.Args(ph)
		fmt.Println("  args", a, err)
		out := map[string]any{}
		if ph.Name == "stop" {
			out["originalReplicaCount"] = 3
		}
		if ph.Name == "dump" {
			out["location"] = "s3://x"
		}
		fmt.Println(st.SetOutput(ph, out))
	}
	fmt.Println(st.Args(p.Defer))
	fmt.Println(st.Artifacts())
	fmt.Println(p.Phases[1].args.src)
}
