package vet

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestOneFindingForOneMistake makes one mistake at a time in blueprints that are
// right, and wants exactly one finding, of the right rule and on the right line.
func TestOneFindingForOneMistake(t *testing.T) {
	for _, m := range []struct{ file, old, new, rule, near string }{
		{"common.cue", `stop: {func: "ScaleWorkload", args: replicas: 0}`, `stop: {func: "ScaleWorkload", args: {}}`, ruleMissingArgument, "stop: {"},
		{"common.cue", `args: replicas: 0`, `args: replica: 0`, ruleUnknownArgument, "replica: 0"},
		{"common.cue", `args: replicas: 0`, `args: replicas: "0"`, ruleArgumentType, `"0"`},
		{"common.cue", `stop: {func: "ScaleWorkload"`, `stop: {func: "ScaleWorkoad"`, ruleUnknownFunction, "ScaleWorkoad"},
		{"common.cue", `phases.dump.output.location`, `phases.dump.output.locatio`, ruleUnknownOutput, "locatio\n"},
		{"common.cue", `dump.keyValue.location]`, `dump.keyValue.locaton]`, ruleUnknownArtifact, "locaton]"},
		{"common.cue", `artifactsIn.dump.`, `artifactsIn.dmp.`, ruleUnknownArtifact, "artifactsIn.dmp"},
		{"common.cue", `artifactsFrom: "backup"`, `artifactsFrom: "bakup"`, ruleUnknownAction, `"bakup"`},
		{"common.cue", `input.statefulSet.namespace`, `input.deployment.namespace`, ruleUnknownInput, "input.deployment"},
		{"common.cue", `args: replicas: stop.output.originalReplicaCount`, `args: replicas: stop.output.originalReplicaCoun`, ruleUnknownOutput, "Coun}"},
		{"common.cue", `image:     "postgres:\(input.options.tag)"`, ``, ruleMissingArgument, `func: "KubeTask"`},
		{"common.cue", "kind:  \"StatefulSet\"\n\t\t\tinput: _", "kind:  \"StatefulSt\"\n\t\t\tinput: _", ruleUnknownKind, "StatefulSt\""},
		{"common.cue", `outputArtifacts: dump`, `outputArtifact: dump`, ruleUnknownField, "outputArtifact:"},
		{"common.cue", `args: replicas: stop.output.originalReplicaCount`, `args: replicas: dump.output.location`, ruleArgumentType, "dump.output.location}"},
		{"common.cue", `args: replicas: stop.output.originalReplicaCount`, `args: replicas: stpo.output.originalReplicaCount`, ruleUnknownReference, "stpo"},
		{"common.cue", "input: _\n\t\t\tphases", "phases", ruleUnknownInput, "input.statefulSet.namespace"},
		{"common.cue", `command: ["a"]}}`, `command: ["a", 1]}}`, ruleArgumentType, `"a", 1`},
		{"common.cue", `command: [p]`, `commnd: [p]`, ruleUnknownArgument, "commnd"},
		{"common.cue", `secrets.db.data`, `secrets.pg.data`, ruleUnknownObject, "secrets.pg"},
		{"common.cue", `timeout: "1h"`, `timeout: "1 hour"`, ruleStructure, "1 hour"},
		{"common.cue", `attempts: 3`, `attempts: 0`, ruleStructure, "attempts: 0"},

		{"common.cue", `for p in input.statefulSet.pods`, `for p in input.statefulSet.pds`, ruleUnknownInput, "pds"},
		{"common.cue", `for p in input.statefulSet.pods`, `for p in inptu.statefulSet.pods`, ruleUnknownReference, "inptu"},
		{"common.cue", `phases.stop.output`, `phases.stpo.output`, ruleUnknownPhase, "stpo"},

		{"common.yaml", `func: PrepareData`, `func: PrepareDta`, ruleUnknownFunction, "PrepareDta"},
		{"common.yaml", `replicas: "0"`, `replica: "0"`, ruleUnknownArgument, "replica:"},
		{"common.yaml", `replicas: "0"`, `replicas: none`, ruleArgumentType, "none"},
		{"common.yaml", `replicas: "0"`, `replicas:`, ruleNullArgument, "replicas:\n"},
		{"common.yaml", `        replicas: "0"`, ``, ruleMissingArgument, "func: ScaleWorkload\n      name: stop"},
		{"common.yaml", `kind: StatefulSet`, `kind: Pod`, ruleArgumentType, "Pod"},
		{"common.yaml", `.Output.path }}'`, `.Output.pth }}'`, ruleUnknownOutput, "pth"},
		{"common.yaml", `.Phases.dump.Output.kopia`, `.Phases.Dump.Output.kopia`, ruleUnknownPhase, "Phases.Dump"},
		{"common.yaml", `.StatefulSet.Pods }}`, `.StatefulSet.Pod }}`, ruleUnknownInput, "Pod }}"},
		{"common.yaml", `.Secrets.db.Data`, `.Secrets.pg.Data`, ruleUnknownObject, "Secrets.pg"},
		{"common.yaml", `toJson .Profile`, `toJSON .Profile`, ruleTemplateFunction, "toJSON"},
		{"common.yaml", `{{ $pod }}`, `{{ $pod }`, ruleTemplateSyntax, "{{ $pod }"},
		{"common.yaml", `.ArtifactsIn.dump.`, `.ArtifactsIn.dmp.`, ruleUnknownArtifact, "ArtifactsIn.dmp"},
		{"common.yaml", `inputArtifactNames: [dump, shot]`, `inputArtifacts: [dump, shot]`, ruleUnknownField, "inputArtifacts"},
		{"common.yaml", `name: bare`, `name: dump`, ruleDuplicatePhase, "name: dump\n      args:\n        namespace"},
		{"common.yaml", `name: load`, `name: dump`, ruleRepeatedPhase, "name: dump\n      args:\n        image: a:1\n        command: [restore"},
		{"common.yaml", `Resource: pods`, `Resorce: pods`, ruleUnknownField, "Resorce"},
		{"common.yaml", `{name: certs, secret`, `{name: cert, secret`, ruleUnknownVolume, "{name: certs, mountPath"},
		{"common.yaml", `optional: true`, `optional: "true"`, rulePodOverride, "optional"},
		{"common.yaml", `value: "80"`, `value: 80`, rulePodOverride, "value: 80"},
		{"common.yaml", `secretName: a`, `secretname: a`, rulePodOverride, "secretname"},
		{"common.yaml", `{name: log, image: a:1,`, `{name: log,`, ruleUnknownContainer, "{name: log"},
		{"common.yaml", "        initImage: a:1\n", "", ruleUnknownContainer, "initContainers"},
		{"common.yaml", `(eq "{ $.status.phase }" "x")`, `(eq .status.phase "x")`, ruleWaitCondition, "(eq .status.phase"},
		{"common.yaml", `timeout: 1m`, `timeout: 1 minute`, ruleArgumentType, "1 minute"},
		{"common.yaml", `anyOf:`, `anyof:`, "", ""},
		{"common.yaml", `anyOf:`, `any:`, ruleUnknownField, "any:"},
		{"common.yaml", `          kind: ConfigMap`, `          kind:: [`, "", ""},
		{"common.yaml", "namespace: shop\n        pod: '{{ .StatefulSet.Name }}-0'", "namespace: shop\n        pod: '{{ index .StatefulSet.Pods 0 }}'", ruleStoppedPods, "index .StatefulSet.Pods"},
		{"common.yaml", `inputArtifactNames: [dump, shot]`, `inputArtifactNames: [dump]`, ruleUndeclaredInput, ".ArtifactsIn.shot"},
		{"common.yaml", "      name: again\n", "", ruleUnnamedPhase, "func: ScaleWorkload\n      args:\n        replicas: '{{ .Phases.stop"},
		{"common.yaml", `pod: '{{ .StatefulSet.Name }}-0'`, `pod: \"{{ .StatefulSet.Name }}-0\"`, ruleEscapedQuotes, `\"{{`},
		{"common.yaml", `toJson .Profile`, `toJson.Profile`, ruleTemplateSyntax, "toJson.Profile"},
	} {
		t.Run(m.file+"/"+m.rule, func(t *testing.T) {
			text := mustRead(t, filepath.Join("testdata/ok", m.file))
			if !strings.Contains(text, m.old) {
				t.Fatalf("%s has no %q", m.file, m.old)
			}
			text = strings.Replace(text, m.old, m.new, 1)
			at := strings.Index(text, m.near)
			if at < 0 {
				t.Fatalf("the mutant has no %q", m.near)
			}
			want := strings.Count(text[:at], "\n") + 1
			file := File{Name: m.file, Data: []byte(text)}
			findings := wrong(Check(Unit{Language: languageOf(file), Files: []File{file}}))
			if m.rule == "" && len(findings) == 0 {
				return // It makes no difference, or the templates decide.
			}
			if len(findings) != 1 || findings[0].Rule != m.rule || findings[0].Line != want {
				t.Errorf("want one finding, %s on line %d; got", m.rule, want)
				for _, f := range findings {
					t.Errorf("%s %s [%s]", location(f), f.Message, f.Rule)
				}
			}
		})
	}
}
