package cli

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rescuecue/rescue/interp/vet"
	"github.com/rescuecue/rescue/schema"
)

var (
	artifactRead = regexp.MustCompile(`input\.artifactsIn\.(\w+)\.keyValue\.(\w+)`)
	phaseRead    = regexp.MustCompile(`phases\.(\w+)\.output\.(\w+)`)
	phaseName    = regexp.MustCompile(`^(\w+): \{`)
	declared     = regexp.MustCompile(`(?m)^\s+output: (\w+): string`)
)

// inBlueprint puts an example of a phase into the blueprint that it is from: what it reads is
// written there, what it writes is read, and an application that it stops starts again.
func inBlueprint(function, example string) string {
	var artifacts, phases, outputs string
	for _, m := range artifactRead.FindAllStringSubmatch(example, -1) {
		artifacts += fmt.Sprintf("\t\t\t%s: keyValue: %s: phases.made.output.%s\n", m[1], m[2], "value")
	}
	if m := phaseRead.FindStringSubmatch(example); m != nil {
		phases = m[1] + `: {func: "CreateRDSSnapshot", args: instanceID: "shop"}` + "\n"
	}
	for _, m := range declared.FindAllStringSubmatch(example, -1) {
		outputs += fmt.Sprintf("\t\toutputArtifacts: made: keyValue: %s: phases.%s.output.%s\n", m[1], phaseName.FindStringSubmatch(example)[1], m[1])
	}
	if strings.HasPrefix(function, "Restore") {
		phases += `halt: {func: "ScaleWorkload", args: replicas: 0}` + "\n"
	}
	phases += example
	if strings.HasPrefix(function, "Restore") || function == "ScaleWorkload" {
		phases += "\n" + `resume: {func: "ScaleWorkload", args: replicas: 1}`
	}
	action := fmt.Sprintf("\tactions: example: {\n\t\tkind: %q\n\t\tinput: _\n\t\tphases: {\n%s\n\t\t}\n%s", kindIn(example), phases, outputs)
	if artifacts != "" {
		action += "\t\tartifactsFrom: \"made\"\n"
		artifacts = "\tactions: made: {\n\t\tphases: made: {func: \"KubeTask\", args: {image: \"busybox:1\", command: [\"true\"]}, output: value: string}\n\t\toutputArtifacts: {\n" + artifacts + "\t\t}\n\t}\n"
	}
	imports := ""
	if strings.Contains(example, "strings.") {
		imports = "import \"strings\"\n"
	}
	return "package example\n\nimport \"github.com/rescuecue/rescue/schema\"\n" + imports +
		"\nblueprint: schema.#Blueprint & {\n\tname: \"example\"\n" + artifacts + action + "\t}\n}\n"
}

// kindIn is the kind of object whose input an example reads.
func kindIn(example string) string {
	for field, kind := range map[string]string{
		"statefulSet": "StatefulSet", "deployment": "Deployment", "deploymentConfig": "DeploymentConfig", "pvc": "PVC", "namespace": "Namespace",
	} {
		if regexp.MustCompile(`input\.` + field + `\b`).MatchString(example) {
			return kind
		}
	}
	return "Deployment"
}

// inNature are findings that any call of some functions has, and that a backup has that
// stands alone.
var inNature = []string{"deprecated-function", "removed-function", "copy-volume-data", "missing-counterpart"}

func findings(src string) []vet.Finding {
	return vet.Check(vet.Unit{Language: vet.CUE, Files: []vet.File{{Name: "example.cue", Data: []byte(src)}}})
}

// TestExamplesOfFunctions vets the example of each function.
func TestExamplesOfFunctions(t *testing.T) {
	for _, name := range schema.FunctionNames() {
		f, _ := schema.Function(name)
		if f.Example == "" {
			t.Errorf("%s has no example", name)
			continue
		}
		src := inBlueprint(name, f.Example)
		for _, found := range findings(src) {
			if !slices.Contains(inNature, found.Rule) {
				t.Errorf("%s: %s [%s] at %s\n%s", name, found.Message, found.Rule, found.Snippet, src)
			}
		}
	}
}

// TestExamplesOfArguments makes sure that each argument is shown with a value that it takes.
func TestExamplesOfArguments(t *testing.T) {
	wrong := []string{"argument-type", "unknown-argument", "syntax", "unknown-reference", "structure"}
	for _, name := range schema.FunctionNames() {
		f, _ := schema.Function(name)
		call := fmt.Sprintf("it: {\nfunc: %q\n", name)
		for _, a := range f.Args {
			example := argumentExample(f, a)
			if !strings.HasPrefix(example, "args: "+a.Name+": ") {
				t.Errorf("%s.%s (%s): no value is known for an example", name, a.Name, a.Type)
				continue
			}
			call += example + "\n"
		}
		for _, found := range findings(inBlueprint(name, call+"}")) {
			if slices.Contains(wrong, found.Rule) {
				t.Errorf("%s: %s [%s]: %s", name, found.Message, found.Rule, found.Snippet)
			}
		}
	}
}

// TestExamplesOfFields vets the examples of the fields of phases, actions and inputs.
func TestExamplesOfFields(t *testing.T) {
	const phase = "dump: {\nfunc: \"KubeTask\"\n%s\n}\n"
	for _, root := range []string{"action", "phase", "input"} {
		r, _ := findRoot(root)
		for _, f := range r.fields() {
			if f.Name == "name" {
				continue // The key is the name.
			}
			if f.Example == "" {
				t.Errorf("%s.%s has no example", root, f.Name)
				continue
			}
			src := inBlueprint("", fmt.Sprintf(phase, strings.NewReplacer(`["stop"]`, "[]").Replace(f.Example)))
			if root == "input" {
				src = inBlueprint("", fmt.Sprintf("dump: {\nfunc: \"CopyVolumeData\"\n%s\n}\n", f.Example))
			}
			if root == "action" {
				src = inAction(f)
			}
			for _, found := range findings(src) {
				if slices.Contains([]string{"syntax", "structure", "argument-type", "unknown-input", "unknown-reference", "unknown-field", "unknown-kind", "unknown-object", "unknown-artifact"}, found.Rule) {
					t.Errorf("%s.%s: %s [%s]\n%s", root, f.Name, found.Message, found.Rule, src)
				}
			}
		}
	}
}

// inAction puts the example of a field into an action that has what it reads.
func inAction(f schema.Field) string {
	fields := []string{`phases: dump: {func: "KubeTask", args: {image: "postgres:17", command: ["pg_dump"]}, output: location: string}`, f.Example}
	if f.Name == "phases" {
		fields = fields[1:]
	}
	return "package example\n\nimport \"github.com/rescuecue/rescue/schema\"\n\nblueprint: schema.#Blueprint & {\n\tname: \"example\"\n" +
		"\tactions: backup: phases: a: {func: \"ScaleWorkload\", args: replicas: 1}\n" +
		"\tactions: example: {\n" + strings.Join(fields, "\n") + "\n\t}\n}\n"
}
