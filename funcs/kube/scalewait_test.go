package kube

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

// TestScaleStandstill: a workload that comes no nearer ends the wait, with what is
// wrong with each pod.
func TestScaleStandstill(t *testing.T) {
	owner := ownedBy("StatefulSet", "web", "sts")
	pods := []*corev1.Pod{podOf("web-0", owner, corev1.PodRunning), podOf("web-1", owner, corev1.PodPending), podOf("web-2", owner, corev1.PodRunning), podOf("web-3", owner, corev1.PodRunning), podOf("web-4", owner, corev1.PodPending)}
	for _, p := range pods {
		p.Spec.Containers = []corev1.Container{{Name: "main"}}
	}
	pods[0].Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionFalse, Message: "containers with unready status: [main]"}}
	pods[1].Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: "no room"}}
	pods[2].Status.ContainerStatuses = []corev1.ContainerStatus{waiting("main", "CrashLoopBackOff")}
	pods[2].Status.ContainerStatuses[0].LastTerminationState.Terminated = &corev1.ContainerStateTerminated{ExitCode: 1, Reason: "Error"}
	pods[3].Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	event := &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: "shop", Name: "e"},
		InvolvedObject: corev1.ObjectReference{Kind: "StatefulSet", Name: "web", UID: "sts"},
		Type:           corev1.EventTypeWarning, Reason: "FailedCreate", Message: "exceeded quota",
	}
	pods[4].Status.ContainerStatuses = []corev1.ContainerStatus{waiting("main", "ContainerCreating")}
	mount := &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: "shop", Name: "m"},
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: "web-4", UID: pods[4].UID},
		Type:           corev1.EventTypeWarning, Reason: "FailedMount", Message: "no disk",
	}
	client := fake.NewClientset(graceless(statefulSet(5, 1)), event, mount, pods[0], pods[1], pods[2], pods[3], pods[4])
	_, err := (&Scaler{Kube: client, Standstill: time.Millisecond}).Scale(t.Context(), web, 5, true)
	want := `scale statefulset shop/web to 5: no progress for 1ms: 1 of 5 replicas
    FailedCreate: exceeded quota
    pod web-0: it is running and not ready: containers with unready status: [main]
    pod web-1: Unschedulable: no room
    pod web-2: CrashLoopBackOff: because; it ended with status 1 (Error)
    pod web-4: FailedMount: no disk
to go on: mend what is named here and run the action again; give the phase a timeout if the workload needs longer`
	if err == nil || err.Error() != want {
		t.Errorf("error\n%v\nwant\n%s", err, want)
	}
}

// graceless makes the pods of a set end at once, so that no time for that adds to a
// standstill.
func graceless(s *appsv1.StatefulSet) *appsv1.StatefulSet {
	s.Spec.Template.Spec.TerminationGracePeriodSeconds = new(int64)
	return s
}

// TestScaleStandstillOfEndingPods: the status has settled, and a pod does not go.
func TestScaleStandstillOfEndingPods(t *testing.T) {
	held := podOf("web-0", ownedBy("StatefulSet", "web", "sts"), corev1.PodRunning)
	held.DeletionTimestamp, held.Finalizers = &metav1.Time{}, []string{"example.org/hold"}
	client := fake.NewClientset(graceless(statefulSet(0, 0)), held)
	_, err := (&Scaler{Kube: client, Standstill: time.Millisecond}).Scale(t.Context(), web, 0, true)
	if err == nil || !strings.Contains(err.Error(), "no progress for 1ms: pod web-0 is still there\n    pod web-0: it is ending: it waits for its finalizers example.org/hold") {
		t.Errorf("error %v", err)
	}
}

// TestScaleDeadline: whoever set a deadline decides.
func TestScaleDeadline(t *testing.T) {
	client := fake.NewClientset(graceless(statefulSet(1, 0)))
	cause := errors.New("the phase's timeout has passed")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, cause)
	defer cancel()
	_, err := (&Scaler{Kube: client, Standstill: time.Nanosecond}).Scale(ctx, web, 1, true)
	if !errors.Is(err, cause) || strings.Contains(err.Error(), "progress") || !strings.Contains(err.Error(), "0 of 1 replicas") {
		t.Errorf("error %v", err)
	}
}

// TestGraceComesOnTop: pods that may take an hour to end are given it.
func TestGraceComesOnTop(t *testing.T) {
	for seconds, want := range map[int64]time.Duration{3600: ScaleStandstill + time.Hour, 0: ScaleStandstill} {
		set := statefulSet(1, 0)
		set.Spec.Template.Spec.TerminationGracePeriodSeconds = &seconds
		w, err := fromStatefulSet(set)
		if err != nil {
			t.Fatal(err)
		}
		_, st := (&Scaler{}).watchStandstill(t.Context(), w)
		defer st.stop()
		if st.limit != want {
			t.Errorf("with %d seconds of grace the limit is %s, not %s", seconds, st.limit, want)
		}
	}
}

// TestProgress: what was missing before is no progress when it is missing again.
func TestProgress(t *testing.T) {
	st := &standstill{limit: time.Hour, seen: map[string]bool{}, timer: time.NewTimer(time.Hour), end: func(error) {}}
	defer st.stop()
	for _, c := range []struct {
		lacking  string
		progress bool
	}{
		{"0 of 3 ready", true},
		{"1 of 3 ready", true},
		{"0 of 3 ready", false}, // it crashed
		{"1 of 3 ready", false},
		{"2 of 3 ready", true},
		{"", false}, // done
	} {
		st.timer.Stop()
		st.saw(c.lacking)
		if st.timer.Stop() != c.progress { // only a timer that was set again can be stopped
			t.Errorf("%q: progress is not %t", c.lacking, c.progress)
		}
	}
}
