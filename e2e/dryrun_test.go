//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/kube"
	"github.com/rescuecue/rescue/interp/graph"
)

const dryRunBlueprint = `package dry

import "github.com/rescuecue/rescue/schema"

blueprint: schema.#Blueprint & {
	name: "dry"
	actions: walk: {
		kind:  "Namespace"
		input: _
		phases: task: {
			func: "KubeTask"
			args: {
				namespace: input.namespace.name
				image:     input.options.image
				command: ["sh", "-c", "true"]
			}
		}
	}
}
`

// TestDryRun: what the API server would refuse is shown before anything runs, and nothing
// is made.
func TestDryRun(t *testing.T) {
	t.Parallel()
	program := buildRescue(t)
	for name, c := range map[string]struct {
		forbid func(*testing.T, *funcs.Env)
		rules  []rbacv1.PolicyRule
		want   string
	}{
		"nothing is wrong": {nil, mayMakePods, ""},
		"a right is missing": {nil, []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"get", "list", "watch", "delete"}},
			{APIGroups: []string{""}, Resources: []string{"pods/log"}, Verbs: []string{"get"}}},
			"may not create pods in namespace"},
		"the quota is used up": {useUpQuota, mayMakePods, "exceeded quota: full"},
		"admission refuses":    {refuseAdmission, mayMakePods, "no pods of rescue here"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env, _ := newEnv(t)
			rules := append(c.rules, rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"namespaces"}, Verbs: []string{"get"}})
			r := &restricted{t: t, env: env, rescue: program, dir: t.TempDir()}
			config := newAccount(t, env, rules)
			r.writeConfig(config)
			if c.forbid != nil {
				c.forbid(t, env)
				awaitRefused(t, env, c.want)
			}
			r.dryRun(c.want)
			noPodsIn(t, env)
		})
	}
}

var mayMakePods = []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"create", "get", "list", "watch", "delete"}},
	{APIGroups: []string{""}, Resources: []string{"pods/log"}, Verbs: []string{"get"}}}

// useUpQuota leaves no room for a pod.
func useUpQuota(t *testing.T, env *funcs.Env) {
	quotas := env.Kube.CoreV1().ResourceQuotas(env.Namespace)
	quota := &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: "full"},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("0")}},
	}
	if _, err := quotas.Create(t.Context(), quota, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// refuseAdmission has a policy refuse the pods that rescue makes in the namespace.
func refuseAdmission(t *testing.T, env *funcs.Env) {
	name, api := env.Namespace, env.Kube.AdmissionregistrationV1()
	here := &admissionv1.MatchResources{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: env.Namespace}}}
	_, err := api.ValidatingAdmissionPolicies().Create(t.Context(), &admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{RuleWithOperations: admissionv1.RuleWithOperations{
				Operations: []admissionv1.OperationType{admissionv1.Create},
				Rule:       admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
			}}}},
			Validations: []admissionv1.Validation{{Expression: "false", Message: "no pods of rescue here"}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	cleanUp(t, env, admissionPolicies("validatingadmissionpolicies"), "", name)
	binding := &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: name, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny}, MatchResources: here,
		},
	}
	if _, err := api.ValidatingAdmissionPolicyBindings().Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	cleanUp(t, env, admissionPolicies("validatingadmissionpolicybindings"), "", name)
}

func admissionPolicies(resource string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: admissionv1.GroupName, Version: "v1", Resource: resource}
}

// awaitRefused waits until the API server refuses a pod for that reason: it learns of policies
// and quotas a moment after they are made, and refuses by a quota that it has not counted yet.
func awaitRefused(t *testing.T, env *funcs.Env, why string) {
	t.Helper()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "probe"}, Spec: kube.SingleContainer(image(), sh("true"), "")}
	err := eventually(t, "the cluster refuses pods", func(ctx context.Context) (bool, error) {
		_, err := env.Kube.CoreV1().Pods(env.Namespace).Create(ctx, pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return err != nil && strings.Contains(err.Error(), why), nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// dryRun runs the blueprint dry, as the account. The cluster must refuse its pod with what
// is wanted, or not at all.
func (r *restricted) dryRun(want string) {
	r.t.Helper()
	path := filepath.Join(r.dir, "dry.cue")
	if err := os.WriteFile(path, []byte(dryRunBlueprint), 0o600); err != nil {
		r.t.Fatal(err)
	}
	cmd := exec.CommandContext(r.t.Context(), r.rescue, "run", "walk", "-b", path, "--namespace", r.env.Namespace,
		"--option", "image="+image(), "--kubeconfig", r.kubeconfig(), "--state-dir", r.dir, "--dry-run", "-o", "json")
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	r.t.Logf("%v: %s", err, said.String())
	var doc graph.Document
	if jsonErr := json.Unmarshal(out, &doc); jsonErr != nil || len(doc.Phases) != 1 {
		r.t.Fatalf("%v, %v\n%s", err, jsonErr, out)
	}
	refused := doc.Phases[0].Refused
	for _, right := range doc.Phases[0].MissingRights {
		refused += "may not " + right.String()
	}
	code := cmd.ProcessState.ExitCode()
	if want == "" && (refused != "" || code != 0) {
		r.t.Errorf("refused: %q, exit code %d", refused, code)
	}
	if want != "" && (!strings.Contains(refused, want) || !strings.Contains(said.String(), want) || code != 1) {
		r.t.Errorf("refused: %q, exit code %d, want %q and 1", refused, code, want)
	}
}
