package kube

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

func TestAtRest(t *testing.T) {
	sidecar := status(corev1.PodRunning, ended("main", 0, "Completed"))
	sidecar.InitContainerStatuses = []corev1.ContainerStatus{running("proxy")}
	for name, c := range map[string]struct {
		status corev1.PodStatus
		policy corev1.RestartPolicy
		node   string
		want   bool
	}{
		"without a node":             {status: status(corev1.PodPending), want: true},
		"just bound":                 {status: status(corev1.PodPending), node: "n"},
		"being made":                 {status: status(corev1.PodPending, waiting("main", "ContainerCreating")), node: "n"},
		"it runs":                    {status: status(corev1.PodRunning, running("main")), node: "n"},
		"ended":                      {status: status(corev1.PodRunning, ended("main", 1, "Error")), node: "n", want: true},
		"one of two has ended":       {status: status(corev1.PodRunning, ended("main", 0, ""), running("proxy")), node: "n"},
		"a sidecar of Kubernetes":    {status: sidecar, node: "n"},
		"failed, and started again":  {status: status(corev1.PodRunning, ended("main", 1, "Error")), policy: corev1.RestartPolicyOnFailure, node: "n"},
		"ended well, on failure":     {status: status(corev1.PodRunning, ended("main", 0, "")), policy: corev1.RestartPolicyOnFailure, node: "n", want: true},
		"ended, and always started":  {status: status(corev1.PodRunning, ended("main", 0, "")), policy: corev1.RestartPolicyAlways, node: "n"},
		"succeeded":                  {status: status(corev1.PodSucceeded), node: "n", want: true},
		"failed, without containers": {status: status(corev1.PodFailed), node: "n", want: true},
	} {
		pod := &corev1.Pod{Status: c.status}
		pod.Spec.NodeName, pod.Spec.RestartPolicy = c.node, corev1.RestartPolicyNever
		if c.policy != "" {
			pod.Spec.RestartPolicy = c.policy
		}
		if got := atRest(pod); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// storedPod is a pod as the API server has it.
func storedPod(node string, s corev1.PodStatus) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p", UID: "u", ResourceVersion: "7"}, Status: s}
	pod.Spec.NodeName, pod.Spec.RestartPolicy = node, corev1.RestartPolicyNever
	return pod
}

// TestRemoveStale: what was last seen of the pod is old. It is deleted by what it is
// now, and at once only if nothing has changed since that was read.
func TestRemoveStale(t *testing.T) {
	up := status(corev1.PodRunning, running("main"))
	conflict := apierrors.NewConflict(schema.GroupResource{Resource: "pods"}, "p", errors.New("it has changed"))
	for name, c := range map[string]struct {
		seen, is *corev1.Pod // is nil: it is gone
		then     *corev1.Pod // what it becomes before the first delete, which the server refuses then
		graces   []int64
	}{
		"it waited, and runs now":      {seen: storedPod("", status(corev1.PodPending)), is: storedPod("n", up), graces: []int64{1}},
		"it waits":                     {seen: storedPod("", status(corev1.PodPending)), is: storedPod("", status(corev1.PodPending)), graces: []int64{0}},
		"it runs before it is deleted": {seen: storedPod("", status(corev1.PodPending)), is: storedPod("", status(corev1.PodPending)), then: storedPod("n", up), graces: []int64{0, 1}},
		"it ran, and has ended":        {seen: storedPod("n", up), is: storedPod("n", status(corev1.PodSucceeded)), graces: []int64{0}},
		"it is gone":                   {seen: storedPod("n", up)},
		"another has its name":         {seen: storedPod("n", up), is: func() *corev1.Pod { p := storedPod("n", up); p.UID = "v"; return p }()},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cl := fake.NewClientset()
				if c.is != nil {
					cl = fake.NewClientset(c.is)
				}
				var graces []int64
				cl.PrependReactor("delete", "pods", func(a clienttesting.Action) (bool, runtime.Object, error) {
					opts := a.(clienttesting.DeleteActionImpl).DeleteOptions
					graces = append(graces, *opts.GracePeriodSeconds)
					if exact := opts.Preconditions.ResourceVersion != nil; exact != (c.is.Spec.NodeName == "" && len(graces) == 1) {
						t.Errorf("delete %d with preconditions %v", len(graces), opts.Preconditions)
					}
					if c.then == nil {
						return false, nil, nil
					}
					err := cl.Tracker().Update(corev1.SchemeGroupVersion.WithResource("pods"), c.then, "ns")
					c.then = nil
					return true, nil, errors.Join(conflict, err)
				})
				s := &session{Runner: &Runner{Client: cl, Log: slog.New(slog.DiscardHandler)}, last: c.seen}
				s.remove(t.Context())
				if !slices.Equal(graces, c.graces) {
					t.Errorf("deleted with %v", graces)
				}
			})
		})
	}
}

// TestRemoveGoing: for a pod that somebody else has deleted, whose node is lost, nobody
// waits for ever, and the log says that it may still run.
func TestRemoveGoing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pod := storedPod("n", status(corev1.PodRunning, running("main")))
		pod.DeletionTimestamp = &metav1.Time{Time: time.Now()}
		pod.Finalizers = []string{"keep"} // the fake lets it go otherwise
		cl := fake.NewClientset(pod)
		cl.PrependReactor("delete", "pods", func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, nil })
		var warned bytes.Buffer
		s := &session{Runner: &Runner{Client: cl, Log: slog.New(slog.NewTextHandler(&warned, nil))}, last: pod}
		start := time.Now()
		s.remove(context.Background())
		if took := time.Since(start); took.Round(time.Second) != goingLimit || !strings.Contains(warned.String(), "may still run") {
			t.Errorf("it took %s, log: %s", took, &warned)
		}
	})
}
