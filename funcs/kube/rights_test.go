package kube_test

import (
	"slices"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/rescuecue/rescue/funcs/kube"
)

// reviewer answers as an API server that lets everybody list pods, and read two Secrets.
func reviewer(asked *[]string) *fake.Clientset {
	client := fake.NewClientset()
	client.PrependReactor("create", "selfsubjectaccessreviews", func(action clienttesting.Action) (bool, runtime.Object, error) {
		review := action.(clienttesting.CreateAction).GetObject().(*authorizationv1.SelfSubjectAccessReview).DeepCopy()
		a := review.Spec.ResourceAttributes
		*asked = append(*asked, a.Verb+" "+a.Resource+" "+a.Subresource)
		review.Status.Allowed = a.Verb == "list" && a.Resource == "pods" && a.Subresource == ""
		return true, review, nil
	})
	client.PrependReactor("create", "selfsubjectrulesreviews", func(action clienttesting.Action) (bool, runtime.Object, error) {
		review := action.(clienttesting.CreateAction).GetObject().(*authorizationv1.SelfSubjectRulesReview).DeepCopy()
		*asked = append(*asked, "rules in "+review.Spec.Namespace)
		review.Status.ResourceRules = []authorizationv1.ResourceRule{
			{Verbs: []string{"*"}, APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{"b", "a"}},
			{Verbs: []string{"get"}, APIGroups: []string{"*"}, Resources: []string{"*"}, ResourceNames: []string{"a"}},
		}
		return true, review, nil
	})
	return client
}

func TestRights(t *testing.T) {
	var asked []string
	rights := kube.NewRights(reviewer(&asked))
	for right, want := range map[kube.Right]bool{
		{Verb: "list", Resource: "pods", Namespace: "shop"}:     true,
		{Verb: "list", Resource: "pods/log", Namespace: "shop"}: false,
		{Verb: "get", Resource: "pods", Namespace: "shop"}:      false,
	} {
		for range 2 {
			if has, err := rights.Has(t.Context(), right); err != nil || has != want {
				t.Errorf("%+v: %v, %v", right, has, err)
			}
		}
	}
	slices.Sort(asked)
	if want := []string{"get pods ", "list pods ", "list pods log"}; !slices.Equal(asked, want) {
		t.Errorf("asked %q, want each once: %q", asked, want)
	}
}

func TestRightsByName(t *testing.T) {
	var asked []string
	rights := kube.NewRights(reviewer(&asked))
	for verb, want := range map[string][]string{"get": {"a", "b"}, "patch": {"a", "b"}} {
		got, err := rights.Names(t.Context(), kube.Right{Verb: verb, Resource: "secrets", Namespace: "shop"})
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v, want %q", verb, got, err, want)
		}
	}
	if got, err := rights.Names(t.Context(), kube.Right{Verb: "delete", Group: "apps", Resource: "deployments"}); err != nil || len(got) > 0 {
		t.Errorf("deployments: %q, %v", got, err)
	}
	if want := []string{"rules in shop", "rules in default"}; !slices.Equal(asked, want) {
		t.Errorf("asked %q, want %q", asked, want)
	}
}
