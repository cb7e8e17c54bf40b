//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/yaml"

	"github.com/rescuecue/rescue/funcs"
)

// A restricted caller may do what rescue rbac has printed for a blueprint, and no more.
type restricted struct {
	t         *testing.T
	env       *funcs.Env
	rescue    string
	dir       string
	blueprint string
}

// restrict makes the roles of a blueprint, and an account that has them.
func restrict(t *testing.T, env *funcs.Env, rescue, blueprint string, flags ...string) *restricted {
	t.Helper()
	r := &restricted{t: t, env: env, rescue: rescue, dir: t.TempDir(), blueprint: blueprint}
	createAccount(t, env, "limited")
	args := append([]string{"rbac", blueprint, "--namespace", env.Namespace, "--service-account", env.Namespace + "/limited", "--name", env.Namespace}, flags...)
	cmd := exec.CommandContext(t.Context(), rescue, args...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, said.String())
	}
	r.apply(out)
	r.writeConfig(accountConfig(t, env, "limited"))
	return r
}

// apply creates the roles and bindings.
func (r *restricted) apply(src []byte) {
	r.t.Helper()
	for doc := range strings.SplitSeq(string(src), "\n---\n") {
		var kind metav1.TypeMeta
		if err := yaml.Unmarshal([]byte(doc), &kind); err != nil {
			r.t.Fatalf("%v\n%s", err, doc)
		}
		if err := r.create(kind.Kind, []byte(doc)); err != nil {
			r.t.Fatalf("%v\n%s", err, doc)
		}
	}
}

func (r *restricted) create(kind string, doc []byte) error {
	ctx, api := r.t.Context(), r.env.Kube.RbacV1()
	switch kind {
	case "Role":
		return createFrom(doc, func(o *rbacv1.Role) error {
			_, err := api.Roles(o.Namespace).Create(ctx, o, metav1.CreateOptions{})
			return err
		})
	case "RoleBinding":
		return createFrom(doc, func(o *rbacv1.RoleBinding) error {
			_, err := api.RoleBindings(o.Namespace).Create(ctx, o, metav1.CreateOptions{})
			return err
		})
	case "ClusterRole":
		return createFrom(doc, func(o *rbacv1.ClusterRole) error {
			r.t.Cleanup(func() { r.gone(api.ClusterRoles().Delete(context.Background(), o.Name, metav1.DeleteOptions{})) })
			_, err := api.ClusterRoles().Create(ctx, o, metav1.CreateOptions{})
			return err
		})
	case "ClusterRoleBinding":
		return createFrom(doc, func(o *rbacv1.ClusterRoleBinding) error {
			r.t.Cleanup(func() { r.gone(api.ClusterRoleBindings().Delete(context.Background(), o.Name, metav1.DeleteOptions{})) })
			_, err := api.ClusterRoleBindings().Create(ctx, o, metav1.CreateOptions{})
			return err
		})
	}
	return fmt.Errorf("kind %q", kind)
}

func (r *restricted) gone(err error) {
	if err != nil {
		r.t.Error(err)
	}
}

func createFrom[T any](doc []byte, create func(*T) error) error {
	object := new(T)
	if err := yaml.UnmarshalStrict(doc, object); err != nil {
		return err
	}
	return create(object)
}

// writeConfig writes the kubeconfig of the account.
func (r *restricted) writeConfig(config *rest.Config) {
	r.t.Helper()
	c := api.NewConfig()
	c.Clusters["c"] = &api.Cluster{Server: config.Host, CertificateAuthorityData: config.CAData, CertificateAuthority: config.CAFile}
	c.AuthInfos["u"] = &api.AuthInfo{Token: config.BearerToken}
	c.Contexts["x"] = &api.Context{Cluster: "c", AuthInfo: "u", Namespace: r.env.Namespace}
	c.CurrentContext = "x"
	if err := clientcmd.WriteToFile(*c, r.kubeconfig()); err != nil {
		r.t.Fatal(err)
	}
}

func (r *restricted) kubeconfig() string { return filepath.Join(r.dir, "kubeconfig") }

// runDocument is what the test reads of a run's document.
type runDocument struct {
	Run, State string
	Errors     []string
	Phases     []struct{ Name, State, Error string }
}

// run runs an action as the account. API servers need a moment to know new roles: the
// account waits for that first, by asking what it may do.
func (r *restricted) run(action string, flags ...string) (runDocument, string) {
	r.t.Helper()
	args := append([]string{"run", action, "-b", r.blueprint, "--kubeconfig", r.kubeconfig(), "--state-dir", r.dir, "-o", "json"}, flags...)
	cmd := exec.CommandContext(r.t.Context(), r.rescue, args...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	var doc runDocument
	if jsonErr := json.Unmarshal(out, &doc); jsonErr != nil {
		r.t.Fatalf("%v: %v\n%s", args, err, said.String())
	}
	return doc, said.String()
}

// complete runs an action, which must succeed. Nothing that it does may be refused.
func (r *restricted) complete(action string, flags ...string) runDocument {
	r.t.Helper()
	doc, said := r.run(action, flags...)
	if doc.State != "complete" {
		r.t.Fatalf("%s: %s: %q\n%s", action, doc.State, doc.Errors, said)
	}
	if strings.Contains(said, "forbidden") {
		r.t.Errorf("%s was refused something:\n%s", action, said)
	}
	return doc
}

// TestRestrictedFunctions runs blueprints of most cluster functions with just the roles
// that rescue rbac prints, without the optional permissions.
func TestRestrictedFunctions(t *testing.T) {
	t.Parallel()
	rescue := buildRescue(t)
	t.Run("cluster", func(t *testing.T) {
		t.Parallel()
		env, _ := newEnv(t)
		runDeployment(t, env)
		r := restrict(t, env, rescue, "testdata/rbac/cluster", "--optional", "none")
		r.await(t)
		r.complete("all", "--deployment", env.Namespace+"/app", "--option", "image="+image())
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
		r.complete("all", "--deployment", c.Namespace+"/app", "--profile", profile, "--option", "tools="+toolsImage(),
			"--option", "class="+c.snapshot.Name, "--option", "storage="+c.storage.Name)
	})
}

// TestRestrictedLacks: without a permission that is needed the run fails, so the tests
// beside this one can fail.
func TestRestrictedLacks(t *testing.T) {
	t.Parallel()
	env, _ := newEnv(t)
	runDeployment(t, env)
	r := restrict(t, env, buildRescue(t), "testdata/rbac/cluster", "--optional", "none")
	r.await(t)
	roles := env.Kube.RbacV1().Roles(env.Namespace)
	role, err := roles.Get(t.Context(), env.Namespace, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	role.Rules = dropResource(role.Rules, "pods/exec")
	if _, err := roles.Update(t.Context(), role, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"create", "get"} {
		r.awaitRight(aRight{"", "pods/exec", verb}, false)
	}
	doc, said := r.run("all", "--deployment", env.Namespace+"/app", "--option", "image="+image())
	if doc.State != "failed" || !strings.Contains(strings.Join(doc.Errors, "\n"), "forbidden") {
		t.Errorf("%s: %q\n%s", doc.State, doc.Errors, said)
	}
}

func dropResource(rules []rbacv1.PolicyRule, resource string) []rbacv1.PolicyRule {
	var kept []rbacv1.PolicyRule
	for _, r := range rules {
		if r.Resources[0] != resource {
			kept = append(kept, r)
		}
	}
	return kept
}

// await waits until the API server knows the account's roles: until the last of them
// allows what it says.
func (r *restricted) await(t *testing.T) {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", r.kubeconfig())
	if err != nil {
		t.Fatal(err)
	}
	roles, err := r.env.Kube.RbacV1().Roles(r.env.Namespace).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, role := range roles.Items {
		for _, rule := range role.Rules {
			awaitAllowed(t, config, r.env.Namespace, rule)
		}
	}
	for _, rule := range r.clusterRules() {
		awaitAllowed(t, config, "", rule)
	}
}

// clusterRules are those of the account's ClusterRole, if there is one.
func (r *restricted) clusterRules() []rbacv1.PolicyRule {
	r.t.Helper()
	role, err := r.env.Kube.RbacV1().ClusterRoles().Get(r.t.Context(), r.env.Namespace, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		r.t.Fatal(err)
	}
	return role.Rules
}

// runDeployment makes a Deployment app with one pod and a volume, and waits for the pod.
func runDeployment(t *testing.T, env *funcs.Env) {
	t.Helper()
	src, err := os.ReadFile("testdata/rbac/app.yaml")
	if err != nil {
		t.Fatal(err)
	}
	apply(t, env, strings.NewReplacer("IMAGE", toolsImage(), "NAMESPACE", env.Namespace).Replace(string(src)))
	err = wait.PollUntilContextTimeout(t.Context(), 200*time.Millisecond, 3*time.Minute, true, func(ctx context.Context) (bool, error) {
		pods, err := env.Kube.CoreV1().Pods(env.Namespace).List(ctx, metav1.ListOptions{})
		return err == nil && len(pods.Items) == 1 && pods.Items[0].Status.Phase == corev1.PodRunning, nil
	})
	if err != nil {
		t.Fatalf("the application does not run: %v", err)
	}
}
