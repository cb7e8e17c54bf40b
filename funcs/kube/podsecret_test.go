package kube

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clienttesting "k8s.io/client-go/testing"
)

// secretPod is a pod with a secret in its command.
func secretPod() *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "job-", Namespace: "shop", Labels: map[string]string{"rescue.dev/run": "r1"}},
		Spec:       SingleContainer("any", []string{"login", "hunter2"}, ""),
	}
}

func secretRunner(c *cluster, log io.Writer) *Runner {
	return &Runner{
		Client: c, Logs: textLogs{}, Log: slog.New(slog.NewTextHandler(log, nil)), Secrets: secretWords{"hunter2"},
	}
}

func finished(code int32) corev1.PodStatus {
	end := &corev1.ContainerStateTerminated{ExitCode: code}
	phase := corev1.PodSucceeded
	if code != 0 {
		phase = corev1.PodFailed
	}
	return corev1.PodStatus{Phase: phase, ContainerStatuses: []corev1.ContainerStatus{{Name: MainContainer, State: corev1.ContainerState{Terminated: end}}}}
}

// TestPodSecretLivesAsLongAsThePod: it is there before the pod, belongs to it, and is gone
// when the phase has ended, well or badly.
func TestPodSecretLivesAsLongAsThePod(t *testing.T) {
	for name, code := range map[string]int32{"success": 0, "failure": 3} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, finished(code))
			var log bytes.Buffer
			err := secretRunner(c, &log).Run(t.Context(), Job{Pod: secretPod(), Containers: []string{MainContainer}}, io.Discard)
			if (err == nil) != (code == 0) {
				t.Errorf("error %v", err)
			}
			var did []string
			for _, a := range c.Actions() {
				verb, resource := a.GetVerb(), a.GetResource().Resource
				if resource == "secrets" || resource == "pods" && (verb == "create" || verb == "delete") {
					did = append(did, verb+" "+resource)
				}
				if p, ok := a.(clienttesting.PatchAction); ok && !strings.Contains(string(p.GetPatch()), `"kind":"Pod","name":"`+c.pod+`"`) {
					t.Errorf("patch %s", p.GetPatch())
				}
				if p, ok := a.(clienttesting.CreateAction); ok && resource == "secrets" {
					s := p.GetObject().(*corev1.Secret)
					if string(s.Data["RESCUE_SECRET_1"]) != "hunter2" || s.Labels["rescue.dev/run"] != "r1" || s.Namespace != "shop" {
						t.Errorf("secret %v", s)
					}
				}
				if p, ok := a.(clienttesting.CreateAction); ok && resource == "pods" && strings.Contains(p.GetObject().(*corev1.Pod).String(), "hunter2") {
					t.Error("the pod's spec has the secret")
				}
			}
			if got, want := strings.Join(did, ", "), "create secrets, create pods, patch secrets, delete pods, delete secrets"; got != want {
				t.Errorf("did %s\nwant %s", got, want)
			}
			if log.Len() > 0 {
				t.Errorf("log %s", &log)
			}
		})
	}
}

// TestPodSecretForbidden: without the right to make Secrets no pod is made.
func TestPodSecretForbidden(t *testing.T) {
	c := newCluster(t, finished(0))
	c.PrependReactor("create", "secrets", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "", nil)
	})
	err := secretRunner(c, io.Discard).Run(t.Context(), Job{Pod: secretPod(), Containers: []string{MainContainer}}, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "to go on: allow to create") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("error %v", err)
	}
	for _, a := range c.Actions() {
		if a.GetVerb() != "create" || a.GetResource().Resource != "secrets" {
			t.Errorf("did %s %s", a.GetVerb(), a.GetResource().Resource)
		}
	}
}

// TestPodSecretOfCancelledPhase is removed too.
func TestPodSecretOfCancelledPhase(t *testing.T) {
	c := newCluster(t, corev1.PodStatus{Phase: corev1.PodPending})
	ctx, cancel := context.WithCancel(t.Context())
	c.PrependReactor("patch", "secrets", func(clienttesting.Action) (bool, runtime.Object, error) {
		cancel()
		return false, nil, nil
	})
	if err := secretRunner(c, io.Discard).Run(ctx, Job{Pod: secretPod(), Containers: []string{MainContainer}}, io.Discard); err == nil {
		t.Error("no error")
	}
	left, err := c.CoreV1().Secrets("shop").List(t.Context(), metav1.ListOptions{})
	if err != nil || len(left.Items) > 0 {
		t.Errorf("%d Secrets are left, %v", len(left.Items), err)
	}
}
