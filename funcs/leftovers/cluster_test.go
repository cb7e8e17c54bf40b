package leftovers_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/scheme"
	clienttesting "k8s.io/client-go/testing"

	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/leftovers"
)

var label = map[string]string{funcs.RunLabel: "r1", funcs.PhaseLabel: "dump"}

func meta(namespace, name string, labels, annotations map[string]string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name, UID: "1", Labels: labels, Annotations: annotations}
}

func newClient(objects ...runtime.Object) *dynamicfake.FakeDynamicClient {
	snapshots := schema.GroupVersionResource{Group: "snapshot.storage.k8s.io", Version: "v1", Resource: "volumesnapshots"}
	return dynamicfake.NewSimpleDynamicClientWithCustomListKinds(scheme.Scheme,
		map[schema.GroupVersionResource]string{snapshots: "VolumeSnapshotList"}, objects...)
}

func found(all []leftovers.Leftover) []string {
	leftovers.Sort(all)
	var names []string
	for _, l := range all {
		names = append(names, l.String())
	}
	return names
}

// TestFind: what has the label of a run is found, but for what is meant to stay.
func TestFind(t *testing.T) {
	key := map[string]string{funcs.RunLabel: "r1", "app.kubernetes.io/component": "encryption-key"}
	client := newClient(
		&corev1.Pod{ObjectMeta: meta("shop", "job", label, nil)},
		&corev1.Pod{ObjectMeta: meta("shop", "app", map[string]string{"app": "x"}, nil)},
		&corev1.Secret{ObjectMeta: meta("shop", "handed", label, nil)},
		&corev1.Secret{ObjectMeta: meta("shop", "key", key, nil)},
		&corev1.PersistentVolumeClaim{ObjectMeta: meta("shop", "restored", label, label)},
		&corev1.ConfigMap{ObjectMeta: meta("other", "notes", label, nil)},
	)
	for name, c := range map[string]struct{ namespaces, want []string }{
		"everywhere":    {nil, []string{"ConfigMap other/notes", "Pod shop/job", "Secret shop/handed"}},
		"one namespace": {[]string{"shop"}, []string{"Pod shop/job", "Secret shop/handed"}},
		"another":       {[]string{"empty"}, nil},
	} {
		all, unseen := leftovers.Cluster{Dynamic: client, Namespaces: c.namespaces}.Find(t.Context())
		if got := found(all); !slices.Equal(got, c.want) || len(unseen) > 0 {
			t.Errorf("%s: %q, want %q; unseen %v", name, got, c.want, unseen)
		}
	}
}

// TestFindGoesOn: a kind that may not be listed is told, and one that the cluster does not
// have is not.
func TestFindGoesOn(t *testing.T) {
	client := newClient(&corev1.Pod{ObjectMeta: meta("shop", "job", label, nil)})
	refuse := func(resource string, err error) {
		client.PrependReactor("list", resource, func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, err })
	}
	refuse("secrets", apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "", errors.New("no")))
	refuse("volumesnapshots", apierrors.NewNotFound(schema.GroupResource{Resource: "volumesnapshots"}, ""))
	all, unseen := leftovers.Cluster{Dynamic: client}.Find(t.Context())
	if got := found(all); !slices.Equal(got, []string{"Pod shop/job"}) {
		t.Errorf("found %q", got)
	}
	if len(unseen) != 1 || unseen[0].Where != "secrets of all namespaces" || !apierrors.IsForbidden(unseen[0].Err) {
		t.Errorf("unseen %v", unseen)
	}
}

// TestRemove: the object is deleted as the one that was found, and a refusal is told.
func TestRemove(t *testing.T) {
	client := newClient(&corev1.Secret{ObjectMeta: meta("shop", "handed", label, nil)})
	all, _ := leftovers.Cluster{Dynamic: client}.Find(t.Context())
	if len(all) != 1 {
		t.Fatalf("found %v", all)
	}
	if err := all[0].Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, a := range client.Actions() {
		d, ok := a.(clienttesting.DeleteActionImpl)
		if ok && (d.DeleteOptions.Preconditions == nil || *d.DeleteOptions.Preconditions.UID != "1") {
			t.Errorf("deleted without its UID: %+v", d.DeleteOptions)
		}
	}
	if left, _ := (leftovers.Cluster{Dynamic: client}).Find(t.Context()); len(left) != 0 {
		t.Errorf("left %v", left)
	}
	if err := all[0].Remove(t.Context()); err != nil {
		t.Errorf("what is gone already: %v", err)
	}
	client.PrependReactor("delete", "secrets", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, errors.New("refused")
	})
	if err := all[0].Remove(t.Context()); err == nil || !strings.Contains(err.Error(), "remove Secret shop/handed: refused") {
		t.Errorf("%v", err)
	}
}
