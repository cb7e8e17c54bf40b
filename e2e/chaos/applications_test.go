package chaos

import (
	"bytes"
	"cmp"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// An application is what is saved and restored: a workload with a volume.
type application struct {
	// objects is the file that they stand in.
	objects string
	// kind and name of the workload, and how many pods it has.
	kind, name string
	replicas   int
	// claim is its volume, claims are all of them. The claims of a StatefulSet come with it.
	claim  string
	claims []string
	// lists says that phases write to the file "list" of the volume when they begin and
	// when they end.
	lists bool
}

var (
	// plain is a Deployment whose volume has the list of the phases that were run.
	plain = application{objects: "testdata/app.yaml", kind: "Deployment", name: "app", replicas: 1, claim: "data", claims: []string{"data"}, lists: true}
	// server plays a database server.
	server = application{objects: "testdata/server.yaml", kind: "StatefulSet", name: "db", replicas: 1, claim: "data-db-0", claims: []string{"data-db-0"}, lists: true}
	// logger is what the published time-log blueprints are for.
	logger = application{objects: "testdata/logger.yaml", kind: "Deployment", name: "app", replicas: 1, claim: "data", claims: []string{"data"}}
	// timeLog and queue are applications of the examples.
	timeLog = application{
		objects: "../../examples/timelog/app.yaml", kind: "Deployment", name: "time-logger", replicas: 1, claim: "time-log", claims: []string{"time-log"},
	}
	queue = application{
		objects: "../../examples/csi/workload.yaml", kind: "StatefulSet", name: "queue", replicas: 2,
		claim: "data-queue-0", claims: []string{"data-queue-0", "data-queue-1"},
	}
)

// flag names the workload for `rescue run`.
func (a application) flag(namespace string) []string {
	return []string{"--" + strings.ToLower(a.kind), namespace + "/" + a.name}
}

// manifest reads the objects, for a namespace and an image that is there.
func (a application) manifest(t *testing.T, namespace, image string) []*unstructured.Unstructured {
	t.Helper()
	text, err := os.ReadFile(a.objects)
	if err != nil {
		t.Fatal(err)
	}
	var objects []*unstructured.Unstructured
	for doc := range bytes.SplitSeq(text, []byte("\n---\n")) {
		o := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(doc, &o.Object); err != nil {
			t.Fatalf("%s: %v", a.objects, err)
		}
		o.SetNamespace(namespace)
		setImages(o, image)
		objects = append(objects, o)
	}
	return objects
}

// setImages gives all containers of a workload the same image.
func setImages(workload *unstructured.Unstructured, image string) {
	containers, _, _ := unstructured.NestedSlice(workload.Object, "spec", "template", "spec", "containers")
	for _, c := range containers {
		c.(map[string]any)["image"] = image
	}
	if containers != nil {
		// It is the slice of a template, which is there.
		_ = unstructured.SetNestedSlice(workload.Object, containers, "spec", "template", "spec", "containers")
	}
}

// writeManifest writes the objects to a file for `rescue run --objects`.
func (a application) writeManifest(t *testing.T, dir, namespace string) string {
	t.Helper()
	var docs []string
	for _, o := range a.manifest(t, namespace, toolsImage()) {
		doc, err := yaml.Marshal(o.Object)
		if err != nil {
			t.Fatal(err)
		}
		docs = append(docs, string(doc))
	}
	path := filepath.Join(dir, "objects.yaml")
	if err := os.WriteFile(path, []byte(strings.Join(docs, "---\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func toolsImage() string {
	return cmp.Or(os.Getenv("RESCUE_E2E_TOOLS_IMAGE"), "localhost/rescue-tools:dev")
}
