package schema

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A cueUser is somebody with the stock cue command, a registry and a module.
type cueUser struct {
	t   *testing.T
	cue string
	dir string
	env []string
}

// run returns what the command writes, and whether it succeeds.
func (u *cueUser) run(args ...string) (string, bool) {
	u.t.Helper()
	cmd := exec.Command(u.cue, args...)
	cmd.Dir, cmd.Env = u.dir, u.env
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}

func (u *cueUser) must(args ...string) {
	u.t.Helper()
	if out, ok := u.run(args...); !ok {
		u.t.Fatalf("cue %s:\n%s", strings.Join(args, " "), out)
	}
}

// refused demands that the command fails and names the mistake and its file.
func (u *cueUser) refused(mistake, file string, args ...string) {
	u.t.Helper()
	if out, ok := u.run(args...); ok || !strings.Contains(out, mistake) || !strings.Contains(out, file) {
		u.t.Errorf("cue %s: ok is %v, want %q in %s:\n%s", strings.Join(args, " "), ok, mistake, file, out)
	}
}

func (u *cueUser) write(name, text string) {
	u.t.Helper()
	write(u.t, filepath.Join(u.dir, name), text)
}

// newCueUser publishes the module to a registry of this test's own.
func newCueUser(t *testing.T, version string) *cueUser {
	t.Helper()
	dir := t.TempDir()
	cue, err := cueCommand()
	if err != nil {
		t.Fatal(err)
	}
	user := &cueUser{t: t, cue: cue, dir: filepath.Join(dir, "module")}
	user.env = append(os.Environ(), "CUE="+cue, "CUE_CACHE_DIR="+filepath.Join(dir, "cache"), "CUE_REGISTRY="+registry(t, cue)+"+insecure")
	publish := exec.Command("../deploy/cue-module/publish.sh", version)
	publish.Env = user.env
	if out, err := publish.CombinedOutput(); err != nil {
		t.Fatalf("publish.sh: %v\n%s", err, out)
	}
	// The module cache is read-only.
	t.Cleanup(func() {
		if err := exec.Command("chmod", "-R", "u+w", dir).Run(); err != nil {
			t.Error(err)
		}
	})
	return user
}

// registry starts an OCI registry, and returns its address.
func registry(t *testing.T, cue string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, cue, "mod", "registry", "127.0.0.1:0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // It has been killed.
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	_, address, ok := strings.Cut(strings.TrimSpace(line), "listening on ")
	if err != nil || !ok {
		t.Fatalf("the registry says %q, %v", line, err)
	}
	return address
}

const userBlueprint = `package shop

import "github.com/rescuecue/rescue/schema"

blueprint: schema.#Blueprint & {
	name: "shop"
	actions: backup: phases: dump: {
		func: "KubeTask"
		args: {namespace: "shop", image: "postgres:17", command: ["pg_dump"]}
	}
}
`

const userYAML = `apiVersion: cr.kanister.io/v1alpha1
kind: Blueprint
metadata:
  name: shop
actions:
  backup:
    phases:
    - func: KubeTask
      name: dump
      args:
        namespace: shop
        image: postgres:17
        command: [pg_dump]
`

// TestPublishedModule: another module depends on a version of the schema from a
// registry, and the stock cue command finds the mistakes.
func TestPublishedModule(t *testing.T) {
	user := newCueUser(t, "v0.1.0")
	user.write("cue.mod/module.cue", "module: \"example.com/shop@v0\"\nlanguage: version: \"v0.17.0\"\n")
	user.write("shop.cue", userBlueprint)
	user.write("blueprint.yaml", userYAML)
	user.must("mod", "get", Module+"@v0.1.0")
	user.must("mod", "tidy", "--check")

	native := []string{"vet", "-c=false", "."}
	user.must(native...)
	user.write("shop.cue", strings.Replace(userBlueprint, "image:", "imge:", 1))
	user.refused("imge", "./shop.cue:9", native...)

	legacy := []string{"vet", "-c", "-d", "#Blueprint", Module + "/schema/kanister@v0.1.0", "blueprint.yaml"}
	user.must(legacy...)
	user.write("blueprint.yaml", strings.Replace(userYAML, "KubeTask", "KubeTsk", 1))
	user.refused(`"KubeTsk"`, "./blueprint.yaml:8", legacy...)

	// YAML alone needs no module.
	if err := os.RemoveAll(filepath.Join(user.dir, "cue.mod")); err != nil {
		t.Fatal(err)
	}
	user.refused(`"KubeTsk"`, "./blueprint.yaml:8", legacy...)
}
