package access_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rescuecue/rescue/funcs/access"
)

// TestManifests: what creating objects needs, as far as their text tells.
func TestManifests(t *testing.T) {
	here := access.Where{Kind: access.Named, Name: "here"}
	for name, c := range map[string]struct {
		spec any
		want []string
	}{
		"one":             {"apiVersion: v1\nkind: ConfigMap", []string{"configmaps named:here"}},
		"several":         {"apiVersion: v1\nkind: Secret\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {namespace: there}", []string{"secrets named:here", "deployments.apps named:there"}},
		"of the cluster":  {"apiVersion: v1\nkind: Namespace", []string{"namespaces cluster:"}},
		"a list":          {"apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Service}\n- {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole}", []string{"services named:here", "clusterroles.rbac.authorization.k8s.io cluster:"}},
		"of the object":   {"apiVersion: v1\nkind: Pod\nmetadata: {namespace: " + access.TargetNamespace + "}", []string{"pods target:"}},
		"partly unknown":  {access.Unknown{Source: "apiVersion: v1\nkind: Pod\nmetadata: {name: (the object)-x}"}, []string{"pods named:here"}},
		"wholly unknown":  {access.Unknown{Source: "input.options.spec"}, []string{" open:the spec"}},
		"no object":       {"just text", []string{" open:the spec"}},
		"no YAML":         {"a: b: c", []string{" open:the spec"}},
		"empty documents": {"---\n---\napiVersion: v1\nkind: Pod\n---\n", []string{"pods named:here"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, n := range access.Manifests(c.spec, here, "create", "create") {
				got = append(got, show(n))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func show(n access.Need) string {
	text := n.Resource
	if n.Group != "" {
		text += "." + n.Group
	}
	return text + " " + string(n.Where.Kind) + ":" + n.Where.Name
}

// TestObject: what a reference needs, however its fields are written.
func TestObject(t *testing.T) {
	otherwise := access.Where{Kind: access.Cluster}
	for name, c := range map[string]struct {
		ref   any
		want  string
		names int
	}{
		"namespaced":     {map[string]any{"apiVersion": "v1", "group": "apps", "resource": "deployments", "name": "a", "namespace": "n"}, "deployments.apps named:n", 1},
		"capitals":       {map[string]any{"APIVERSION": "v1", "Group": "apps", "Resource": "deployments", "name": "a"}, "deployments.apps cluster:", 1},
		"group in front": {map[string]any{"apiVersion": "apps/v1", "resource": "deployments", "name": "a"}, "deployments.apps cluster:", 1},
		"name unknown":   {map[string]any{"resource": "pods", "name": access.Unknown{Source: "x"}, "namespace": "n"}, "pods named:n", 0},
		"of the cluster": {map[string]any{"resource": "nodes", "name": "a", "namespace": "ignored"}, "nodes cluster:", 1},
		"unknown place":  {map[string]any{"resource": "pods", "name": "a", "namespace": access.Unknown{Source: "x"}}, "pods open:x", 0},
		"unknown":        {access.Unknown{Source: "x"}, " open:x", 0},
		"unknown kind":   {map[string]any{"resource": access.Unknown{Source: "r"}, "name": "a", "namespace": "n"}, " open:r", 0},
	} {
		t.Run(name, func(t *testing.T) {
			n := access.Object(access.Call{}, c.ref, otherwise, "get", "get")
			if show(n) != c.want || len(n.Names) != c.names {
				t.Errorf("%s with %d names, want %s with %d", show(n), len(n.Names), c.want, c.names)
			}
		})
	}
}

// FuzzManifests: no text of a blueprint makes it panic.
func FuzzManifests(f *testing.F) {
	f.Add("apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod}\n---\n")
	f.Fuzz(func(t *testing.T, spec string) {
		for _, n := range access.Manifests(spec, access.Where{Kind: access.Work}, "create", "create") {
			if len(n.Verbs) == 0 {
				t.Errorf("%v", n)
			}
		}
	})
}
