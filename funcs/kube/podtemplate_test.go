package kube

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

func TestBuildOverride(t *testing.T) {
	for name, c := range map[string]struct {
		overrides []string // YAML, lowest precedence first
		want      string   // fields of the pod spec
		first     []string // names of the containers
	}{
		"nothing": {
			want:  `{restartPolicy: Never, containers: [{name: container, image: "app:1", command: [run], imagePullPolicy: IfNotPresent, resources: {}}]}`,
			first: []string{"container"},
		},
		"the container's own fields": {
			overrides: []string{`containers: [{name: container, env: [{name: A, value: b}], imagePullPolicy: Always}]`},
			want: `{restartPolicy: Never, containers: [{name: container, image: "app:1", command: [run], imagePullPolicy: Always,
				env: [{name: A, value: b}], resources: {}}]}`,
			first: []string{"container"},
		},
		"a sidecar goes behind": {
			overrides: []string{`containers: [{name: a, image: "b:1"}]`},
			first:     []string{"container", "a"},
		},
		"the caller wins": {
			overrides: []string{`{nodeSelector: {a: arg, b: arg}, tolerations: [{key: arg}]}`, `{nodeSelector: {a: caller}, tolerations: [{key: caller}]}`},
			want: `{restartPolicy: Never, nodeSelector: {a: caller, b: arg}, tolerations: [{key: caller}],
				containers: [{name: container, image: "app:1", command: [run], imagePullPolicy: IfNotPresent, resources: {}}]}`,
			first: []string{"container"},
		},
		"command is replaced as a whole": {
			overrides: []string{`containers: [{name: container, command: [other, "1"]}]`},
			want: `{restartPolicy: Never, containers: [{name: container, image: "app:1", command: [other, "1"],
				imagePullPolicy: IfNotPresent, resources: {}}]}`,
			first: []string{"container"},
		},
		"directives": {
			overrides: []string{`nodeSelector: {a: arg}`, `nodeSelector: {$patch: replace, b: caller}`},
			want: `{restartPolicy: Never, nodeSelector: {b: caller},
				containers: [{name: container, image: "app:1", command: [run], imagePullPolicy: IfNotPresent, resources: {}}]}`,
			first: []string{"container"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			template := PodTemplate{Prefix: "job-", Namespace: "ns", Spec: SingleContainer("app:1", []string{"run"}, "")}
			for _, o := range c.overrides {
				template.Overrides = append(template.Overrides, fromYAML[map[string]any](t, o))
			}
			pod, err := template.Build()
			if err != nil {
				t.Fatal(err)
			}
			if c.want != "" {
				sameJSON(t, pod.Spec, fromYAML[corev1.PodSpec](t, c.want))
			}
			if names := containerNames(pod); !slices.Equal(names, c.first) {
				t.Errorf("containers %v", names)
			}
		})
	}
}

func fromYAML[T any](t *testing.T, src string) T {
	t.Helper()
	var v T
	if err := yaml.UnmarshalStrict([]byte(strings.ReplaceAll(src, "\t", " ")), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func sameJSON(t *testing.T, got, want any) {
	t.Helper()
	a, err := json.MarshalIndent(got, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.MarshalIndent(want, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if string(a) != string(b) {
		t.Errorf("got %s\nwant %s", a, b)
	}
}

// TestBuildLeavesTemplate: one template may serve several attempts.
func TestBuildLeavesTemplate(t *testing.T) {
	template := PodTemplate{
		Prefix:    "job-",
		Spec:      SingleContainer("app:1", []string{"run"}, ""),
		Overrides: []map[string]any{{"containers": []any{map[string]any{"name": "a", "image": "b"}}}},
		Labels:    []map[string]string{{"a": "1"}, {"a": "2"}},
	}
	first, err := template.Build()
	if err != nil {
		t.Fatal(err)
	}
	first.Spec.Containers[0].Image = "changed"
	first.Labels["a"] = "changed"
	second, err := template.Build()
	if err != nil {
		t.Fatal(err)
	}
	if second.Spec.Containers[0].Image != "app:1" || second.Labels["a"] != "2" || second.Labels[LabelCreatedBy] != CreatedBy {
		t.Errorf("second pod: %+v", second)
	}
}
