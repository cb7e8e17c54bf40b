//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/kube"
	"github.com/rescuecue/rescue/interp"
	interprun "github.com/rescuecue/rescue/interp/run"
)

// The canaries: whoever finds one outside of Secrets has found a leak.
const (
	canaryPassword = `canary-pass$$word-$(HOME)-'"1`
	canaryKey      = "-----BEGIN KEY-----\ncanary0MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwgg\ncanary1SjAgEAAoIBAQDA9V5oRW3pzz3E4kcOYeFSgDa1\n-----END KEY-----\n"
	canaryOption   = "canary-option-5e1f"
)

// canarySecret makes the Secret that the blueprints below read.
func canarySecret(t *testing.T, env *funcs.Env) {
	t.Helper()
	_, err := env.Kube.CoreV1().Secrets(env.Namespace).Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "db"},
		StringData: map[string]string{"password": canaryPassword, "key": canaryKey},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

// everything notes all that is created or changed in a namespace, but Secrets.
type everything struct {
	mu      sync.Mutex
	objects bytes.Buffer
	secrets []*corev1.Secret
	done    sync.WaitGroup
}

// watchAll follows the namespace from now on until stop is called.
func watchAll(t *testing.T, env *funcs.Env) (all *everything, stop func()) {
	t.Helper()
	all = &everything{}
	core, everythingSince := env.Kube.CoreV1(), metav1.ListOptions{}
	var watches []watch.Interface
	for _, open := range []func(context.Context, metav1.ListOptions) (watch.Interface, error){
		core.Pods(env.Namespace).Watch, core.Events(env.Namespace).Watch, core.ConfigMaps(env.Namespace).Watch, core.Secrets(env.Namespace).Watch,
	} {
		w, err := open(t.Context(), everythingSince)
		if err != nil {
			t.Fatal(err)
		}
		watches = append(watches, w)
		all.done.Go(func() { all.follow(w) })
	}
	return all, func() {
		for _, w := range watches {
			w.Stop()
		}
		all.done.Wait()
	}
}

func (e *everything) follow(w watch.Interface) {
	for event := range w.ResultChan() {
		e.mu.Lock()
		if s, ok := event.Object.(*corev1.Secret); ok {
			if event.Type == watch.Added && s.Name != "db" {
				e.secrets = append(e.secrets, s)
			}
		} else if src, err := json.Marshal(event.Object); err == nil {
			e.objects.Write(append(src, '\n'))
		}
		e.mu.Unlock()
	}
}

// leaks are the canaries in a text, as they are or in base64.
func leaks(text string) []string {
	var found []string
	for _, canary := range []string{"canary", base64.StdEncoding.EncodeToString([]byte("canary"))} {
		if i := strings.Index(text, canary); i >= 0 {
			found = append(found, text[max(0, i-60):min(len(text), i+60)])
		}
	}
	return found
}

// runAction runs the action of a blueprint's text as `rescue run` does, and returns all
// that was written.
func runAction(t *testing.T, env *funcs.Env, name, src string, log *logBuffer) (*interprun.Result, string, error) {
	t.Helper()
	b, err := interp.LoadSource(name, []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	g := kube.Gatherer{Kube: env.Kube, Dynamic: env.Dynamic}
	params, err := g.Gather(t.Context(), kube.Wanted{
		Target:  kube.Target{Kind: "Namespace", Namespace: env.Namespace, Name: env.Namespace},
		Secrets: map[string]compat.NamespacedName{"db": {Namespace: env.Namespace, Name: "db"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	params.Options = map[string]string{"token": canaryOption}
	plan, err := b.Plan("backup", params)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	journal, err := interprun.OpenJournal(dir, "secrets")
	if err != nil {
		t.Fatal(err)
	}
	defer journal.Close()
	own := *env
	own.Log = slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var mu sync.Mutex
	var events bytes.Buffer
	result, err := interprun.Run(inTime(t), interprun.Options{
		ID: "20261122-010203-abcde", Plan: plan, Params: params, Registry: funcs.Builtin(), Env: &own, Render: compat.Engine{}.Render,
		Objects: kube.Objects{Kube: env.Kube}, Journal: journal, Secrets: []string{canaryOption},
		Request: func(mask func(string) string) (json.RawMessage, error) { return json.Marshal(mask(canaryOption)) },
		OnEvent: func(e interprun.Event) {
			mu.Lock()
			defer mu.Unlock()
			if err := json.NewEncoder(&events).Encode(e); err != nil {
				t.Error(err)
			}
		},
	})
	doc, jsonErr := json.Marshal(result.Redacted())
	if jsonErr != nil {
		t.Fatal(jsonErr)
	}
	written := log.String() + events.String() + string(doc) + journalText(t, filepath.Join(dir, "secrets.jsonl"))
	if err != nil {
		written += err.Error()
	}
	return result, written, err
}

// secretBlueprint hands secrets to pods in commands, in podOverride, and in shells' own
// brackets. The script tells whether it got them whole by their digests.
const secretBlueprint = `package b
import "github.com/rescuecue/rescue/schema"
blueprint: schema.#Blueprint & {name: "secrets", actions: backup: {
	kind: "Namespace"
	input: _
	phases: {
		task: {
			func: "KubeTask"
			args: {
				image: "IMAGE"
				command: ["sh", "-c", #"""
					set -eu
					digest=$(printf %s "$1" | sha256sum | cut -c1-64)
					echo "the password is $1, in base64 $(printf %s "$1" | base64), and the pid is not $$(x)"
					echo "the key is"; echo "$2"
					echo "$1" | cut -c1-12 >/dev/null
					printf '###Phase-output###: {"key":"password","value":"%s"}\n' "$digest"
					printf '###Phase-output###: {"key":"key","value":"%s"}\n' "$(printf %s "$2" | sha256sum | cut -c1-64)"
					printf '###Phase-output###: {"key":"env","value":"%s"}\n' "$(printf %s "$TOKEN" | sha256sum | cut -c1-64)"
					printf '###Phase-output###: {"key":"shell","value":"%s"}\n' "$(printf %s '\#(input.options.token)' | sha256sum | cut -c1-64)"
					"""#, "sh", input.secrets.db.data.password, input.secrets.db.data.key]
				podOverride: containers: [{name: "container", env: [{name: "TOKEN", value: "t:\(input.options.token)"}]}]
			}
			output: {password: string, key: string, env: string, shell: string}
		}
		two: {
			func: "MultiContainerRun"
			args: {
				initImage: "IMAGE", initCommand: ["sh", "-c", "echo init '\(input.secrets.db.data.key)'"]
				backgroundImage: "IMAGE", backgroundCommand: ["sh", "-c", "echo background '\(input.options.token)'"]
				outputImage: "IMAGE", outputCommand: ["sh", "-c", "echo output '\(input.options.token)'"]
			}
		}
		fails: {func: "KubeTask", args: {image: "IMAGE", command: ["sh", "-c", "echo cannot log in with '\(input.options.token)' >&2; exit 3"]}}
	}
}}
`

// TestSecretsReachPodsByReference: what is secret stands in no object but Secrets, in no
// log, event, result or journal; the script gets it whole; and nothing is left.
func TestSecretsReachPodsByReference(t *testing.T) {
	t.Parallel()
	env, log := newEnv(t)
	canarySecret(t, env)
	all, stop := watchAll(t, env)
	result, written, err := runAction(t, env, "b.cue", strings.ReplaceAll(secretBlueprint, "IMAGE", image()), log)
	if err == nil || !strings.Contains(err.Error(), "cannot log in with ***") {
		t.Errorf("error %v", err)
	}
	want := map[string]any{
		"password": sha([]byte(canaryPassword)), "key": sha([]byte(canaryKey)),
		"env": sha([]byte("t:" + canaryOption)), "shell": sha([]byte(canaryOption)),
	}
	for key, digest := range want {
		if got := result.Phases[0].Output[key]; got != digest {
			t.Errorf("the script got another %s: digest %v, want %v", key, got, digest)
		}
	}
	noPodsIn(t, env)
	noSecretsLeft(t, env)
	stop()
	for _, found := range leaks(written) {
		t.Errorf("a secret was written: …%s…", found)
	}
	all.mu.Lock()
	defer all.mu.Unlock()
	for _, found := range leaks(all.objects.String()) {
		t.Errorf("a secret stands in an object of the cluster: …%s…", found)
	}
	if !strings.Contains(all.objects.String(), "$(RESCUE_SECRET_1)") {
		t.Error("no pod was seen that reads a secret by reference")
	}
	if len(all.secrets) != 3 {
		t.Errorf("%d Secrets were made for 3 pods", len(all.secrets))
	}
	for _, s := range all.secrets {
		if s.Labels[interprun.Label] != "20261122-010203-abcde" {
			t.Errorf("Secret %s lacks the labels of the run: %v", s.Name, s.Labels)
		}
	}
}

// noSecretsLeft checks that only the test's own Secret is there.
func noSecretsLeft(t *testing.T, env *funcs.Env) {
	t.Helper()
	list, err := env.Kube.CoreV1().Secrets(env.Namespace).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list.Items {
		if s.Name != "db" {
			t.Errorf("Secret %s is left", s.Name)
		}
	}
}

// TestSecretBelongsToItsPod: the cluster itself removes the Secret with the pod, when
// nobody else does.
func TestSecretBelongsToItsPod(t *testing.T) {
	t.Parallel()
	env, _ := newEnv(t)
	finder := interprun.NewRedactor()
	finder.Add(canaryOption)
	env.Secrets = finder
	ctx, cancel := context.WithCancel(inTime(t))
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := funcs.KubeTask().Exec(ctx, env, funcs.Args{"image": image(), "command": []any{"sh", "-c", "echo " + canaryOption + "; sleep 600"}})
		ended <- err
	}()
	w, err := env.Kube.CoreV1().Secrets(env.Namespace).Watch(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	for event := range w.ResultChan() {
		s, ok := event.Object.(*corev1.Secret)
		if ok && len(s.OwnerReferences) == 1 && s.OwnerReferences[0].Kind == "Pod" {
			break
		}
	}
	if ctx.Err() != nil {
		t.Fatal("no Secret with a pod as its owner appeared")
	}
	cancel()
	if err := <-ended; err == nil {
		t.Error("the phase went on")
	}
	noPodsIn(t, env)
	noSecretsLeft(t, env)
}

// journalText reads the journal.
func journalText(t *testing.T, path string) string {
	t.Helper()
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(src)
}
