package access

import (
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

// Snapshots is the API group of volume snapshots.
const Snapshots = "snapshot.storage.k8s.io"

// Object is a need on the object that a reference among the arguments names: a map with
// the fields group, resource, name and namespace. A resource that only a run knows gives
// a need whose Resource is empty.
func Object(c Call, reference any, otherwise Where, why string, verbs ...string) Need {
	ref := Call{Args: map[string]any{}}
	if fields, ok := reference.(map[string]any); ok {
		// The API machinery does not mind capitals, and blueprints have some.
		for name, value := range fields {
			ref.Args[strings.ToLower(name)] = value
		}
	} else if unknown, ok := reference.(Unknown); ok {
		return Need{Where: Where{Kind: Open, Name: unknown.Source}, Verbs: verbs, Why: why}
	}
	need := Need{
		Where: WhereOf(ref.Args["namespace"], otherwise), Group: ref.Text("group"), Resource: ref.Text("resource"),
		Verbs: verbs, Why: why,
	}
	if unknown, ok := ref.Args["resource"].(Unknown); ok {
		need.Where = Where{Kind: Open, Name: unknown.Source}
	}
	if group, _, ok := strings.Cut(ref.Text("apiversion"), "/"); ok && need.Group == "" {
		need.Group = group
	}
	if name := ref.Text("name"); name != "" && need.Where.Kind != Open {
		need.Names = []string{name}
	}
	if clusterWide(need.Resource) {
		need.Where = Where{Kind: Cluster}
	}
	return need
}

// clusterWide knows the resources of Kubernetes itself that have no namespace. Others
// are taken for namespaced if they are given a namespace.
func clusterWide(resource string) bool {
	switch resource {
	case "namespaces", "nodes", "persistentvolumes", "storageclasses", "volumesnapshotclasses", "volumesnapshotcontents",
		"customresourcedefinitions", "clusterroles", "clusterrolebindings", "priorityclasses", "ingressclasses":
		return true
	}
	return false
}

// Manifests are the needs on the objects of a spec with several YAML documents. Of those
// that only a run knows, Resource is empty.
func Manifests(spec any, otherwise Where, why string, verbs ...string) []Need {
	text, _ := spec.(string)
	if unknown, ok := spec.(Unknown); ok {
		// Often only a name in it is not known.
		text = unknown.Source
		if text == "" {
			return []Need{unread(verbs, why)}
		}
	}
	var needs []Need
	for doc := range strings.SplitSeq("\n"+text, "\n---") {
		var object manifest
		if err := yaml.Unmarshal([]byte(doc), &object); err != nil {
			needs = append(needs, unread(verbs, why))
		} else if strings.TrimSpace(doc) != "" {
			needs = append(needs, object.needs(otherwise, why, verbs)...)
		}
	}
	return needs
}

// manifest is as much of an object as tells what it is.
type manifest struct {
	APIVersion, Kind string
	Metadata         struct{ Namespace string }
	Items            []manifest
}

func (m manifest) needs(otherwise Where, why string, verbs []string) []Need {
	if m.Kind == "List" {
		var needs []Need
		for _, item := range m.Items {
			needs = append(needs, item.needs(otherwise, why, verbs)...)
		}
		return needs
	}
	gv, err := schema.ParseGroupVersion(m.APIVersion)
	if err != nil || m.Kind == "" {
		return []Need{unread(verbs, why)}
	}
	gvr, _ := meta.UnsafeGuessKindToResource(gv.WithKind(m.Kind))
	need := Need{Where: WhereOf(m.Metadata.Namespace, otherwise), Group: gvr.Group, Resource: gvr.Resource, Verbs: verbs, Why: why}
	if clusterWide(need.Resource) {
		need.Where = Where{Kind: Cluster}
	}
	return []Need{need}
}

// unread is the need on an object that cannot be known.
func unread(verbs []string, why string) Need {
	return Need{Where: Where{Kind: Open, Name: "the spec"}, Verbs: verbs, Why: why}
}
