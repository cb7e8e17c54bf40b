package compat

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const fullActionSet = `apiVersion: cr.kanister.io/v1alpha1
kind: ActionSet
metadata: {name: s3backup-j4z6f, namespace: kanister}
spec:
  actions:
  - name: backup
    blueprint: time-log-bp
    object: {kind: Deployment, name: time-logger, namespace: default}
    profile: {name: p, namespace: kanister, apiVersion: v1alpha1}
    artifacts: {timeLog: {keyValue: {path: a/b}}}
    configMaps: {location: {name: loc, namespace: kanister}}
    secrets: {aws: {name: creds, namespace: kanister}}
    options: {mode: full}
    podOverride: {hostNetwork: true}
    podLabels: {team: shop}
    preferredVersion: v1.0.0-alpha
status:
  state: complete
  error: {message: ""}
  progress: {percentCompleted: "100"}
  actions:
  - name: backup
    blueprint: time-log-bp
    object: {kind: Deployment, name: time-logger, namespace: default}
    artifacts: {timeLog: {keyValue: {path: a/c}}}
    phases:
    - {name: copy, state: complete, output: {backupID: x, size: 5}}
`

func TestReadActionSet(t *testing.T) {
	got, err := ReadActionSet(document(t, fullActionSet))
	if err != nil {
		t.Fatal(err)
	}
	object := ObjectReference{Kind: "Deployment", Name: "time-logger", Namespace: "default"}
	want := &ActionSet{
		APIVersion: "cr.kanister.io/v1alpha1", Kind: "ActionSet",
		Metadata: Meta{Name: "s3backup-j4z6f", Namespace: "kanister"},
		Spec: &ActionSetSpec{Actions: []ActionSpec{{
			Name: "backup", Blueprint: "time-log-bp", Object: object,
			Profile:          &ObjectReference{Name: "p", Namespace: "kanister", APIVersion: "v1alpha1"},
			Artifacts:        map[string]Artifact{"timeLog": {KeyValue: map[string]string{"path": "a/b"}}},
			ConfigMaps:       map[string]ObjectReference{"location": {Name: "loc", Namespace: "kanister"}},
			Secrets:          map[string]ObjectReference{"aws": {Name: "creds", Namespace: "kanister"}},
			Options:          map[string]string{"mode": "full"},
			PodOverride:      map[string]any{"hostNetwork": true},
			PodLabels:        map[string]string{"team": "shop"},
			PreferredVersion: "v1.0.0-alpha",
		}}},
		Status: &ActionSetStatus{
			State: StateComplete, Progress: map[string]any{"percentCompleted": "100"},
			Actions: []ActionStatus{{
				Name: "backup", Blueprint: "time-log-bp", Object: object,
				Artifacts: map[string]Artifact{"timeLog": {KeyValue: map[string]string{"path": "a/c"}}},
				Phases:    []PhaseStatus{{Name: "copy", State: StateComplete, Output: map[string]any{"backupID": "x", "size": int64(5)}}},
			}},
		},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-expected +got):\n%s", d)
	}
}

func TestActionSetFromObject(t *testing.T) {
	want, err := ReadActionSet(document(t, fullActionSet))
	if err != nil {
		t.Fatal(err)
	}
	src, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := json.Unmarshal(src, &object); err != nil {
		t.Fatal(err)
	}
	object["spec"].(map[string]any)["actions"].([]any)[0].(map[string]any)["options"] = nil
	want.Spec.Actions[0].Options = nil
	want.Status.Actions[0].Phases[0].Output["size"] = 5.0 // encoding/json has no integers
	got, err := ActionSetFromObject(object)
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Errorf("%v (-expected +got):\n%s", err, d)
	}
}

func TestReadActionSetErrors(t *testing.T) {
	tests := []struct{ name, src, err string }{
		{"no spec", "kind: ActionSet", "f.yaml:1:1: the ActionSet has no spec.actions"},
		{"bare action", "kind: ActionSet\nspec:\n  actions:\n  - profile: {name: p}",
			"f.yaml:4:5: spec.actions[0].name is missing: the name of the Blueprint's action\n" +
				"f.yaml:4:5: spec.actions[0].blueprint is missing: the name of the Blueprint\n" +
				"f.yaml:4:5: spec.actions[0].object needs a kind, or an apiVersion and a resource"},
		{"slip", "kind: ActionSet\nspec:\n  actions:\n  - name: a\n    blueprnt: b\n    object: {kind: PVC}",
			"f.yaml:5:5: spec.actions[0].blueprnt is not known; did you mean blueprint?"},
		{"option that is no text", "kind: ActionSet\nspec:\n  actions:\n  - name: a\n    blueprint: b\n    object: {kind: PVC}\n    options: {count: 5}",
			"f.yaml:7:22: spec.actions[0].options.count must be a string, found an integer"},
	}
	for _, tt := range tests {
		_, err := ReadActionSet(document(t, tt.src))
		if err == nil || err.Error() != tt.err {
			t.Errorf("%s:\n got %v\nwant %s", tt.name, err, tt.err)
		}
	}
}
