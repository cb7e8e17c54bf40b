//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/rescuecue/rescue/interp/graph"
)

// A dryResult is what a dry run has printed.
type dryResult struct {
	code int
	doc  graph.Document
	said string
}

// tried makes a dry run as the account.
func (r *restricted) tried(action string, flags ...string) dryResult {
	r.t.Helper()
	args := append([]string{"run", action, "-b", r.blueprint, "--kubeconfig", r.kubeconfig(), "--state-dir", r.dir, "--dry-run", "-o", "json"}, flags...)
	cmd := exec.CommandContext(r.t.Context(), r.rescue, args...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	result := dryResult{said: said.String()}
	if cmd.ProcessState == nil {
		r.t.Fatal(err)
	}
	if result.code = cmd.ProcessState.ExitCode(); result.code == 3 {
		return result // something could not be read
	}
	if jsonErr := json.Unmarshal(out, &result.doc); jsonErr != nil {
		r.t.Fatalf("%v: %v, %v\n%s", args, err, jsonErr, result.said)
	}
	return result
}

// lacking are the phases that lack a right.
func (d dryResult) lacking(group, resource, verb string) []string {
	var phases []string
	for _, p := range d.doc.All() {
		if slices.ContainsFunc(p.MissingRights, func(r graph.Right) bool {
			return r.Group == group && r.Resource == resource && slices.Contains(r.Verbs, verb)
		}) {
			phases = append(phases, p.Name)
		}
	}
	return phases
}

// TestDryRunRights takes away, one after the other, what the roles of rescue rbac allow. A
// dry run must miss just that, or not even come as far. With all of it, it misses nothing.
func TestDryRunRights(t *testing.T) {
	t.Parallel()
	rescue := buildRescue(t)
	t.Run("cluster", func(t *testing.T) {
		t.Parallel()
		env, _ := newEnv(t)
		runDeployment(t, env)
		r := restrict(t, env, rescue, "testdata/rbac/cluster", "--optional", "none")
		r.await(t)
		r.takeAway("all", "--deployment", env.Namespace+"/app", "--option", "image="+image())
	})
	t.Run("volumes", func(t *testing.T) {
		t.Parallel()
		c := newCSI(t)
		runDeployment(t, c.Env)
		r := restrict(t, c.Env, rescue, "testdata/rbac/volumes", "--optional", "none")
		r.await(t)
		profile := filepath.Join(r.dir, "profile.yaml")
		if err := os.WriteFile(profile, []byte(profileYAML(s3Profile(t))), 0o600); err != nil {
			t.Fatal(err)
		}
		r.takeAway("all", "--deployment", c.Namespace+"/app", "--profile", profile, "--option", "tools="+toolsImage(),
			"--option", "class="+c.snapshot.Name, "--option", "storage="+c.storage.Name)
	})
}

func (r *restricted) takeAway(action string, flags ...string) {
	r.t.Helper()
	if all := r.tried(action, flags...); all.code != 0 || strings.Contains(all.said, "may not") {
		r.t.Fatalf("with all rights: exit code %d\n%s", all.code, all.said)
	}
	roles := r.env.Kube.RbacV1().Roles(r.env.Namespace)
	whole, err := roles.Get(r.t.Context(), r.env.Namespace, metav1.GetOptions{})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, right := range rightsOf(whole.Rules) {
		r.setRules(without(whole.Rules, right))
		r.awaitRight(right, false)
		got := r.tried(action, flags...)
		gone := right.Resource + " " + right.Verb
		switch lacking := got.lacking(right.Group, right.Resource, right.Verb); {
		case got.code == 3 && strings.Contains(got.said, "forbidden"):
			// what is read before the plan is there
		case got.code == 0 && (right.Resource == "secrets" || right.Resource == "pods/exec"):
			// no pod of this call has a secret; one of the two verbs is enough
		case got.code != 1 || len(lacking) == 0 || !strings.Contains(got.said, "rescue rbac "+r.absolute()+" --action "+action):
			r.t.Errorf("without %s: exit code %d, missed by %q\n%s", gone, got.code, lacking, got.said)
		}
		r.setRules(whole.Rules)
		r.awaitRight(right, true)
	}
}

func (r *restricted) absolute() string {
	path, err := filepath.Abs(r.blueprint)
	if err != nil {
		r.t.Fatal(err)
	}
	return path
}

// aRight is one verb of a resource.
type aRight struct{ Group, Resource, Verb string }

func rightsOf(rules []rbacv1.PolicyRule) []aRight {
	var all []aRight
	for _, rule := range rules {
		for _, verb := range rule.Verbs {
			if right := (aRight{rule.APIGroups[0], rule.Resources[0], verb}); !slices.Contains(all, right) {
				all = append(all, right)
			}
		}
	}
	return all
}

// without are the rules less a right, whatever the names of the objects.
func without(rules []rbacv1.PolicyRule, right aRight) []rbacv1.PolicyRule {
	var kept []rbacv1.PolicyRule
	for _, rule := range rules {
		rule := *rule.DeepCopy()
		if rule.APIGroups[0] == right.Group && rule.Resources[0] == right.Resource {
			rule.Verbs = slices.DeleteFunc(rule.Verbs, func(verb string) bool { return verb == right.Verb })
		}
		if len(rule.Verbs) > 0 {
			kept = append(kept, rule)
		}
	}
	return kept
}

func (r *restricted) setRules(rules []rbacv1.PolicyRule) {
	r.t.Helper()
	roles := r.env.Kube.RbacV1().Roles(r.env.Namespace)
	role, err := roles.Get(r.t.Context(), r.env.Namespace, metav1.GetOptions{})
	if err == nil {
		role.Rules = rules
		_, err = roles.Update(r.t.Context(), role, metav1.UpdateOptions{})
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// awaitRight waits until the API server knows that the account has a right, for all or some
// objects, or that it has not.
func (r *restricted) awaitRight(right aRight, want bool) {
	r.t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", r.kubeconfig())
	if err != nil {
		r.t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		r.t.Fatal(err)
	}
	review := &authorizationv1.SelfSubjectRulesReview{Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: r.env.Namespace}}
	err = eventually(r.t, "the API server knows the role", func(ctx context.Context) (bool, error) {
		answer, err := client.AuthorizationV1().SelfSubjectRulesReviews().Create(ctx, review, metav1.CreateOptions{})
		if err != nil {
			return false, err
		}
		has := slices.ContainsFunc(answer.Status.ResourceRules, func(rule authorizationv1.ResourceRule) bool {
			return slices.Contains(rule.APIGroups, right.Group) && slices.Contains(rule.Resources, right.Resource) && slices.Contains(rule.Verbs, right.Verb)
		})
		return has == want, nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
}
