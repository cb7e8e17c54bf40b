package kube

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v8/apis/volumesnapshot/v1"
	snapshots "github.com/kubernetes-csi/external-snapshotter/client/v8/clientset/versioned/fake"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	clienttesting "k8s.io/client-go/testing"
)

func snapshotState(status *snapshotv1.VolumeSnapshotStatus) *snapshotv1.VolumeSnapshot {
	return &snapshotv1.VolumeSnapshot{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "snap", UID: "u"}, Status: status}
}

func inError(text string) *snapshotv1.VolumeSnapshot {
	return snapshotState(&snapshotv1.VolumeSnapshotStatus{Error: &snapshotv1.VolumeSnapshotError{Message: &text}})
}

const busy = `Failed to create snapshot: "rpc error: code = DeadlineExceeded desc = too slow"`

// TestReadyPatience: an error that passes is waited for, but not for ever.
func TestReadyPatience(t *testing.T) {
	taken := snapshotState(&snapshotv1.VolumeSnapshotStatus{
		ReadyToUse: new(true), CreationTime: new(metav1.Now()), BoundVolumeSnapshotContentName: new("c"),
	})
	begun := snapshotState(&snapshotv1.VolumeSnapshotStatus{})
	deleting := snapshotState(nil)
	deleting.DeletionTimestamp = new(metav1.Now())
	type step struct {
		after time.Duration
		snap  *snapshotv1.VolumeSnapshot
	}
	for name, c := range map[string]struct {
		steps []step
		took  time.Duration
		want  string
	}{
		"it passes":             {[]step{{0, inError(busy)}, {9 * time.Minute, taken}}, 9 * time.Minute, ""},
		"it stays":              {[]step{{time.Minute, inError(busy)}, {20 * time.Minute, taken}}, 11 * time.Minute, "has stood for 10m0s: its last error was: " + busy},
		"its text changes":      {[]step{{0, inError(busy)}, {9 * time.Minute, inError("VolumeSnapshotContent is missing")}, {9 * time.Minute, taken}}, 10 * time.Minute, "content is missing"},
		"it comes again":        {[]step{{0, inError(busy)}, {9 * time.Minute, begun}, {time.Minute, inError(busy)}, {9 * time.Minute, taken}}, 19 * time.Minute, ""},
		"no error, for long":    {[]step{{0, begun}, {100 * time.Minute, taken}}, 100 * time.Minute, ""},
		"one that stays":        {[]step{{0, inError(busy)}, {time.Minute, inError("rpc error: code = ResourceExhausted desc = full")}}, time.Minute, "desc = full"},
		"an error with no text": {[]step{{0, snapshotState(&snapshotv1.VolumeSnapshotStatus{Error: &snapshotv1.VolumeSnapshotError{}})}}, 0, "without a text"},
		"it is being deleted":   {[]step{{time.Minute, deleting}}, time.Minute, "somebody is deleting it"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				//lint:ignore SA1019 the snapshot client has no newer fake
				client := snapshots.NewSimpleClientset()
				w := watch.NewRaceFreeFake()
				client.PrependWatchReactor("*", func(clienttesting.Action) (bool, watch.Interface, error) { return true, w, nil })
				go func() {
					for _, s := range c.steps {
						time.Sleep(s.after)
						w.Modify(s.snap)
					}
				}()
				start := time.Now()
				s := Snapshots{Client: client, Log: slog.New(slog.DiscardHandler)}
				_, err := s.Ready(t.Context(), snapshotState(nil))
				if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(c.want))) {
					t.Errorf("error %v", err)
				}
				if took := time.Since(start); took != c.took {
					t.Errorf("it took %s", took)
				}
				time.Sleep(time.Hour) // until the script is over
			})
		})
	}
}

func TestReadyDeleted(t *testing.T) {
	//lint:ignore SA1019 the snapshot client has no newer fake
	client := snapshots.NewSimpleClientset()
	w := watch.NewRaceFreeFake()
	w.Delete(snapshotState(nil))
	client.PrependWatchReactor("*", func(clienttesting.Action) (bool, watch.Interface, error) { return true, w, nil })
	s := Snapshots{Client: client, Log: slog.New(slog.DiscardHandler)}
	_, err := s.Ready(t.Context(), snapshotState(nil))
	if err == nil || errors.Is(err, ErrDeleted) || !strings.Contains(err.Error(), "shop/snap: somebody has deleted it") {
		t.Errorf("error %v", err)
	}
}

func TestPassing(t *testing.T) {
	for text, want := range map[string]bool{
		busy: true,
		`Failed to check and update snapshot content: failed to take snapshot of the volume v: "rpc error: code = Aborted desc = pending"`: true,
		"Operation cannot be fulfilled: the object has been modified; please apply your changes to the latest version and try again":       true,
		"VolumeSnapshotContent is missing":                                 true,
		"rpc error: code = Internal desc = disk on fire":                   false,
		"rpc error: code = ResourceExhausted desc = full":                  false,
		"rpc error: code = Internal desc = x: rpc error: code = Aborted y": false,
		"Unavailable": false,
		"":            false,
	} {
		if passing(text) != want {
			t.Errorf("passing(%q) = %v", text, !want)
		}
	}
}
