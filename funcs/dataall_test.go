package funcs_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/mover"
	"github.com/rescuecue/rescue/funcs/mover/agent"
)

// movers answer requests to the data mover, and remember them.
type movers struct {
	mu       sync.Mutex
	requests []agent.Request
	pods     []string // where they came in
	answer   func(pod string, req agent.Request) (agent.Result, error)
}

func (m *movers) exec(o funcs.ExecOptions) error {
	var req agent.Request
	if err := json.NewDecoder(o.Stdin).Decode(&req); err != nil {
		return err
	}
	m.mu.Lock()
	m.requests, m.pods = append(m.requests, req), append(m.pods, o.Pod)
	m.mu.Unlock()
	res, err := m.answer(o.Pod, req)
	var line any = map[string]any{"result": res}
	if err != nil {
		line = map[string]any{"error": map[string]any{"code": mover.CodeOf(err), "message": err.Error()}}
	}
	return json.NewEncoder(o.Stdout).Encode(line)
}

// answering gives the environment movers that answer like this.
func (d *dataEnv) answering(answer func(pod string, req agent.Request) (agent.Result, error)) *movers {
	m := &movers{answer: answer}
	d.exec.broken = m.exec
	return m
}

// noted is the answer of a mover that does all it is asked.
func noted(pod string, req agent.Request) (agent.Result, error) {
	switch req.Op {
	case agent.OpBackup:
		return agent.Result{Backup: &mover.BackupResult{SnapshotID: "id-" + pod}}, nil
	case agent.OpRestore:
		return agent.Result{Restore: &mover.RestoreResult{}}, nil
	case agent.OpReclaim:
		return agent.Result{Reclaimed: &mover.ReclaimResult{Freed: 1000}}, nil
	}
	return agent.Result{}, nil
}

// scaled gives the workload n pods, each with a volume.
func (d *dataEnv) scaled(t *testing.T, n int) []string {
	t.Helper()
	w := d.Params.StatefulSet
	w.Pods, w.PersistentVolumeClaims = nil, map[string]map[string]string{}
	for i := range n {
		pod, name := fmt.Sprintf("web-%d", i), fmt.Sprintf("data-web-%d", i)
		w.Pods = append(w.Pods, pod)
		w.PersistentVolumeClaims[pod] = map[string]string{name: "/var/lib/web"}
		if i > 0 {
			if _, err := d.Kube.CoreV1().PersistentVolumeClaims("shop").Create(t.Context(), claim(name), metav1.CreateOptions{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return w.Pods
}

func backupAllArgs(more funcs.Args) funcs.Args {
	return merged(funcs.Args{
		"namespace": "shop", "container": "tools", "includePath": "/var/lib/web",
		"backupArtifactPrefix": "web", "encryptionKey": "canary-key",
	}, more)
}

func restoreAllArgs(info string, more funcs.Args) funcs.Args {
	return merged(funcs.Args{
		"namespace": "shop", "image": "tools:1", "backupArtifactPrefix": "backups/web",
		"backupInfo": info, "encryptionKey": "canary-key",
	}, more)
}

// TestDataOfAllPods goes through a real repository for each pod.
func TestDataOfAllPods(t *testing.T) {
	d := newDataEnv(t)
	pods := d.scaled(t, 2)
	src := sample(t)
	out := run(t, funcs.BackupDataAll(), d, backupAllArgs(funcs.Args{"includePath": src, "encryptionKey": nil}))
	var info map[string]map[string]string
	if err := json.Unmarshal([]byte(out["BackupAllInfo"].(string)), &info); err != nil {
		t.Fatal(err)
	}
	for _, pod := range pods {
		b := info[pod]
		if len(b) != 3 || b["PodName"] != pod || len(b["BackupID"]) != 32 || len(b["BackupTag"]) != 10 {
			t.Errorf("pod %s: %v", pod, b)
		}
		if _, err := os.Stat(filepath.Join(d.Params.Profile.Location.Endpoint, "backups/web", pod, "kopia.repository.f")); err != nil {
			t.Errorf("the repository of %s: %v", pod, err)
		}
	}
	if len(info) != 2 || out["version"] != "v0.0.0" || len(out) != 2 {
		t.Errorf("outputs %v", out)
	}
	target := t.TempDir()
	back := restoreAllArgs(out["BackupAllInfo"].(string), funcs.Args{"restorePath": target, "encryptionKey": nil})
	if out := run(t, funcs.RestoreDataAll(), d, back); len(out) != 0 {
		t.Errorf("outputs %v, want none", out)
	}
	if got, err := os.ReadFile(filepath.Join(target, src, "sub", "b.log")); err != nil || string(got) != "b" {
		t.Errorf("restored %q, %v", got, err)
	}
	drop := funcs.Args{"namespace": "shop", "backupArtifactPrefix": "backups/web", "backupInfo": out["BackupAllInfo"], "reclaimSpace": true}
	freed := run(t, funcs.DeleteDataAll(), d, drop)["spaceFreed"].(string)
	var bytes int
	if _, err := fmt.Sscanf(freed, "%d B", &bytes); err != nil || bytes < 100 {
		t.Errorf("space freed: %q, %v", freed, err)
	}
	// The phase may run a second time, also where nothing is left to delete.
	drop["reclaimSpace"] = false
	if again := run(t, funcs.DeleteDataAll(), d, drop)["spaceFreed"]; again != "0 B" || strings.Count(d.log.String(), "no such snapshot to delete") != 2 {
		t.Errorf("deleted once more: %v, log:\n%s", again, d.log)
	}
	left, err := d.Kube.CoreV1().Pods("shop").List(t.Context(), metav1.ListOptions{})
	if err != nil || len(left.Items) != 0 {
		t.Errorf("%d pods left, %v", len(left.Items), err)
	}
}

func TestBackupDataAllRequests(t *testing.T) {
	d := newDataEnv(t)
	d.scaled(t, 10)
	m := d.answering(noted)
	run(t, funcs.BackupDataAll(), d, backupAllArgs(funcs.Args{"pods": "  web-3\n web-1 web-3 "}))
	got := map[string]string{}
	for i, req := range m.requests {
		got[m.pods[i]] = req.Repository + " " + req.Origin + " " + req.Namespace
	}
	want := map[string]string{"web-1": "backups/web/web-1 data-web-1 shop", "web-3": "backups/web/web-3 data-web-3 shop"}
	if diff := cmp.Diff(want, got); diff != "" || len(m.requests) != 2 {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// TestDataAllAtOnce: eight movers work at once, and never more.
func TestDataAllAtOnce(t *testing.T) {
	const limit = 8
	d := newDataEnv(t)
	d.scaled(t, 2*limit)
	var mu sync.Mutex
	var working, most int
	all := make(chan struct{})
	begin := sync.OnceFunc(func() { close(all) })
	d.answering(func(pod string, req agent.Request) (agent.Result, error) {
		mu.Lock()
		working++
		if most = max(most, working); working == limit {
			// Time for one more to come in, if it may.
			time.AfterFunc(50*time.Millisecond, begin)
		}
		mu.Unlock()
		<-all
		mu.Lock()
		defer mu.Unlock()
		working--
		return noted(pod, req)
	})
	run(t, funcs.BackupDataAll(), d, backupAllArgs(nil))
	if most != limit {
		t.Errorf("%d at once, want %d", most, limit)
	}
}

// TestBackupDataAllReportsAll: no failure hides another, nor what has succeeded.
func TestBackupDataAllReportsAll(t *testing.T) {
	d := newDataEnv(t)
	d.scaled(t, 4)
	d.answering(func(pod string, req agent.Request) (agent.Result, error) {
		if pod == "web-1" || pod == "web-3" {
			return agent.Result{}, &mover.Error{Code: mover.CodeNotFound, Text: "nothing there"}
		}
		return noted(pod, req)
	})
	_, err := funcs.BackupDataAll().Exec(t.Context(), d.Env, backupAllArgs(nil))
	if mover.CodeOf(err) != mover.CodeNotFound {
		t.Fatalf("error %v", err)
	}
	for _, want := range []string{
		"web-1: pod shop/web-1, container tools: nothing there", "web-3: pod shop/web-3, container tools: nothing there",
		"stay in the location: web-0 (id-web-0), web-2 (id-web-2)",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error without %q:\n%v", want, err)
		}
	}
}

// TestDataAllCancelled: the end of the phase is one error, not one for each pod.
func TestDataAllCancelled(t *testing.T) {
	d := newDataEnv(t)
	d.scaled(t, 4)
	ctx, cancel := context.WithCancel(t.Context())
	d.exec.broken = func(o funcs.ExecOptions) error {
		cancel()
		_, err := io.Copy(io.Discard, o.Stdin)
		return errors.Join(ctx.Err(), err)
	}
	_, err := funcs.BackupDataAll().Exec(ctx, d.Env, backupAllArgs(nil))
	if !errors.Is(err, context.Canceled) || strings.Count(err.Error(), "canceled") != 1 {
		t.Errorf("error %v", err)
	}
}

func TestRestoreDataAllPods(t *testing.T) {
	d := newDataEnv(t)
	d.scaled(t, 3)
	m := d.answering(noted)
	info := `{"web-0":{"PodName":"web-0","BackupID":"id-0"},"web-1":{"BackupID":"id-1"},"web-2":{"BackupID":"id-2"}}`
	run(t, funcs.RestoreDataAll(), d, restoreAllArgs(info, funcs.Args{"podLabels": map[string]any{"team": "x"}}))
	got := map[string]string{}
	for i, req := range m.requests {
		for _, pod := range d.pods {
			if pod.Name == m.pods[i] {
				got[pod.Spec.Volumes[0].PersistentVolumeClaim.ClaimName] = req.Repository + " " + req.Snapshot.ID + " " + req.Target +
					" " + pod.Spec.Containers[0].VolumeMounts[0].MountPath + " " + pod.Labels["team"]
			}
		}
	}
	want := map[string]string{
		"data-web-0": "backups/web/web-0 id-0 / /var/lib/web x",
		"data-web-1": "backups/web/web-1 id-1 / /var/lib/web x",
		"data-web-2": "backups/web/web-2 id-2 / /var/lib/web x",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("pods (-want +got):\n%s", diff)
	}
	for _, pod := range d.pods {
		if !strings.HasPrefix(pod.Name, "restore-data-all-") || len(pod.Spec.Volumes) != 1 {
			t.Errorf("pod %s with %d volumes", pod.Name, len(pod.Spec.Volumes))
		}
	}
	run(t, funcs.RestoreDataAll(), d, restoreAllArgs(info, funcs.Args{"pods": "web-2"}))
	if last := m.requests[len(m.requests)-1]; len(m.requests) != 4 || last.Snapshot.ID != "id-2" {
		t.Errorf("%d requests, the last for %s", len(m.requests), last.Snapshot)
	}
}

// TestDataAllMistakes: each is found before any pod is made.
func TestDataAllMistakes(t *testing.T) {
	both := `{"web-0":{"PodName":"web-0","BackupID":"id-0"},"web-1":{"PodName":"web-1","BackupID":"id-1"}}`
	for name, tc := range map[string]struct {
		f      funcs.Func
		args   funcs.Args
		change func(*dataEnv)
		want   string
	}{
		"no workload":         {funcs.BackupDataAll(), backupAllArgs(nil), func(d *dataEnv) { d.Params.StatefulSet = nil }, "name the pods"},
		"no pods":             {funcs.BackupDataAll(), backupAllArgs(nil), func(d *dataEnv) { d.Params.StatefulSet.Pods = nil }, "statefulset shop/web had no running pods"},
		"no name of a pod":    {funcs.BackupDataAll(), backupAllArgs(funcs.Args{"pods": "web-0 ../web-1"}), nil, `"../web-1" is not the name of a pod`},
		"no profile":          {funcs.BackupDataAll(), backupAllArgs(nil), func(d *dataEnv) { d.Params.Profile = nil }, "--profile"},
		"no JSON":             {funcs.RestoreDataAll(), restoreAllArgs("<no value>", nil), nil, "backupInfo must be the BackupAllInfo"},
		"empty":               {funcs.RestoreDataAll(), restoreAllArgs("{}", nil), nil, "names no pods"},
		"null":                {funcs.DeleteDataAll(), funcs.Args{"backupArtifactPrefix": "web", "backupInfo": "null"}, nil, "names no pods"},
		"path as pod":         {funcs.DeleteDataAll(), funcs.Args{"backupArtifactPrefix": "web", "backupInfo": `{"../db":{"BackupID":"x"}}`}, nil, `"../db" is not the name of a pod`},
		"no ID":               {funcs.RestoreDataAll(), restoreAllArgs(`{"web-0":{"PodName":"web-0"}}`, nil), nil, "pod web-0 has no BackupID"},
		"mixed up":            {funcs.RestoreDataAll(), restoreAllArgs(`{"web-0":{"PodName":"web-1","BackupID":"x"}}`, nil), nil, "under web-0 stands the backup of the pod web-1"},
		"pod without backup":  {funcs.RestoreDataAll(), restoreAllArgs(`{"web-0":{"BackupID":"x"}}`, nil), nil, "no backup of web-1: it has those of web-0"},
		"backup without pod":  {funcs.RestoreDataAll(), restoreAllArgs(both, nil), func(d *dataEnv) { d.Params.StatefulSet.Pods = []string{"web-0"} }, "did not run when the action started: web-1"},
		"pod without volumes": {funcs.RestoreDataAll(), restoreAllArgs(both, nil), func(d *dataEnv) { delete(d.Params.StatefulSet.PersistentVolumeClaims, "web-1") }, "pod web-1 of shop/web had no volumes"},
		"no key":              {funcs.RestoreDataAll(), restoreAllArgs(both, funcs.Args{"encryptionKey": nil}), nil, "the repository backups/web/web-1, does not exist"},
		"no key to delete":    {funcs.DeleteDataAll(), funcs.Args{"backupArtifactPrefix": "web", "backupInfo": both}, nil, "the repository backups/web/web-1, does not exist"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDataEnv(t)
			d.scaled(t, 2)
			if tc.change != nil {
				tc.change(d)
			}
			_, err := tc.f.Exec(t.Context(), d.Env, tc.args)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
			if len(d.pods) > 0 || len(d.exec.calls) > 0 {
				t.Errorf("%d pods were made, %d commands run", len(d.pods), len(d.exec.calls))
			}
		})
	}
}

// TestProgressOfAllPods: what is reported is the sum.
func TestProgressOfAllPods(t *testing.T) {
	d := newDataEnv(t)
	d.scaled(t, 3)
	d.exec.broken = func(o funcs.ExecOptions) error {
		_, err := io.WriteString(o.Stdout, `{"progress":{"hashed":1,"uploaded":2,"estimated":5}}
{"progress":{"hashed":3,"uploaded":4,"estimated":5}}
{"result":{"backup":{"snapshotID":"i"}}}
`)
		return err
	}
	var got []funcs.Progress
	d.Progress = func(p funcs.Progress) { got = append(got, p) }
	run(t, funcs.BackupDataAll(), d, backupAllArgs(nil))
	want := funcs.Progress{HashedBytes: 9, UploadedBytes: 12, EstimatedBytes: 15}
	if len(got) != 6 || got[5] != want {
		t.Errorf("progress %+v, want the last to be %+v", got, want)
	}
	if !slices.IsSortedFunc(got, func(a, b funcs.Progress) int { return int(a.HashedBytes - b.HashedBytes) }) {
		t.Errorf("progress goes back: %+v", got)
	}
}
