package main

import (
	"errors"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/kube"
	"github.com/rescuecue/rescue/interp/graph"
	"github.com/rescuecue/rescue/interp/run"
)

// allowing is an API server that allows what may says, and knows the caller as a service
// account. named are the Secrets that may be read by their names.
func allowing(may func(*authorizationv1.ResourceAttributes) bool, named ...string) *fake.Clientset {
	client := fake.NewClientset()
	answer := func(resource string, answer func(runtime.Object)) {
		client.PrependReactor("create", resource, func(action clienttesting.Action) (bool, runtime.Object, error) {
			object := action.(clienttesting.CreateAction).GetObject().DeepCopyObject()
			answer(object)
			return true, object, nil
		})
	}
	answer("selfsubjectaccessreviews", func(o runtime.Object) {
		review := o.(*authorizationv1.SelfSubjectAccessReview)
		review.Status.Allowed = may(review.Spec.ResourceAttributes)
	})
	answer("selfsubjectrulesreviews", func(o runtime.Object) {
		if len(named) > 0 {
			o.(*authorizationv1.SelfSubjectRulesReview).Status.ResourceRules = []authorizationv1.ResourceRule{
				{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: named}}
		}
	})
	answer("selfsubjectreviews", func(o runtime.Object) {
		o.(*authenticationv1.SelfSubjectReview).Status.UserInfo.Username = "system:serviceaccount:backup:rescue"
	})
	return client
}

// on is a trial of phases on the Deployment shop/cart.
func on(client *fake.Clientset, phases ...graph.Phase) *trial {
	t := &task{found: "-", spec: compat.ActionSpec{Name: "backup", Object: compat.ObjectReference{Kind: "deployment", Namespace: "shop", Name: "cart"}}}
	t.opts = run.Options{
		Env:    &funcs.Env{Kube: client, Namespace: "backup"},
		Params: &compat.Params{Deployment: &compat.Workload{Name: "cart", Namespace: "shop"}},
	}
	return &trial{task: t, doc: &graph.Document{Kind: "Deployment", Phases: phases}, rights: kube.NewRights(client)}
}

func everything(*authorizationv1.ResourceAttributes) bool { return true }

func nothing(*authorizationv1.ResourceAttributes) bool { return false }

// TestDryRunRights: what is missing, and what is only known in the run.
func TestDryRunRights(t *testing.T) {
	scale := graph.Phase{Name: "stop", Func: "ScaleWorkload", Args: map[string]any{"replicas": 0}}
	elsewhere := graph.Phase{
		Name: "stop", Func: "ScaleWorkload", Args: map[string]any{"replicas": 0, "namespace": "<ns of phase a>"},
		Unknown: []graph.Unknown{{At: "namespace", From: []string{"<ns of phase a>"}}},
	}
	object := graph.Phase{
		Name: "make", Func: "KubeOps", Args: map[string]any{"operation": "create", "spec": "<spec of phase a>"},
		Unknown: []graph.Unknown{{At: "spec", From: []string{"<spec of phase a>"}}},
	}
	exec := graph.Phase{Name: "quiesce", Func: "KubeExec", Args: map[string]any{"namespace": "shop", "pod": "cart-0"}}
	check := graph.Phase{Name: "check", Func: "CheckRepository", Args: map[string]any{"backupArtifactPrefix": "b"}}
	for name, c := range map[string]struct {
		phase            graph.Phase
		client           *fake.Clientset
		missing, notSure string
	}{
		"all are there": {scale, allowing(everything), "", ""},
		"none is there": {scale, allowing(nothing), "get/watch pods in namespace shop|get/patch/watch deployments.apps in namespace shop|list pods in namespace shop|list replicasets.apps in namespace shop", ""},
		"one is missing": {scale, allowing(func(a *authorizationv1.ResourceAttributes) bool { return a.Verb != "patch" }),
			"patch deployments.apps in namespace shop", ""},
		"the namespace is not known, and all are there": {elsewhere, allowing(func(a *authorizationv1.ResourceAttributes) bool { return a.Namespace == "" }), "", ""},
		"the namespace is not known": {elsewhere, allowing(func(a *authorizationv1.ResourceAttributes) bool { return a.Verb != "patch" }),
			"", "only the run knows the namespace (<ns of phase a>) in which it needs the right to patch deployments"},
		"the object is not known":  {object, allowing(nothing), "", "it needs create/get on what only the run knows"},
		"one of two verbs will do": {exec, allowing(func(a *authorizationv1.ResourceAttributes) bool { return a.Verb == "create" }), "", ""},
		"neither of two verbs":     {exec, allowing(nothing), "create/get pods/exec in namespace shop", ""},
		"only for some names": {check, allowing(func(a *authorizationv1.ResourceAttributes) bool { return a.Resource != "secrets" }, "key"),
			"", "the account may get secrets in namespace backup, but only those named key"},
	} {
		t.Run(name, func(t *testing.T) {
			tr := on(c.client)
			p := c.phase
			if err := tr.tryRights(t.Context(), &p); err != nil {
				t.Fatal(err)
			}
			var missing []string
			for _, r := range p.MissingRights {
				missing = append(missing, r.String())
			}
			if got := strings.Join(missing, "|"); got != c.missing || len(tr.errs) != len(missing) {
				t.Errorf("missing: %s\nwant:    %s\nerrors: %v", got, c.missing, tr.errs)
			}
			notSure := strings.Join(p.NotSure, "|")
			if c.notSure == "" && notSure != "" || !strings.Contains(notSure, c.notSure) {
				t.Errorf("not sure: %s\nwant:     %s", notSure, c.notSure)
			}
		})
	}
}

// TestDryRunRemedy: the last line is the command that gives the rights.
func TestDryRunRemedy(t *testing.T) {
	tr := on(allowing(nothing), graph.Phase{Name: "stop", Func: "ScaleWorkload", Args: map[string]any{"replicas": 0}})
	tr.spec.Secrets = map[string]compat.ObjectReference{"db": {Namespace: "shop", Name: "it's"}}
	c := &call{runFlags: &runFlags{profile: "backup/s3"}}
	if err := tr.remedy(t.Context(), c); err != nil {
		t.Errorf("nothing is missing: %v", err)
	}
	if err := tr.tryRights(t.Context(), &tr.doc.Phases[0]); err != nil {
		t.Fatal(err)
	}
	const want = `to give the rights, as who may: rescue rbac BLUEPRINT --action backup --work-namespace backup --namespace shop ` +
		`--profile backup/s3 --secret 'db=shop/it'\''s' --service-account backup/rescue | kubectl apply -f -`
	if err := tr.remedy(t.Context(), c); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// TestDryRunJudge: what is in doubt, or may come by an earlier phase, is no reason to refuse.
func TestDryRunJudge(t *testing.T) {
	scale := graph.Phase{Name: "start", Func: "ScaleWorkload"}
	makes := graph.Phase{Name: "start", Func: "KubeTask"}
	exec := graph.Phase{Name: "ask", Func: "KubeExec", After: []string{"start"}}
	waits := graph.Phase{Name: "ask", Func: "WaitV2", After: []string{"start"}}
	missing := errors.New("pod shop/cart-0 is not there")
	for name, c := range map[string]struct {
		before, phase graph.Phase
		err           error
		refused       bool
	}{
		"in doubt":                   {scale, waits, funcs.Doubt("it is not there now"), false},
		"a pod that scaling brings":  {scale, exec, missing, false},
		"no pod":                     {graph.Phase{Name: "start", Func: "KubeExec"}, exec, missing, true},
		"no object":                  {scale, waits, missing, true},
		"an object that may be made": {makes, waits, missing, false},
	} {
		t.Run(name, func(t *testing.T) {
			tr := on(fake.NewClientset(), c.before, c.phase)
			p := &tr.doc.Phases[1]
			tr.judge(p, "what it does", c.err)
			if refused := p.Refused != ""; refused != c.refused || refused == (len(p.NotSure) > 0) || refused != (len(tr.errs) > 0) {
				t.Errorf("refused: %q, not sure: %q, errors: %v", p.Refused, p.NotSure, tr.errs)
			}
		})
	}
}
