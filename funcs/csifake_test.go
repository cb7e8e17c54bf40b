package funcs_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v8/apis/volumesnapshot/v1"
	snapshots "github.com/kubernetes-csi/external-snapshotter/client/v8/clientset/versioned/fake"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/funcstest"
)

const csiDriver = "csi.example.com"

// csiFake is a cluster with the bound claim shop/data, a storage class and a snapshot
// class, all named "fast".
type csiFake struct {
	*funcs.Env
	t       *testing.T
	kube    *fake.Clientset
	client  *snapshots.Clientset
	log     *funcstest.LogText
	watched func() // see becomes
}

func newCSIFake(t *testing.T, objects ...runtime.Object) *csiFake {
	class := &snapshotv1.VolumeSnapshotClass{ObjectMeta: metav1.ObjectMeta{Name: "fast"}, Driver: csiDriver, DeletionPolicy: snapshotv1.VolumeSnapshotContentDelete}
	//lint:ignore SA1019 the snapshot client has no newer fake
	f := &csiFake{t: t, client: snapshots.NewSimpleClientset(append(objects, class)...), watched: func() {}}
	f.Env, f.kube, f.log = funcstest.NewEnv(
		&corev1.PersistentVolumeClaim{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "data"},
			Spec:       corev1.PersistentVolumeClaimSpec{VolumeName: "pv-1"},
			Status: corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimBound,
				Capacity: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("3Gi")}},
		},
		volume("pv-1"),
		&storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "fast"}, Provisioner: csiDriver},
	)
	f.Snapshots = f.client
	f.Labels = map[string]string{funcs.RunLabel: "r1", funcs.PhaseLabel: "snap"}
	f.client.PrependReactor("create", "*", func(a clienttesting.Action) (bool, runtime.Object, error) {
		object := a.(clienttesting.CreateAction).GetObject().(metav1.Object)
		object.SetUID(types.UID("uid-" + object.GetName()))
		return false, nil, nil
	})
	return f
}

func volume(name string) *corev1.PersistentVolume {
	pv := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: name}}
	pv.Spec.CSI = &corev1.CSIPersistentVolumeSource{Driver: csiDriver}
	return pv
}

// becomes gives a snapshot these states, one after the other, when somebody waits for it.
// When the last has been taken, and all before it looked at, it calls f.watched.
func (f *csiFake) becomes(states ...*snapshotv1.VolumeSnapshotStatus) *csiFake {
	f.client.PrependWatchReactor("volumesnapshots", func(a clienttesting.Action) (bool, watch.Interface, error) {
		name, _ := a.(clienttesting.WatchAction).GetWatchRestrictions().Fields.RequiresExactMatch("metadata.name")
		var events []watch.Event
		for _, s := range states {
			events = append(events, watch.Event{Type: watch.Modified, Object: f.set(a.GetNamespace(), name, s)})
		}
		return true, play(events, f.watched), nil
	})
	return f
}

// goesSlowly makes a deleted VolumeSnapshot stay until somebody watches it.
func (f *csiFake) goesSlowly() *csiFake {
	resource := snapshotv1.SchemeGroupVersion.WithResource("volumesnapshots")
	var going atomic.Value
	f.client.PrependReactor("delete", "volumesnapshots", func(a clienttesting.Action) (bool, runtime.Object, error) {
		going.Store(a.(clienttesting.DeleteAction).GetName())
		return true, nil, nil
	})
	f.client.PrependWatchReactor("volumesnapshots", func(a clienttesting.Action) (bool, watch.Interface, error) {
		name, _ := going.Load().(string)
		if name == "" {
			return false, nil, nil
		}
		snap, err := f.client.Tracker().Get(resource, a.GetNamespace(), name)
		if err == nil {
			err = f.client.Tracker().Delete(resource, a.GetNamespace(), name)
		}
		return true, play([]watch.Event{{Type: watch.Deleted, Object: snap}}, func() {}), err
	})
	return f
}

// stepwise is a watch that hands over each event when the one before has been dealt with.
type stepwise struct {
	events chan watch.Event
	stop   chan struct{}
	once   sync.Once
}

func play(events []watch.Event, then func()) *stepwise {
	w := &stepwise{events: make(chan watch.Event), stop: make(chan struct{})}
	go func() {
		for _, e := range events {
			select {
			case w.events <- e:
			case <-w.stop:
				return
			}
		}
		then()
	}()
	return w
}

func (w *stepwise) ResultChan() <-chan watch.Event { return w.events }
func (w *stepwise) Stop()                          { w.once.Do(func() { close(w.stop) }) }

// set writes to the tracker: a reactor cannot call the client.
func (f *csiFake) set(namespace, name string, status *snapshotv1.VolumeSnapshotStatus) runtime.Object {
	resource := snapshotv1.SchemeGroupVersion.WithResource("volumesnapshots")
	object, err := f.client.Tracker().Get(resource, namespace, name)
	if err != nil {
		f.t.Error(err)
		return &snapshotv1.VolumeSnapshot{}
	}
	snap := object.(*snapshotv1.VolumeSnapshot).DeepCopy()
	snap.Status = status
	if err := f.client.Tracker().Update(resource, snap, namespace); err != nil {
		f.t.Error(err)
	}
	return snap
}

// deny refuses a verb on a resource of either client.
func (f *csiFake) deny(verb, resource string) *csiFake {
	refuse := func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: resource}, "", errors.New("no rights"))
	}
	f.client.PrependReactor(verb, resource, refuse)
	f.kube.PrependReactor(verb, resource, refuse)
	return f
}

// withoutCRDs answers as a server does that has never heard of snapshots.
func (f *csiFake) withoutCRDs() *csiFake {
	f.client.PrependReactor("*", "*", func(a clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewGenericServerResponse(http.StatusNotFound, a.GetVerb(), schema.GroupResource{}, "", "404 page not found", 0, true)
	})
	return f
}

// snapshots lists the names of all VolumeSnapshots, and contents those of all contents.
func (f *csiFake) snapshots() []string {
	list, err := f.client.SnapshotV1().VolumeSnapshots("").List(context.Background(), metav1.ListOptions{})
	if err != nil {
		f.t.Fatal(err)
	}
	var names []string
	for _, s := range list.Items {
		names = append(names, s.Name)
	}
	return names
}

func (f *csiFake) contents() []string {
	list, err := f.client.SnapshotV1().VolumeSnapshotContents().List(context.Background(), metav1.ListOptions{})
	if err != nil {
		f.t.Fatal(err)
	}
	var names []string
	for _, c := range list.Items {
		names = append(names, c.Name)
	}
	return names
}

// changes lists what was done, in order: VERB RESOURCE, and the body of patches.
func (f *csiFake) changes() []string {
	var done []string
	for _, a := range f.client.Actions() {
		switch a := a.(type) {
		case clienttesting.PatchAction:
			done = append(done, "patch "+a.GetResource().Resource+" "+string(a.GetPatch()))
		default:
			if slices.Contains([]string{"create", "delete"}, a.GetVerb()) {
				done = append(done, a.GetVerb()+" "+a.GetResource().Resource)
			}
		}
	}
	return done
}

func ready(size string) *snapshotv1.VolumeSnapshotStatus {
	s := &snapshotv1.VolumeSnapshotStatus{
		ReadyToUse: new(true), BoundVolumeSnapshotContentName: new("content-1"), CreationTime: new(metav1.Now()),
	}
	if size != "" {
		s.RestoreSize = new(resource.MustParse(size))
	}
	return s
}

func failed(text string) *snapshotv1.VolumeSnapshotStatus {
	return &snapshotv1.VolumeSnapshotStatus{ReadyToUse: new(false), Error: &snapshotv1.VolumeSnapshotError{Message: &text}}
}

// snapshotOf is a VolumeSnapshot shop/NAME of a claim.
func snapshotOf(name, pvc string, annotations map[string]string, status *snapshotv1.VolumeSnapshotStatus) *snapshotv1.VolumeSnapshot {
	return &snapshotv1.VolumeSnapshot{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID("uid-" + name), Annotations: annotations},
		Spec:       snapshotv1.VolumeSnapshotSpec{Source: snapshotv1.VolumeSnapshotSource{PersistentVolumeClaimName: &pvc}},
		Status:     status,
	}
}

// content is a VolumeSnapshotContent of the VolumeSnapshot shop/SNAP.
func content(name, snap string, uid types.UID, policy snapshotv1.DeletionPolicy) *snapshotv1.VolumeSnapshotContent {
	return &snapshotv1.VolumeSnapshotContent{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID("uid-" + name)},
		Spec: snapshotv1.VolumeSnapshotContentSpec{
			VolumeSnapshotRef: corev1.ObjectReference{Namespace: "shop", Name: snap, UID: uid},
			DeletionPolicy:    policy, Driver: csiDriver,
		},
		Status: &snapshotv1.VolumeSnapshotContentStatus{},
	}
}

var ours = map[string]string{funcs.RunLabel: "r1", funcs.PhaseLabel: "snap"}

// wantError checks that an error has all these pieces of text.
func wantError(t *testing.T, err error, pieces ...string) {
	t.Helper()
	for _, piece := range pieces {
		if err == nil || !strings.Contains(err.Error(), piece) {
			t.Errorf("error %v\nwithout %q", err, piece)
		}
	}
}
