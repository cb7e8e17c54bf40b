package interp

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rescuecue/rescue/compat"
)

var update = flag.Bool("update", false, "write the golden files anew")

// exportParams are what the expressions of these tests read.
func exportParams() *compat.Params {
	load := &compat.Workload{Name: "pg", Namespace: "db-Ns", Pods: []string{"pg-0", "pg-1"}, Containers: [][]string{{"c", "d"}, {"e"}}}
	return &compat.Params{
		StatefulSet: load,
		Time:        "2026-11-22T09:08:07.5Z",
		PodLabels:   map[string]string{"b": "2", "a": "1"},
		Options:     map[string]string{"mode": "full", "a-b": "dash", "yes": "true", "empty": ""},
		Object: map[string]any{
			"metadata": map[string]any{"name": "pg", "labels": map[string]any{"app.io/x": "lab"}},
			"spec":     map[string]any{"replicas": int64(3), "list": []any{"x", "y"}, "flag": true},
		},
		ConfigMaps:  map[string]compat.ConfigMap{"cm": {Data: map[string]string{"k": "cmk"}}},
		Secrets:     map[string]compat.Secret{"s": {Data: map[string][]byte{"user": []byte("u"), "p-w": []byte("dash")}}},
		ArtifactsIn: map[string]compat.Artifact{"art": {KeyValue: map[string]string{"id": "i1"}, KopiaSnapshot: "snap"}},
		Profile: &compat.Profile{
			Location:   compat.Location{Type: "s3Compliant", Bucket: "b", Region: "r"},
			Credential: compat.Credential{Type: "keyPair", KeyPair: &compat.KeyPair{ID: "id", Secret: "se"}},
		},
		Phases: map[string]*compat.Phase{
			"first": {Output: map[string]any{"out": "o"}, Secrets: map[string]compat.Secret{"db": {Data: map[string][]byte{"pw": []byte("pw")}}}},
			"scale": {Output: map[string]any{"originalReplicaCount": int64(2)}},
		},
	}
}

// exportSource is an action whose phase `here` has the expression as an argument.
func exportSource(expr string) string {
	return `package p

import (
	"encoding/base64"
	"list"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/rescuecue/rescue/schema"
)

_imports: [base64.Encode(null, "x"), list.Contains([], 1), regexp.Match("x", "y"), strconv.Quote("x"), strings.ToUpper("x"), time.Duration]

#Prefix: {who: *"nobody" | string, text: "\(who)/data"}

blueprint: schema.#Blueprint & {
	name: "p"
	let Shared = "shared"
	_shared: Shared
	actions: backup: {
		kind: "StatefulSet"
		input: options: {lenient: *"" | string, level: *"low" | string}
		let NS = input.statefulSet.namespace
		_where: "at \(NS)"
		phases: {
			first: {
				func: "KubeTask"
				objects: db: name: "db"
				secrets: db: data: {pw: string, "no-such": *"" | string}
				output: out: string
				args: {namespace: NS, image: "i:1", command: ["x"]}
			}
			scale: {func: "ScaleWorkload", args: replicas: 0}
			here: {
				func: "KubeTask"
				_kept: string @gotmpl(#"{{ range $k, $v := .Options }}{{ $k }} {{ end }}"#)
				args: {namespace: NS, image: "i:1", command: ["x", ` + expr + `]}
			}
		}
	}
}
`
}

// TestExportExpressions says what becomes of an expression, and compares what a run
// makes of it with what Kanister does.
func TestExportExpressions(t *testing.T) {
	tests := []struct{ cue, template string }{
		{`"plain"`, `plain`},
		{`"{{ not a template }}"`, `{{ "{{" }} not a template }}`},
		{`"{\(NS)}"`, `{{ "{" }}{{ .StatefulSet.Namespace }}}`},
		{`input.statefulSet.name`, `{{ .StatefulSet.Name }}`},
		{`NS`, `{{ .StatefulSet.Namespace }}`},
		{`_where`, `at {{ .StatefulSet.Namespace }}`},
		{`"\(Shared)/\(NS)"`, `shared/{{ .StatefulSet.Namespace }}`},
		{`(#Prefix & {who: NS}).text`, `{{ .StatefulSet.Namespace }}/data`},
		{`"<\((#Prefix & {who: NS}).text)>"`, `<{{ .StatefulSet.Namespace }}/data>`},
		{`#Prefix.text`, `nobody/data`},
		{`phases.first.args.namespace`, `{{ .StatefulSet.Namespace }}`},
		{`phases.first.args.image`, `i:1`},
		{`first.output.out`, `{{ .Phases.first.Output.out }}`},
		{`phases.first.secrets.db.data.pw`, `{{ .Phases.first.Secrets.db.Data.pw | toString }}`},
		{`"<\(phases.first.secrets.db.data["no-such"])>"`, `<{{ index .Phases.first.Secrets.db.Data "no-such" | toString }}>`},
		{`"\(phases.scale.output.originalReplicaCount)"`, `{{ .Phases.scale.Output.originalReplicaCount }}`},
		{`"\(phases.scale.output.originalReplicaCount + 1)"`, `{{ add .Phases.scale.Output.originalReplicaCount 1 }}`},
		{`input.statefulSet.pods[1]`, `{{ index .StatefulSet.Pods 1 }}`},
		{`input.statefulSet.containers[0][1]`, `{{ index .StatefulSet.Containers 0 1 }}`},
		{`input.options.mode`, `{{ .Options.mode }}`},
		{`input.options["a-b"]`, `{{ index .Options "a-b" }}`},
		{`input.options.lenient`, `{{ index .Options "lenient" }}`},
		{`input.options.level`, `{{ index .Options "level" | default "low" }}`},
		{`({mode: *"" | string} & input.options).mode`, `{{ index .Options "mode" }}`},
		{`input.secrets.s.data.user`, `{{ .Secrets.s.Data.user | toString }}`},
		{`input.secrets.s.data["p-w"]`, `{{ index .Secrets.s.Data "p-w" | toString }}`},
		{`input.configMaps.cm.data.k`, `{{ .ConfigMaps.cm.Data.k }}`},
		{`input.artifactsIn.art.keyValue.id`, `{{ .ArtifactsIn.art.KeyValue.id }}`},
		{`input.artifactsIn.art.kopiaSnapshot`, `{{ .ArtifactsIn.art.KopiaSnapshot }}`},
		{`input.object.metadata.labels["app.io/x"]`, `{{ index .Object.metadata.labels "app.io/x" }}`},
		{`"\(input.object.spec.replicas)"`, `{{ .Object.spec.replicas }}`},
		{`"\(input.object.spec.list[0])"`, `{{ index .Object.spec.list 0 }}`},
		{`input.profile.json`, `{{ toJson .Profile }}`},
		{`input.profile.credential.keyPair.id`, `{{ .Profile.Credential.KeyPair.ID }}`},
		{`_kept`, `{{ range $k, $v := .Options }}{{ $k }} {{ end }}`},
		{`"a \(_kept) b"`, `a {{ range $k, $v := .Options }}{{ $k }} {{ end }} b`},
		{`strings.ToUpper(NS)`, `{{ upper .StatefulSet.Namespace }}`},
		{`strings.ToUpper("x-\(NS)")`, `{{ upper (printf "x-%s" .StatefulSet.Namespace) }}`},
		{`strings.Replace(NS, "-", "_", -1)`, `{{ replace "-" "_" .StatefulSet.Namespace }}`},
		{`strings.TrimSuffix(NS, "s")`, `{{ trimSuffix "s" .StatefulSet.Namespace }}`},
		{`strings.Join(input.statefulSet.pods, ",")`, `{{ join "," .StatefulSet.Pods }}`},
		{`strings.Join(["a", NS], "/")`, `a/{{ .StatefulSet.Namespace }}`},
		{`strconv.Quote(NS)`, `{{ quote .StatefulSet.Namespace }}`},
		{`base64.Encode(null, NS)`, `{{ b64enc .StatefulSet.Namespace }}`},
		{`NS + "/" + input.options.mode`, `{{ .StatefulSet.Namespace }}/{{ .Options.mode }}`},
		{`regexp.ReplaceAll("[0-9]", input.statefulSet.pods[0], "N")`, `{{ regexReplaceAll "[0-9]" (index .StatefulSet.Pods 0) "N" }}`},
		{`time.FormatString("2006-01-02", input.time)`, `{{ toDate "2006-01-02T15:04:05.999999999Z07:00" .Time | date "2006-01-02" }}`},
		{`"\(len(input.statefulSet.pods))"`, `{{ len .StatefulSet.Pods }}`},
		{`[if input.options.mode == "full" {"F"}, "D"][0]`, `{{ if eq .Options.mode "full" }}F{{ else }}D{{ end }}`},
		{`[if input.options.mode == "x" {"X"}, if input.options.mode != "x" {NS}][0]`, `{{ if eq .Options.mode "x" }}X{{ else }}{{ .StatefulSet.Namespace }}{{ end }}`},
		{`[if input.options.mode == "x" {"X"}, if input.options.mode == "full" {"F"}, ""][0]`, `{{ if eq .Options.mode "x" }}X{{ else if eq .Options.mode "full" }}F{{ end }}`},
		{`[if input.profile.location.region != "" {"-r"}, ""][0]`, `{{ if .Profile.Location.Region }}-r{{ end }}`},
		{`[if input.profile.credential.keyPair != _|_ {"kp"}, "none"][0]`, `{{ if .Profile.Credential.KeyPair }}kp{{ else }}none{{ end }}`},
		{`[if input.profile.credential.secret == _|_ {"none"}, "secret"][0]`, `{{ if not .Profile.Credential.Secret }}none{{ else }}secret{{ end }}`},
		{`[if input.options.mode != _|_ {input.options.mode}, "none"][0]`, `{{ if index .Options "mode" }}{{ .Options.mode }}{{ else }}none{{ end }}`},
		{`[if input.options.nope != _|_ {input.options.nope}, "none"][0]`, `{{ if index .Options "nope" }}{{ .Options.nope }}{{ else }}none{{ end }}`},
		{`[if input.object.spec.x != _|_ {"x"}, "none"][0]`, `{{ if and (hasKey .Object "spec") (hasKey .Object.spec "x") }}x{{ else }}none{{ end }}`},
		{`[if !(input.object.spec.x != _|_) {"x"}, "none"][0]`, `{{ if not (and (hasKey .Object "spec") (hasKey .Object.spec "x")) }}x{{ else }}none{{ end }}`},
		{`[if input.artifactsIn.nope != _|_ {"a"}, "none"][0]`, `{{ if or (index .ArtifactsIn "nope").KeyValue (index .ArtifactsIn "nope").KopiaSnapshot }}a{{ else }}none{{ end }}`},
		{`[if len(input.statefulSet.pods) > 0 && input.options.mode == "full" {"y"}, "n"][0]`, `{{ if and .StatefulSet.Pods (eq .Options.mode "full") }}y{{ else }}n{{ end }}`},
		{`[if input.options.mode == "a" || input.options.mode == "full" {"y"}, "n"][0]`, `{{ if or (eq .Options.mode "a") (eq .Options.mode "full") }}y{{ else }}n{{ end }}`},
		{`[if !(input.options.mode == "a") {"y"}, "n"][0]`, `{{ if ne .Options.mode "a" }}y{{ else }}n{{ end }}`},
		{`[if input.options.mode =~ "^f" {"y"}, "n"][0]`, `{{ if regexMatch "^f" .Options.mode }}y{{ else }}n{{ end }}`},
		{`[if strings.HasPrefix(NS, "db") {"y"}, "n"][0]`, `{{ if hasPrefix "db" .StatefulSet.Namespace }}y{{ else }}n{{ end }}`},
		{`[if list.Contains(input.statefulSet.pods, "pg-0") {"y"}, "n"][0]`, `{{ if has "pg-0" .StatefulSet.Pods }}y{{ else }}n{{ end }}`},
		{`[if strconv.ParseBool(input.options.yes) {"y"}, "n"][0]`, `{{ if has .Options.yes (list "1" "t" "T" "TRUE" "true" "True") }}y{{ else }}n{{ end }}`},
		{`"\(input.options.mode == "full")"`, `{{ if eq .Options.mode "full" }}true{{ else }}false{{ end }}`},
		{`strings.ToUpper([if input.options.mode != "" {input.options.mode}, "d"][0])`, `{{ upper (default "d" .Options.mode) }}`},
		{`strings.ToUpper([if input.options.mode == "full" {"f"}, "d"][0])`, `{{ upper (ternary "f" "d" (not (not (eq .Options.mode "full")))) }}`},
		{`strings.Join([for p in input.statefulSet.pods {"\(p) "}], "")`, `{{ range $p := .StatefulSet.Pods }}{{ $p }} {{ end }}`},
		{`strings.Join([for p in input.statefulSet.pods {p}], ",")`, `{{ range $index1, $p := .StatefulSet.Pods }}{{ if $index1 }},{{ end }}{{ $p }}{{ end }}`},
		{`strings.Join([for i, p in input.statefulSet.pods {"\(i):\(p)@\(NS) "}], "")`, `{{ range $i, $p := .StatefulSet.Pods }}{{ $i }}:{{ $p }}@{{ $.StatefulSet.Namespace }} {{ end }}`},
		{`strings.Join([for p in input.statefulSet.pods if p != "pg-0" {p}], "")`, `{{ range $p := .StatefulSet.Pods }}{{ if ne $p "pg-0" }}{{ $p }}{{ end }}{{ end }}`},
		{`strings.Join([for c in input.statefulSet.containers {strings.Join([for x in c {x}], "")}], "")`, `{{ range $c := .StatefulSet.Containers }}{{ range $x := $c }}{{ $x }}{{ end }}{{ end }}`},
		{`strings.Join([for i in list.Range(0, len(input.statefulSet.pods), 1) {"\(i)\(input.statefulSet.pods[i]) "}], "")`, `{{ range $i := until (len .StatefulSet.Pods) }}{{ $i }}{{ index $.StatefulSet.Pods $i }} {{ end }}`},
		{`strings.Join([for k, v in input.podLabels {"\(k)=\(v) "}], "")`, `{{ range $k, $v := .PodLabels }}{{ $k }}={{ $v }} {{ end }}`},
	}
	for _, test := range tests {
		t.Run(test.cue, func(t *testing.T) {
			native, template, legacy := bothWays(t, exportSource(test.cue))
			if template != test.template {
				t.Errorf("\n  got  %s\n  want %s", template, test.template)
			}
			if native != legacy {
				t.Errorf("a run gives %q, Kanister %q", native, legacy)
			}
		})
	}
}

// bothWays renders the last element of the last phase's command: as a run does, as
// a template, and as Kanister renders that.
func bothWays(t *testing.T, src string) (native, template, legacy string) {
	t.Helper()
	b, err := LoadSource("p.cue", []byte(src))
	if err != nil {
		t.Fatalf("%v\nin %s", err, src[strings.Index(src, "here:"):])
	}
	params := exportParams()
	plan, err := b.Plan("backup", params)
	if err != nil {
		t.Fatalf("%v\nin %s", err, src[strings.Index(src, "here:"):])
	}
	args, err := plan.NewState(params, compat.Engine{}.Render).Args(plan.Phases[2])
	if err != nil && !strings.Contains(src, "(#Prefix") {
		// A struct without a name of its own is nothing that can be run yet.
		t.Errorf("%v\nin %s", err, src[strings.Index(src, "here:"):])
	} else if err == nil {
		native = args["command"].([]any)[1].(string)
	}
	made := exported(t, b)
	bp := parsedBlueprint(t, "p.yaml", made.YAML)
	template = bp.Action("backup").Phase("here").Arg("command").Value.Items[1].Str
	if legacy, err = (compat.Engine{}).Render(template, params); err != nil {
		t.Errorf("%s: %v", template, err)
	}
	if args == nil {
		native = legacy
	}
	return native, template, legacy
}

func exported(t *testing.T, b *Blueprint) *compat.Exported {
	t.Helper()
	e, err := b.Export()
	if err != nil {
		t.Fatal(err)
	}
	made, err := e.Write()
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestExportRefusesExpressions(t *testing.T) {
	tests := []struct{ cue, reason string }{
		{`for p in input.statefulSet.pods {p}`, "which elements there are depends on what is only known in a run"},
		{`if input.options.x != _|_ {"x"}`, "elements"},
		{`strings.Replace(NS, "a", "b", 1)`, "some occurrences only"},
		{`strings.SplitN(NS, "a", 2)[0]`, "no list"},
		{`strings.SplitN(NS, "a", 2)`, "strings.SplitN"},
		{`strings.Join([for k, v in input.options {k}], "")`, "some have defaults"},
		{`strings.Join([for i in list.Range(1, len(input.statefulSet.pods), 1) {"\(i)"}], "")`, "from 0 to the length of a list"},
		{`strings.ToUpper(_kept)`, "@gotmpl"},
		{`"\(input.statefulSet.pods[0][0])"`, "no list or map"},
		{`strings.ToUpper([if input.options.mode == "x" {NS}, "d"][0])`, "in the midst of an expression"},
		{`time.FormatString("2006", input.options.mode)`, "input.time"},
		{`strings.Join([for p in input.statefulSet.pods {_kept}], "")`, "@gotmpl template in a loop"},
		{`"\(input.object.spec.replicas / 2)"`, "the operator /"},
	}
	for _, test := range tests {
		b, err := LoadSource("p.cue", []byte(exportSource(test.cue)))
		if err != nil {
			t.Fatal(err)
		}
		e, err := b.Export()
		if err == nil {
			_, err = e.Write()
		}
		if err == nil || !strings.Contains(err.Error(), test.reason) || !strings.Contains(err.Error(), "p.cue:") {
			t.Errorf("%s: %v; want a place and %q", test.cue, err, test.reason)
		}
	}
}

// TestExportGolden exports the blueprints of testdata/export.

func TestExportGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/export/*.cue")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		b, err := Load(file, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		e, err := b.Export()
		if err == nil {
			var made *compat.Exported
			if made, err = e.Write(); err == nil {
				got = string(made.YAML)
				for _, n := range made.Notes {
					got += "# note: " + n.Error() + "\n"
				}
			}
		}
		if err != nil {
			got = "# " + strings.ReplaceAll(err.Error(), "\n", "\n# ") + "\n"
		}
		golden := strings.TrimSuffix(file, ".cue") + ".yaml"
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", golden, diff)
		}
	}
}
