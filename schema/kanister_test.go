package schema

import (
	"path/filepath"
	"strings"
	"testing"
)

const kanisterPackage = Module + "/schema/kanister"

func TestLegacyResourcesPass(t *testing.T) {
	for definition, file := range map[string]string{
		"#Blueprint":        "blueprint.yaml",
		"#Profile":          "profile.yaml",
		"#ActionSet":        "actionset.yaml",
		"#RepositoryServer": "repositoryserver.yaml",
	} {
		src := read(t, filepath.Join("testdata", "kanister", file))
		dir := module(t, map[string]string{file: src})
		for _, f := range vet(t, dir, "-c", "-d", definition, kanisterPackage, file) {
			t.Errorf("from a module: %s %v", f.message, f.places)
		}
		for _, f := range vet(t, ".", "-c", "-d", definition, "./kanister", "testdata/kanister/"+file) {
			t.Errorf("in this folder: %s %v", f.message, f.places)
		}
	}
}

func TestLegacyPhaseMistakesAreFound(t *testing.T) {
	for _, tt := range []struct{ what, phase, want string }{
		{"unknown function", `{func: KubeTsk}`, `_func: unknown function "KubeTsk"`},
		{"no function", `{name: x}`, `func: field is required but not present`},
		{"unknown argument", `{func: KubeTask, args: {image: x, command: [x], imagePullPolicy: Always}}`,
			"_args.imagePullPolicy: KubeTask has no argument imagePullPolicy"},
		{"misspelt argument", `{func: KubeExec, args: {namespace: x, pod: x, containers: x, command: [x]}}`,
			"_args.containers: KubeExec has no argument containers"},
		{"missing argument", `{func: KubeTask, args: {command: [x]}}`, "_rules.required: KubeTask needs the argument image"},
		{"no arguments", `{func: KubeTask}`, "_rules.required: KubeTask needs the argument image, command"},
		{"neither of two", `{func: DeleteData, args: {namespace: x, backupArtifactPrefix: x}}`,
			`_rules."one of 0": DeleteData needs one of the arguments backupID, backupTag`},
		{"both of two", `{func: DeleteData, args: {namespace: x, backupArtifactPrefix: x, backupID: x, backupTag: x}}`,
			`_rules."one of 0": DeleteData takes only one of the arguments backupID, backupTag`},
		{"dump restore without its arguments", `{func: RestoreRDSSnapshot, args: {instanceID: x, namespace: x}}`,
			`_rules."unless snapshotID": RestoreRDSSnapshot without snapshotID needs the argument backupArtifactPrefix, backupID`},
		{"operation without its argument", `{func: KubeOps, args: {operation: create}}`,
			`_rules."when operation": KubeOps with operation create needs the argument spec`},
		{"null", `{func: KubeTask, args: {image: , command: [x]}}`, "_args.image: conflicting values string and null"},
		{"map for a text", `{func: KubeTask, args: {image: {name: x}, command: [x]}}`, "_args.image: conflicting values string and {name:"},
		{"list for a text", `{func: KubeExecAll, args: {namespace: x, pods: [x, y], containers: x, command: [x]}}`,
			`_args.pods: conflicting values string and ["x","y"]`},
		{"map for a list", `{func: KubeTask, args: {image: x, command: {run: x}}}`, "_args.command: conflicting values"},
		{"text for a number", `{func: ScaleWorkload, args: {replicas: none}}`, `_args.replicas: conflicting values int and "none"`},
		{"fraction for a number", `{func: ScaleWorkload, args: {replicas: 1.5}}`, `_args.replicas: conflicting values int and 1.5`},
		{"text for a truth value", `{func: ScaleWorkload, args: {replicas: 1, waitForReady: maybe}}`, "_args.waitForReady: must be true or false"},
		{"enumeration", `{func: KubeOps, args: {operation: replace, spec: x}}`, "_args.operation: must be create, delete or patch"},
		{"workload", `{func: ScaleWorkload, args: {replicas: 1, kind: DaemonSet}}`, "_args.kind: must be deployment, statefulset or deploymentconfig"},
		{"duration", `{func: Wait, args: {timeout: 5, conditions: {anyOf: []}}}`, `_args.timeout: `},
		{"quantity", `{func: RestoreCSISnapshot, args: {name: x, pvc: x, namespace: x, storageClass: x, restoreSize: huge}}`,
			"_args.restoreSize: must be an amount greater than zero"},
		{"label", `{func: KubeTask, args: {image: x, command: [x], podLabels: {a: "b c"}}}`, "_args.podLabels.a: must be the value of a label"},
		{"conditions", `{func: WaitV2, args: {timeout: 5m, conditions: {any: []}}}`, "_args.conditions.any: field not allowed"},
		{"unknown field of a phase", `{func: KubeTask, arg: {}, args: {image: x, command: [x]}}`, "arg: field not allowed"},
		{"unknown field of an object", `{func: KubeTask, objects: {s: {kind: Secret, nam: x}}, args: {image: x, command: [x]}}`,
			"objects.s.nam: field not allowed"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			t.Parallel()
			src := "apiVersion: cr.kanister.io/v1alpha1\nkind: Blueprint\nactions:\n  a:\n    phases:\n    - " + tt.phase + "\n"
			checkLegacy(t, "#Blueprint", src, "actions.a.phases.0."+tt.want)
		})
	}
}

func TestLegacyStructureMistakesAreFound(t *testing.T) {
	const head = "apiVersion: cr.kanister.io/v1alpha1\nkind: "
	for _, tt := range []struct{ what, definition, src, want string }{
		{"spec around a blueprint", "#Blueprint", head + "Blueprint\nspec: {actions: {}}\n", "spec: field not allowed"},
		{"misspelt field of an action", "#Blueprint", head + "Blueprint\nactions: {a: {inputArtifacts: [x], phases: []}}\n", "actions.a.inputArtifacts: field not allowed"},
		{"KeyValue as templates write it", "#Blueprint", head + "Blueprint\nactions: {a: {outputArtifacts: {x: {KeyValue: {a: b}}}}}\n", "actions.a.outputArtifacts.x.KeyValue: field not allowed"},
		{"action that is null", "#Blueprint", head + "Blueprint\nactions:\n  delete:\n  kind: Namespace\n", "actions.delete: conflicting values null"},
		{"other version", "#Blueprint", "apiVersion: v1\nkind: Blueprint\n", "apiVersion: must be cr.kanister.io/v1alpha1"},
		{"another kind", "#Blueprint", head + "Profile\n", "kind: must be Blueprint"},
		{"artifact in an old form", "#ActionSet", head + "ActionSet\nspec: {actions: [{name: x, artifacts: {a: {path: x}}}]}\n", "spec.actions.0.artifacts.a.path: field not allowed"},
		{"option that is no text", "#ActionSet", head + "ActionSet\nspec: {actions: [{name: x, options: {a: 5}}]}\n", "spec.actions.0.options.a: conflicting values"},
		{"malformed version", "#ActionSet", head + "ActionSet\nspec: {actions: [{name: x, preferredVersion: one}]}\n", "spec.actions.0.preferredVersion: must be a version"},
		{"location", "#Profile", head + "Profile\nlocation: {type: s3}\ncredential: {type: keyPair}\n", "location.type: must be s3Compliant"},
		{"location in an old form", "#Profile", head + "Profile\nlocation: {type: s3Compliant, s3Compliant: {}}\ncredential: {type: keyPair}\n", "location.s3Compliant: field not allowed"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			t.Parallel()
			checkLegacy(t, tt.definition, tt.src, tt.want)
		})
	}
}

// checkLegacy wants one error, at a place of the YAML.
func checkLegacy(t *testing.T, definition, src, want string) {
	t.Helper()
	dir := module(t, map[string]string{"x.yaml": src})
	for _, f := range vet(t, dir, "-c", "-d", definition, kanisterPackage, "x.yaml") {
		if strings.HasPrefix(f.message, want) {
			if len(f.places) == 0 && !strings.HasSuffix(want, "not present") {
				t.Errorf("found at no place: %s", f.message)
			}
			return
		}
	}
	t.Errorf("not found: %s\nbut:\n%s", want, messages(vet(t, dir, "-c", "-d", definition, kanisterPackage, "x.yaml")))
}
