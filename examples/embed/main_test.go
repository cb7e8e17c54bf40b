package main

import (
	"context"
	"os"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/rescuecue/rescue/funcs"
)

// cluster has the CronJob that the blueprint names.
func cluster() *funcs.Env {
	job := &batchv1.CronJob{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "nightly"}}
	return &funcs.Env{Kube: fake.NewClientset(job)}
}

func TestOwnFunctionRuns(t *testing.T) {
	env := cluster()
	if err := act(context.Background(), env, "testdata/quiet.cue", "restore", "shop"); err != nil {
		t.Fatal(err)
	}
	job, err := env.Kube.BatchV1().CronJobs("shop").Get(context.Background(), "nightly", metav1.GetOptions{})
	if err != nil || job.Spec.Suspend == nil || *job.Spec.Suspend {
		t.Errorf("suspend is %v, error %v", job.Spec.Suspend, err)
	}
	updates := 0
	for _, a := range env.Kube.(*fake.Clientset).Actions() {
		if a.GetVerb() == "update" {
			updates++
		}
	}
	if updates != 2 {
		t.Errorf("%d updates, expected one to suspend and one to go on", updates)
	}
}

// TestOwnFunctionIsChecked: a misspelt argument is found as for any other function.
func TestOwnFunctionIsChecked(t *testing.T) {
	src, err := os.ReadFile("testdata/quiet.cue")
	if err != nil {
		t.Fatal(err)
	}
	path := t.TempDir() + "/quiet.cue"
	if err := os.WriteFile(path, []byte(strings.Replace(string(src), "suspend: false", "suspended: false", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	env := cluster()
	err = act(context.Background(), env, path, "restore", "shop")
	if err == nil || !strings.Contains(err.Error(), "suspended: field not allowed") {
		t.Errorf("error %v", err)
	}
}
