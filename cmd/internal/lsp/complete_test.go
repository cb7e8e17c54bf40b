package lsp

import (
	"slices"
	"strings"
	"testing"

	"github.com/rescuecue/rescue/interp/vet"
)

// marked makes a document of a text with a mark ¦ in it, and returns the cursor there.
func marked(t *testing.T, language vet.Language, text string) *cursor {
	t.Helper()
	at := strings.Index(text, "¦")
	if at < 0 {
		t.Fatalf("there is no mark in %q", text)
	}
	name := "/shop/bp.yaml"
	if language == vet.CUE {
		name = "/shop/bp.cue"
	}
	doc := newDocument(uriOf(name), name, language, 1, text[:at]+text[at+len("¦"):])
	return newCursor(doc, nil, at)
}

// A CUE blueprint around what a test puts in for the words PHASE and REST.
const cueAround = `package shop

import "github.com/rescuecue/rescue/schema"

blueprint: schema.#Blueprint & {
	name: "shop"
	actions: backup: {
		kind:  "StatefulSet"
		input: _
		phases: {
			stop: {func: "ScaleWorkload", args: replicas: 0}
			dump: {
				func: "KubeTask"
				objects: db: name: "db"
				args: image: "postgres"
				output: location: string
			}
			PHASE
		}
		outputArtifacts: dump: keyValue: location: phases.dump.output.location
	}
	actions: restore: {
		artifactsFrom: "backup"
		REST
	}
}
`

func inCUE(phase, rest string) string {
	return strings.NewReplacer("PHASE", phase, "REST", rest).Replace(cueAround)
}

// A legacy blueprint around what a test puts in.
const yamlAround = `apiVersion: cr.kanister.io/v1alpha1
kind: Blueprint
metadata:
  name: shop
actions:
  backup:
    kind: StatefulSet
    outputArtifacts:
      dump:
        keyValue:
          location: '{{ .Phases.dump.Output.location }}'
    phases:
    - func: ScaleWorkload
      name: stop
      args:
        replicas: 0
    - func: KubeTask
      name: dump
      objects:
        db:
          kind: Secret
          name: db
      args:
        image: postgres
        command:
        - sh
        - -c
        - |
          kando output location here
PHASE
  restore:
    inputArtifactNames: [dump]
REST
`

func inYAML(phase, rest string) string {
	return strings.NewReplacer("PHASE", phase, "REST", rest).Replace(yamlAround)
}

type completionCase struct {
	name, text string
	// want are labels that must be offered, in this order if first is set; without are
	// those that must not.
	want, without []string
	first         bool
	insert        string
}

var cueCompletions = []completionCase{
	{name: "functions", text: inCUE(`x: func: "Kube¦"`, ""), want: []string{"KubeTask", "KubeExec"}, insert: "KubeTask"},
	{name: "functions without quotes", text: inCUE(`x: func: ¦`, ""), want: []string{"KubeTask"}, insert: `"KubeTask"`},
	{name: "functions without a closing quote", text: inCUE("x: func: \"¦\n", ""), want: []string{"KubeTask"}, insert: `KubeTask"`},
	{name: "arguments", text: inCUE("x: {\nfunc: \"KubeTask\"\nargs: {\nimage: \"a\"\n¦\n}\n}", ""),
		want: []string{"command", "namespace", "podOverride"}, without: []string{"image"}, first: true, insert: "command: "},
	{name: "arguments, being typed", text: inCUE("x: {\nfunc: \"KubeTask\"\nargs: {\ncom¦\nimage: \"a\"\n}\n}", ""),
		want: []string{"command"}, without: []string{"image"}},
	{name: "arguments after a comma", text: inCUE(`x: {func: "KubeTask", args: {image: "a", ¦}}`, ""), want: []string{"command"}, without: []string{"image"}},
	{name: "fields of an argument", text: inCUE("x: {\nfunc: \"KubeOps\"\nargs: objectReference: {\nname: \"a\"\n¦\n}\n}", ""),
		want: []string{"apiVersion", "resource"}, without: []string{"name"}},
	{name: "values of an argument", text: inCUE(`x: {func: "KubeOps", args: operation: "¦"}`, ""), want: []string{"create", "delete", "patch"}},
	{name: "fields of a phase", text: inCUE("x: {\n¦\n}", ""), want: []string{"func", "args", "timeout", "after"}, without: []string{"name"}},
	{name: "fields of an action", text: inCUE("", "¦"), want: []string{"kind", "phases", "deferPhase"}, without: []string{"artifactsFrom", "name"}},
	{name: "kinds", text: inCUE("", `kind: "¦"`), want: []string{"StatefulSet", "PVC"}},
	{name: "phases", text: inCUE(`x: args: a: phases.¦`, ""), want: []string{"stop", "dump"}, insert: "stop"},
	{name: "parts of a phase", text: inCUE(`x: args: a: phases.dump.¦`, ""), want: []string{"output", "secrets"}},
	{name: "declared outputs", text: inCUE(`x: args: a: phases.dump.output.l¦`, ""), want: []string{"location"}},
	{name: "outputs of a function", text: inCUE(`x: args: a: stop.output.¦`, ""), want: []string{"originalReplicaCount"}},
	{name: "in an interpolation", text: inCUE(`x: args: a: "b \(phases.dump.output.¦)"`, ""), want: []string{"location"}},
	{name: "secrets of a phase", text: inCUE(`x: args: a: phases.dump.secrets.db.¦`, ""), want: []string{"data", "name"}},
	{name: "not in a text", text: inCUE(`x: args: a: "phases.¦"`, ""), without: []string{"stop"}},
	{name: "after", text: inCUE(`x: after: ["¦"]`, ""), want: []string{"stop", "dump"}, without: []string{"x"}, insert: "stop"},
	{name: "inputs", text: inCUE(`x: args: a: input.¦`, ""), want: []string{"statefulSet", "profile"}, without: []string{"deployment", "pvc"}},
	{name: "fields of inputs", text: inCUE(`x: args: a: input.profile.location.¦`, ""), want: []string{"bucket"}},
	{name: "behind an index", text: inCUE(`x: args: a: input.configMaps["x"].¦`, ""), want: []string{}},
	{name: "artifacts", text: inCUE("", "phases: x: args: a: input.artifactsIn.¦"), want: []string{"dump"}},
	{name: "keys of artifacts", text: inCUE("", "phases: x: args: a: input.artifactsIn.dump.keyValue.¦"), want: []string{"location"}},
	{name: "what an expression begins with", text: inCUE(`x: args: a: ¦`, ""), want: []string{"input", "phases", "stop"}},
	{name: "a shared phase", text: "package p\n#Dump: {\n\tfunc: \"KubeTask\"\n\targs: {\n\t\t¦\n\t}\n}\n", want: []string{"image"}},
	{name: "rules to ignore", text: inCUE("// rescue:ignore image¦\nx: {}", ""), want: []string{"image-tag"}},
	{name: "no rules in the reason", text: inCUE("// rescue:ignore image-tag -- the ¦\nx: {}", ""), without: []string{"image-tag"}},
	{name: "nothing of ours", text: "package p\na: {\n\t¦\n}\n", without: []string{"func", "actions"}},
}

var yamlCompletions = []completionCase{
	{name: "functions", text: inYAML("    - func: Kube¦", ""), want: []string{"KubeTask", "KubeExec"}, insert: "KubeTask"},
	{name: "functions in quotes", text: inYAML("    - func: \"¦\"", ""), want: []string{"KubeTask"}, insert: "KubeTask"},
	{name: "arguments", text: inYAML("    - func: KubeTask\n      args:\n        image: a\n        ¦", ""),
		want: []string{"command", "namespace"}, without: []string{"image"}, first: true, insert: "command: "},
	{name: "arguments, being typed", text: inYAML("    - func: KubeTask\n      args:\n        com¦\n        image: a", ""),
		want: []string{"command"}, without: []string{"image"}},
	{name: "arguments, func below", text: inYAML("    - args:\n        ¦\n      func: KubeTask", ""), want: []string{"command"}},
	{name: "a key that has its colon", text: inYAML("    - func: KubeTask\n      args:\n        ima¦: a", ""), want: []string{"image"}, insert: "image"},
	{name: "fields of an argument", text: inYAML("    - func: KubeOps\n      args:\n        objectReference:\n          ¦", ""), want: []string{"apiVersion", "resource"}},
	{name: "values of an argument", text: inYAML("    - func: KubeOps\n      args:\n        operation: ¦", ""), want: []string{"create", "patch"}},
	{name: "fields of a phase", text: inYAML("    - func: KubeTask\n      ¦", ""), want: []string{"name", "args", "objects"}, without: []string{"func", "timeout"}},
	{name: "the first field of a phase", text: inYAML("    - ¦", ""), want: []string{"func", "name"}},
	{name: "fields of an action", text: inYAML("", "    ¦"), want: []string{"phases", "deferPhase", "kind"}, without: []string{"inputArtifactNames"}},
	{name: "parameters", text: inYAML("    - args:\n        a: '{{ .¦'", ""), want: []string{"StatefulSet", "Phases", "ArtifactsIn"}},
	{name: "phases", text: inYAML("    - args:\n        a: '{{ .Phases.¦ }}'", ""), want: []string{"stop", "dump"}},
	{name: "outputs of a script", text: inYAML("    - args:\n        a: '{{ .Phases.dump.Output.l¦ }}'", ""), want: []string{"location"}},
	{name: "outputs of a function", text: inYAML("    - args:\n        a: '{{ $.Phases.stop.Output.¦ }}'", ""), want: []string{"originalReplicaCount"}},
	{name: "in a block", text: inYAML("    - args:\n        a: |\n          echo\n          x {{ .StatefulSet.¦", ""), want: []string{"Name", "Pods"}},
	{name: "secrets of a phase", text: inYAML("    - args:\n        a: '{{ .Phases.dump.Secrets.db.¦ }}'", ""), want: []string{"Data"}},
	{name: "keys of artifacts", text: inYAML("", "    phases:\n    - args:\n        a: '{{ .ArtifactsIn.dump.KeyValue.¦ }}'"), want: []string{"location"}},
	{name: "functions of templates", text: inYAML("    - args:\n        a: '{{ .Time | to¦ }}'", ""), want: []string{"toString", "toJson"}, without: []string{"env"}},
	{name: "not behind a template", text: inYAML("    - args:\n        a: '{{ .Time }} .¦'", ""), without: []string{"StatefulSet"}},
	{name: "an ActionSet", text: "apiVersion: cr.kanister.io/v1alpha1\nkind: ActionSet\nspec:\n  actions:\n  - ¦", want: []string{"blueprint", "object", "profile"}},
}

func TestCompletion(t *testing.T) {
	for language, cases := range map[vet.Language][]completionCase{vet.CUE: cueCompletions, vet.YAML: yamlCompletions} {
		for _, c := range cases {
			t.Run(map[vet.Language]string{vet.CUE: "CUE/", vet.YAML: "YAML/"}[language]+c.name, func(t *testing.T) {
				c.check(t, marked(t, language, c.text).offers())
			})
		}
	}
}

func (c completionCase) check(t *testing.T, offers []offer) {
	t.Helper()
	var labels []string
	for _, o := range offers {
		labels = append(labels, o.name)
		if c.insert != "" && o.name == c.want[0] && o.insert != c.insert {
			t.Errorf("%s inserts %q, want %q", o.name, o.insert, c.insert)
		}
	}
	for _, want := range c.want {
		if !slices.Contains(labels, want) {
			t.Errorf("%s is not offered: %v", want, labels)
		}
	}
	for _, without := range c.without {
		if slices.Contains(labels, without) {
			t.Errorf("%s is offered: %v", without, labels)
		}
	}
	if c.first && len(labels) > 0 && labels[0] != c.want[0] {
		t.Errorf("the first one is %s, want %s", labels[0], c.want[0])
	}
}
