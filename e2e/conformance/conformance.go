// Package conformance runs the same blueprints on the local runtime and on a real
// cluster. Both must come to what the blueprint's file says: the same outcome, the
// same outputs and artifacts, the same errors, and the same objects left.
//
// A case is a CUE file in testdata. It has
//
//	place      what the harness fills in: see Place
//	blueprint  the blueprint
//	objects    what is there before: Kubernetes objects without a namespace
//	steps      the actions to run, one after the other, and what each must come to
//
// What a step says under want is unified with what came of it, so it may hold
// patterns. Outputs, artifacts and errors that it does not name must not be there.
package conformance

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"

	"github.com/rescuecue/rescue/funcs"
)

//go:embed testdata
var files embed.FS

// stepLimit is more than any step needs.
const stepLimit = 2 * time.Minute

// A Place is a cluster to run the cases on.
type Place struct {
	// Name is "local" or "cluster". A case that has to behave differently there asks
	// for it.
	Name string
	// Env has the clients and the log. Namespace is not looked at: each case has one
	// of its own.
	Env *funcs.Env
	// Image has a shell and coreutils, or what busybox has of them.
	Image string
	// StorageClass, SnapshotClass and Driver are those of volumes with snapshots.
	StorageClass, SnapshotClass, Driver string
}

// Cases lists the names of the cases.
func Cases() ([]string, error) {
	paths, err := fs.Glob(files, "testdata/*.cue")
	for i, path := range paths {
		paths[i] = strings.TrimSuffix(filepath.Base(path), ".cue")
	}
	return paths, err
}

// Test runs every case at the place, side by side.
func Test(t *testing.T, place Place) {
	names, err := Cases()
	if err != nil || len(names) == 0 {
		t.Fatalf("cases %v, %v", names, err)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, place, name)
		})
	}
}

// run runs one case in a namespace of its own.
func run(t *testing.T, place Place, name string) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*stepLimit)
	defer cancel()
	env := *place.Env
	env.Namespace = newNamespace(t, &env)
	s := &scene{place: place, env: &env, objects: newKinds(&env)}
	c, err := load(name, s.fields())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.clear(context.WithoutCancel(ctx)); err != nil {
			t.Error(err)
		}
	})
	if err := s.set(ctx, c.objects); err != nil {
		t.Fatal(err)
	}
	for i, step := range c.steps {
		if !t.Run(fmt.Sprintf("%d-%s", i+1, step.Action), func(t *testing.T) { s.play(ctx, t, c, step) }) {
			return // The steps that follow build on this one.
		}
	}
}

func newNamespace(t *testing.T, env *funcs.Env) string {
	t.Helper()
	name := "rescue-conformance-" + rand.String(6)
	namespaces := env.Kube.CoreV1().Namespaces()
	if _, err := namespaces.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := namespaces.Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
			t.Errorf("namespace %s is left: %v", name, err)
		}
	})
	return name
}
