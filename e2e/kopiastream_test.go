//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rescuecue/rescue/compat"
	runs "github.com/rescuecue/rescue/interp/run"
)

// kopiaProfileYAML is a profile of the type kopia for the server's user shop, with the
// Secrets of deploy/repository-server.
func kopiaProfileYAML(namespace string, server *compat.RepositoryServer) string {
	return fmt.Sprintf(`apiVersion: cr.kanister.io/v1alpha1
kind: Profile
metadata: {name: kopia, namespace: %[1]s}
location: {type: kopia, endpoint: %[2]q}
credential:
  type: kopia
  kopiaServerSecret:
    username: %[3]s
    hostname: shop
    userPassphrase: {key: shop, secret: {name: repository-server-users, namespace: %[1]s}}
    tlsCert: {key: tls.crt, secret: {name: repository-server-tls, namespace: %[1]s}}
`, namespace, server.Address, server.Username)
}

// TestKopiaStream runs a blueprint in the manner of Kanister's newer examples, through
// the program that users run: streams become snapshots that the artifacts name.
func TestKopiaStream(t *testing.T) {
	t.Parallel()
	env, _ := newEnv(t)
	server := newRepositoryServer(t, env)
	rescue, dir := buildRescue(t), t.TempDir()
	profile := filepath.Join(dir, "profile.yaml")
	if err := os.WriteFile(profile, []byte(kopiaProfileYAML(env.Namespace, server)), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(action string, more ...string) (outcome, error) {
		t.Helper()
		var out, talk bytes.Buffer
		cmd := exec.CommandContext(t.Context(), rescue, append([]string{
			"run", action, "-b", "testdata/kopiastream.yaml", "-o", "json", "--namespace", env.Namespace,
			"--profile", profile, "--repository-server", env.Namespace + "/" + server.Name,
			"--option", "image=" + toolsImage(), "--work-namespace", env.Namespace, "--state-dir", dir,
		}, more...)...)
		cmd.Stdout, cmd.Stderr = &out, &talk
		o := outcome{raw: out.String()}
		err := cmd.Run()
		if o.raw = out.String(); err != nil {
			return o, fmt.Errorf("%w\n%s", err, talk.String())
		}
		if err := json.Unmarshal(out.Bytes(), &o.Result); err != nil {
			t.Fatalf("%s printed no JSON: %v\n%s", action, err, o.raw)
		}
		if o.State != runs.Complete {
			t.Fatalf("%s: %s", action, o.State)
		}
		for _, secret := range []string{"SHOP-PASSWORD", "REPOSITORY-PASSWORD"} {
			if bytes.Contains(out.Bytes(), []byte(secret)) || bytes.Contains(talk.Bytes(), []byte(secret)) {
				t.Errorf("%s shows %s", action, secret)
			}
		}
		return o, nil
	}
	backup, err := run("backup")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("artifacts %+v", backup.Artifacts)
	artifacts := filepath.Join(dir, "backup.json")
	if err := os.WriteFile(artifacts, []byte(backup.raw), 0o600); err != nil {
		t.Fatal(err)
	}
	restore, err := run("restore", "--artifacts", artifacts)
	if err != nil {
		t.Fatal(err)
	}
	want := backup.Artifacts["dump"].KeyValue["sum"]
	for _, phase := range []string{"restoreFromStore", "restoreFromServer"} {
		if got := restore.phase(phase).Output["sum"]; got != want || want == "" {
			t.Errorf("%s: %v, expected %q", phase, got, want)
		}
	}
	if _, err := run("delete", "--artifacts", artifacts); err != nil {
		t.Fatal(err)
	}
	if _, err := run("restore", "--artifacts", artifacts); err == nil {
		t.Error("what was deleted was restored")
	} else {
		t.Log(err)
	}
}
