package compat

import (
	"strings"
	"testing"
)

// translateIn translates one string in an action that has a phase "p" with a
// Secret, and whose templates are that string and others.
func translateIn(t *testing.T, text string, others ...string) (string, error) {
	t.Helper()
	object := &Field{Name: "db", Value: &Value{Kind: Map}}
	p := &BlueprintPhase{Name: "p", Func: "KubeTask", Value: &Value{Kind: Map}, Objects: []*Field{object}}
	scale := &BlueprintPhase{Name: "scale", Func: "ScaleWorkload", Value: &Value{Kind: Map}}
	for _, s := range append(others, text) {
		p.Args = append(p.Args, &Field{Name: "image", Value: &Value{Kind: String, Str: s}})
	}
	last := &BlueprintPhase{Func: "KubeTask", Value: &Value{Kind: Map}}
	action := &BlueprintAction{Phases: []*BlueprintPhase{p, scale}, DeferPhase: last}
	cue, _, err := newScope(action).translate(text, false)
	return cue, err
}

func TestTranslate(t *testing.T) {
	tests := []struct{ template, cue string }{
		{`{{ .StatefulSet.Name }}`, `input.statefulSet.name`},
		{`{{ $.StatefulSet.Name }}`, `input.statefulSet.name`},
		{`a {{ .PVC.Name }} b`, `"a \(input.pvc.name) b"`},
		{`{{ .PVC.Name }}{{ .Namespace.Name }}`, `"\(input.pvc.name)\(input.namespace.name)"`},
		{`{{ "lit" }}-{{ 5 }}-{{ true }}`, `"lit-5-true"`},
		{`{{ "a" }}`, `"a"`},
		{"a {{- \" b \" -}}  c", `"a b c"`},
		{`{{/* note */}}x`, `"x"`},
		{`{{ index .Deployment.Pods 0 }}`, `input.deployment.pods[0]`},
		{`{{ index .StatefulSet.Containers 1 0 }}`, `input.statefulSet.containers[1][0]`},
		{`{{ index .Deployment.Namespace }}`, `input.deployment.namespace`},
		{`{{ .Object.metadata.name }}`, `input.object.metadata.name`},
		{`{{ .Object.spec.size }}`, `"\(input.object.spec.size)"`},
		{`{{ index .Object.metadata.labels "a/b" }}`, `input.object.metadata.labels["a/b"]`},
		{`{{ (index .Object.spec.sets 0).name }}`, `"\(input.object.spec.sets[0].name)"`},
		{`{{ .Phases.p.Output.key }}`, `phases.p.output.key`},
		{`{{ (index .Phases "a-b").Output.key }}`, `phases["a-b"].output.key`},
		{`{{ .Phases.scale.Output.originalReplicaCount }}`, `"\(phases.scale.output.originalReplicaCount)"`},
		{`{{ .DeferPhase.Output.key }}`, `deferPhase.output.key`},
		{`{{ .ArtifactsIn.a.KeyValue.k }}`, `input.artifactsIn.a.keyValue.k`},
		{`{{ .ArtifactsIn.a.KopiaSnapshot }}`, `input.artifactsIn.a.kopiaSnapshot`},
		{`{{ .Options.k }}`, `input.options.k`},
		{`{{ index .Options "k" }}`, `input.options.k`},
		{`{{ .Secrets.s.Data.k | toString }}`, `input.secrets.s.data.k`},
		{`{{ index .Secrets.s.Data "k" | toString }}`, `({k: *"" | string} & input.secrets.s.data).k`},
		{`{{ index .Phases.p.Secrets.db.Data "a-b" | toString }}`, `phases.p.secrets.db.data["a-b"]`},
		{`{{ .ConfigMaps.c.Data.k }}`, `input.configMaps.c.data.k`},
		{`{{ toJson .Profile }}`, `input.profile.json`},
		{`{{ .Profile.Credential.KeyPair.ID }}`, `input.profile.credential.keyPair.id`},
		{`{{ .PVC.Name | quote }}`, `strconv.Quote(input.pvc.name)`},
		{`{{ .PVC.Name | upper | replace "-" "_" }}`, `strings.Replace(strings.ToUpper(input.pvc.name), "-", "_", -1)`},
		{`{{ trimSuffix "-x" .PVC.Name }}`, `strings.TrimSuffix(input.pvc.name, "-x")`},
		{`{{ printf "%s/%d%%" .PVC.Name 5 }}`, `"\(input.pvc.name)/5%"`},
		{`{{ len .Deployment.Pods }}`, `"\(len(input.deployment.pods))"`},
		{`{{ .Object.data.k | toString | b64dec }}`, `"\(base64.Decode(null, input.object.data.k))"`},
		{`{{ toDate "2006-01-02T15:04:05.999999999Z07:00" .Time | date "2006" }}`, `time.FormatString("2006", input.time)`},
		{`{{ if .Profile.Location.Region }}a{{ else }}b{{ end }}`, `[if input.profile.location.region != "" {"a"}, "b"][0]`},
		{`{{ if eq .Options.m "x" }}{{ .PVC.Name }}{{ end }}`, `[if input.options.m == "x" {input.pvc.name}, ""][0]`},
		{`{{ with .Options.m }}{{ . }}{{ end }}`, `[if input.options.m != "" {input.options.m}, ""][0]`},
		{`{{ range .Deployment.Pods }}{{ . }} {{ end }}`, `strings.Join([for pod in input.deployment.pods {"\(pod) "}], "")`},
		{`{{ range $i, $set := .Object.spec.sets }}{{ $i }}{{ $set.name }}{{ end }}`,
			`strings.Join([for i, set in input.object.spec.sets {"\(i)\(set.name)"}], "")`},
		{`{{ range $tag := .Object.status.tags }}{{ index $tag "tag" }}|{{ end }}`,
			`strings.Join([for tag in input.object.status.tags {"\(tag.tag)|"}], "")`},
		{`{{ range $input, $Label := .Object.metadata.labels }}{{ $input }}={{ $Label }}{{ end }}`,
			`strings.Join([for key, item in input.object.metadata.labels {"\(key)=\(item)"}], "")`},
		{`{{ range $n := .Object.spec.a }}{{ range $n := $n.b }}{{ $n.c }}{{ end }}{{ end }}`,
			`strings.Join([for n in input.object.spec.a {strings.Join([for n2 in n.b {"\(n2.c)"}], "")}], "")`},
		{`{{ range $k, $v := .Options }}{{ $k }}={{ $v }} {{ end }}`, `strings.Join([for k, v in input.options {"\(k)=\(v) "}], "")`},
		{`{{ .Options.m | default "x" }}`, `[if input.options.m != "" {input.options.m}, "x"][0]`},
		{`{{ default "X" (index .Options "m") | lower }}`, `strings.ToLower([if input.options.m != "" {input.options.m}, "X"][0])`},
		{`{{ coalesce .Options.m "x" }}`, `[if input.options.m != "" {input.options.m}, "x"][0]`},
		{`{{ ternary "a" "b" (eq .Options.m "x") }}`, `[if input.options.m == "x" {"a"}, "b"][0]`},
		{`{{ if has .Options.m (list "a" "b") }}x{{ end }}`, `[if list.Contains(["a", "b"], input.options.m) {"x"}, ""][0]`},
		{`{{ range splitList "," .Options.m }}{{ . }};{{ end }}`, `strings.Join([for item in strings.Split(input.options.m, ",") {"\(item);"}], "")`},
		{`{{ list .PVC.Name "b" | join "-" }}`, `strings.Join([input.pvc.name, "b"], "-")`},
		{`{{ mul (add1 (len .Deployment.Pods)) 2 }}`, `"\((len(input.deployment.pods) + 1) * 2)"`},
		{`{{ if gt (len .Deployment.Pods) 1 }}x{{ end }}`, `[if len(input.deployment.pods) > 1 {"x"}, ""][0]`},
		{`{{ range $i := until (len .Deployment.Pods) }}{{ $i }}{{ index $.Deployment.Pods $i }} {{ end }}`,
			`strings.Join([for i in list.Range(0, len(input.deployment.pods), 1) {"\(i)\(input.deployment.pods[i]) "}], "")`},
		{`{{ if hasKey .Object "spec" }}x{{ end }}`, `[if input.object.spec != _|_ {"x"}, ""][0]`},
		{`{{ if not (hasKey .Object.metadata "labels") }}x{{ end }}`, `[if input.object.metadata.labels == _|_ {"x"}, ""][0]`},
		{`{{ range until 3 }}{{ . }}{{ end }}`, `strings.Join([for item in list.Range(0, 3, 1) {"\(item)"}], "")`},
		{`{{ join "," .Deployment.Pods }}`, `strings.Join(input.deployment.pods, ",")`},
		{`{{ $n := .PVC.Name }}{{ $n }}`, `input.pvc.name`},
		{`say "hi" \ {{ .PVC.Name }}`, `#"say "hi" \ \#(input.pvc.name)"#`},
		{"a\n{{ .PVC.Name }}\n", "#\"\"\"\na\n\\#(input.pvc.name)\n\n\"\"\"#"},
	}
	for _, test := range tests {
		got, err := translateIn(t, test.template)
		if err != nil || got != test.cue {
			t.Errorf("%s: %s, %v; want %s", test.template, got, err, test.cue)
		}
	}
}

// A key that is read by index in one place, where it may be missing, and by a dot
// in another, where it must not, cannot be declared with a default.
func TestTranslateMixedReads(t *testing.T) {
	const index = `{{ index .Options "k" }}`
	tests := []struct{ other, cue string }{
		{`{{ .Options.k }}`, `({k: *"" | string} & input.options).k`},
		{`{{ if index .Options "k" }}{{ .Options.k }}{{ end }}`, `input.options.k`},
		{`{{ if .Options }}x{{ end }}`, `({k: *"" | string} & input.options).k`},
	}
	for _, test := range tests {
		got, err := translateIn(t, index, test.other)
		if err != nil || got != test.cue {
			t.Errorf("with %s: %s, %v; want %s", test.other, got, err, test.cue)
		}
	}
}

func TestTranslateKeeps(t *testing.T) {
	tests := []struct{ template, reason string }{
		{`{{ .Secrets.s.Data.k }}`, "list of numbers"},
		{`{{ .Time | date "2006" }}`, "present time"},
		{`{{ toDate "2006-01-02" .Time | date "2006" }}`, "year 1"},
		{`{{ toJson .Profile.Location }}`, "toJson"},
		{`{{ .PVC.Name | b64dec }}`, "base64"},
		{`{{ .Deployment.Pods }}`, "whole list or map"},
		{`{{ if .Object.spec.x }}a{{ end }}`, "type is not known"},
		{`{{ range .Secrets }}a{{ end }}`, "list"},
		{`{{ range index .StatefulSet.PersistentVolumeClaims "p-0" }}a{{ end }}`, "list"},
		{`{{ range .Deployment.Pods }}a{{ else }}b{{ end }}`, "else"},
		{`{{ $x := "a" }}{{ $x = "b" }}{{ $x }}`, "second time"},
		{`{{ .NoSuch }}`, "no parameter .NoSuch"},
		{`{{ .PVC.Size }}`, "no field Size"},
		{`{{ .CurrentPhase.Output.x }}`, "no parameter .CurrentPhase"},
		{`{{ (index .Secrets "s").Name }}`, "may be missing"},
		{`{{ env "HOME" }}`, "the function env"},
		{`{{ printf "%5s" .PVC.Name }}`, "printf"},
		{`{{ or .PVC.Name "x" }}`, "whole list or map"},
		{`{{ template "x" }}`, "no counterpart"},
		{`{{ index .Object.metadata.labels "a" | default "x" }}`, "may be missing"},
		{`{{ if index .Object.metadata.labels "a" }}x{{ end }}`, "may be missing"},
		{`{{ .Options.n | default 2 }}`, "constant text"},
		{`{{ .Options.n | default .PVC.Name }}`, "constant text"},
		{`{{ index .StatefulSet.Pods (sub (len .StatefulSet.Pods) 1) }}`, "counts"},
		{`{{ .Object.spec.n | default "2" }}`, "not known to be text"},
		{`{{ coalesce .Options.a .Options.b "c" }}`, "coalesce of 3 values"},
		{`{{ ternary .PVC.Name "b" (eq .Options.m "x") }}`, "two constant texts"},
		{`{{ ternary "a" "b" .Options.m }}`, "a boolean"},
		{`{{ add .Options.n 1 }}`, "not known to be a number"},
		{`{{ gt .Object.spec.n 1 }}`, "types are not known"},
		{`{{ .PVC.Name `, "does not parse"},
		{`{{ 1.5 }}`, "no counterpart"},
		{`{{ if hasKey .Object.spec "x" }}y{{ end }}`, "may be missing"},
		{`{{ if hasKey .Options "x" }}y{{ end }}`, "something else than the object"},
		{`{{ range until -3 }}{{ . }}{{ end }}`, "below 0"},
		{`{{ range until .Phases.scale.Output.originalReplicaCount }}x{{ end }}`, "below 0"},
	}
	for _, test := range tests {
		got, err := translateIn(t, test.template)
		if err == nil || !strings.Contains(err.Error(), test.reason) {
			t.Errorf("%s: %s, %v; want an error with %q", test.template, got, err, test.reason)
		}
	}
}

func TestTemplateRefs(t *testing.T) {
	const text = `x {{ .A.B.c }} {{ index .Phases "p-q" "Output" "k" | toString }}
{{ if .Options.x }}{{ $p := .P }}{{ $p.Q }}{{ end }}{{ range .L }}{{ .M }}{{ $.N.O }}{{ end }}
{{ (index .R 0).s }} {{ index .T (printf "%s" .U) }} {{ with .V }}{{ .W }}{{ . }}{{ with index $.Y "k" }}{{ .Z }}{{ end }}{{ with len . }}{{ .N }}{{ end }}{{ else }}{{ .X }}{{ end }}`
	use, err := TemplateRefs(text)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range use.Refs {
		source := text[r.Offset:r.End]
		got = append(got, r.String()+" from "+source)
	}
	want := `.A.B.c from .A.B.c
.Phases["p-q"]["Output"]["k"] from .Phases
.Options.x from .Options.x
.P from .P
.P.Q from $p.Q
.L from .L
.N.O from $.N.O
.R["0"].s from (index .R 0).s
.T[printf "%s" .U] from .T
.U from .U
.V from .V
.V.W from .W
.V from .
.Y["k"] from $.Y
.Y["k"].Z from .Z
.V from .
.X from .X`
	if s := strings.Join(got, "\n"); s != want {
		t.Errorf("references\n%s\nwant\n%s", s, want)
	}
	var calls []string
	for _, f := range use.Funcs {
		calls = append(calls, f.Name)
		if !strings.HasPrefix(text[f.Offset:], f.Name) {
			t.Errorf("%s is not at %d", f.Name, f.Offset)
		}
	}
	if s := strings.Join(calls, " "); s != "index toString index printf index len" {
		t.Errorf("calls %s", s)
	}
}

func TestScriptOutputs(t *testing.T) {
	tests := []struct {
		script, keys string
		computed     bool
	}{
		{"kando output a x; kando output \"b\" y\nkando -v debug output 'c' z", "a b c", false},
		{"kando output $k x", "", true},
		{"kando location push --profile x --output-name d -", "d", false},
		{"tar c . | kando location push --path a \\\n  -o e -", "e", false},
		{"kando location push --output-name=f\necho -o g", "f", false},
		{"kando location pull -o h", "", false},
		{"# nothing", "", false},
	}
	for _, test := range tests {
		outputs, computed := ScriptOutputs(test.script)
		var keys []string
		for _, o := range outputs {
			keys = append(keys, o.Key)
			if !strings.HasPrefix(test.script[o.Offset:], o.Key) {
				t.Errorf("%q: %s is not at %d", test.script, o.Key, o.Offset)
			}
		}
		if strings.Join(keys, " ") != test.keys || computed != test.computed {
			t.Errorf("%q: %q, computed %v", test.script, keys, computed)
		}
	}
}
