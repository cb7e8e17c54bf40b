package kube

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	clienttesting "k8s.io/client-go/testing"
)

const (
	noSecret = `MountVolume.SetUp failed for volume "v" : secret "absent" not found`
	noDriver = `MountVolume.SetUp failed for volume "v" : driver name x.csi not found in the list of registered CSI drivers`
	notFree  = `Multi-Attach error for volume "pvc-1" Volume is already used by pod(s) db-0`
)

// TestPodEvents has a pod whose status never tells anything. Its events come at their
// times; the error says them, when their patience is over.
func TestPodEvents(t *testing.T) {
	type step struct {
		after           time.Duration
		reason, message string // a reason that begins with F is a warning
	}
	prepared := status(corev1.PodPending, waiting("main", "ContainerCreating"))
	prepared.Conditions = []corev1.PodCondition{condition(corev1.PodReadyToStartContainers, corev1.ConditionTrue, "")}
	for name, c := range map[string]struct {
		steps    []step
		prepared time.Duration // when the volumes are mounted, 0 for never
		refused  bool          // events may not be read
		cancel   time.Duration
		took     time.Duration
		want     []string
	}{
		"no Secret":      {steps: []step{{0, "FailedMount", noSecret}}, took: 11 * time.Second, want: []string{"FailedMount: " + noSecret, "to go on: check that what the volumes"}},
		"no key":         {steps: []step{{0, "FailedMount", "references non-existent config key: k"}}, took: 11 * time.Second, want: []string{"non-existent config key: k"}},
		"no ConfigMap":   {steps: []step{{0, "FailedMount", `[configmap "a" not found, secret "b" not found]`}}, took: 11 * time.Second, want: []string{`configmap "a" not found`}},
		"no driver yet":  {steps: []step{{0, "FailedMount", noDriver}}, took: 7*time.Minute + time.Second, want: []string{noDriver}},
		"disk not free":  {steps: []step{{5 * time.Second, "FailedAttachVolume", notFree}}, took: 7*time.Minute + 6*time.Second, want: []string{"FailedAttachVolume: " + notFree, "volumeattachments"}},
		"the node waits": {steps: []step{{0, "FailedAttachVolume", notFree}, {2 * time.Minute, "FailedMount", "timed out waiting for the condition"}}, took: 7*time.Minute + time.Second, want: []string{notFree}},
		"no network":     {steps: []step{{0, "FailedCreatePodSandBox", "no free address"}}, took: 7*time.Minute + time.Second, want: []string{"no free address", "network plugin"}},
		"it comes": {steps: []step{{0, "FailedMount", noSecret}, {5 * time.Second, "Pulling", ""}}, took: 15 * time.Minute,
			want: []string{"it has not started within 15m0s; FailedMount: " + noSecret}},
		"mounted":            {steps: []step{{0, "FailedMount", noSecret}}, prepared: 5 * time.Second, took: 15 * time.Minute, want: []string{"it has not started"}},
		"told late":          {steps: []step{{8 * time.Second, "FailedMount", noSecret}}, prepared: 5 * time.Second, took: 15 * time.Minute, want: []string{"it has not started"}},
		"attached late":      {steps: []step{{0, "FailedAttachVolume", notFree}, {3 * time.Minute, "SuccessfulAttachVolume", ""}}, took: 15 * time.Minute, want: []string{notFree}},
		"no trouble of ours": {steps: []step{{0, "FailedPostStartHook", "what"}}, took: 15 * time.Minute, want: []string{"15m0s; FailedPostStartHook: what"}},
		"cancelled":          {steps: []step{{0, "FailedMount", noSecret}}, cancel: 3 * time.Second, took: 3 * time.Second, want: []string{"container main waits: ContainerCreating", "the last warning: FailedMount: " + noSecret, "context deadline exceeded"}},
		"cancelled untold":   {cancel: 3 * time.Second, took: 3 * time.Second, want: []string{"ContainerCreating: because: context deadline"}},
		"no right to look":   {refused: true, steps: []step{{0, "FailedMount", noSecret}}, took: 15 * time.Minute, want: []string{"it has not started within 15m0s"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cl := newCluster(t, status(corev1.PodPending, waiting("main", "ContainerCreating")))
				events := watch.NewFake()
				cl.PrependWatchReactor("events", func(clienttesting.Action) (bool, watch.Interface, error) {
					if c.refused {
						return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: "events"}, "", errors.New("no"))
					}
					return true, events, nil
				})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if c.cancel > 0 {
					ctx, cancel = context.WithTimeout(ctx, c.cancel)
					defer cancel()
				}
				go func() {
					time.Sleep(eventsAfter)
					for _, s := range c.steps {
						if Sleep(ctx, s.after) != nil || c.refused {
							return
						}
						events.Add(podEvent(cl.pod, s.reason, s.message))
					}
				}()
				if c.prepared > 0 {
					time.AfterFunc(c.prepared, func() {
						pod, err := cl.CoreV1().Pods("ns").Get(ctx, cl.pod, metav1.GetOptions{})
						if err == nil {
							pod.Status = prepared
							_, err = cl.CoreV1().Pods("ns").UpdateStatus(ctx, pod, metav1.UpdateOptions{})
						}
						if err != nil {
							t.Error(err)
						}
					})
				}
				start := time.Now()
				err := cl.runner(textLogs{}).Run(ctx, job("main"), io.Discard)
				took := time.Since(start).Round(time.Second)
				if err == nil || took != c.took || cl.left(t) != 0 {
					t.Fatalf("after %s: %v, %d pods left", took, err, cl.left(t))
				}
				for _, want := range c.want {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("error without %q: %v", want, err)
					}
				}
			})
		})
	}
}

func podEvent(pod, reason, message string) *corev1.Event {
	kind := corev1.EventTypeNormal
	if strings.HasPrefix(reason, "F") {
		kind = corev1.EventTypeWarning
	}
	return &corev1.Event{
		InvolvedObject: corev1.ObjectReference{Name: pod}, Type: kind, Reason: reason, Message: message,
		LastTimestamp: metav1.Now(),
	}
}

// TestOldEvents: a watch begins with what is there, in any order; an older event does
// not bring back a trouble that is over. Events of others count for nothing.
func TestOldEvents(t *testing.T) {
	pod := &corev1.Pod{}
	pod.Name, pod.UID = "p", "u"
	var seen []string
	p := podEvents{pod: pod, see: func(e *corev1.Event) { seen = append(seen, e.Message) }}
	show := func(name, uid, message string, second int64) {
		e := podEvent(name, "FailedMount", message)
		e.InvolvedObject.UID, e.LastTimestamp = "u", metav1.Unix(second, 0)
		if uid != "" {
			e.InvolvedObject.UID = types.UID(uid)
		}
		p.take(watch.Event{Type: watch.Added, Object: e})
	}
	show("p", "", "new", 20)
	show("p", "", "old", 10)
	show("q", "", "of another pod", 30)
	show("p", "other", "of one before", 30)
	show("p", "", "the same again", 20)
	if got := strings.Join(seen, ", "); got != "new, the same again" {
		t.Errorf("seen %s", got)
	}
}
