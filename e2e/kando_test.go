//go:build e2e

package e2e

import (
	"strconv"
	"strings"
	"testing"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/store"
)

// memoryLimit of a task is far below the streams that go through kando.
const memoryLimit = "256Mi"

// task runs a script in a pod of the tools image, as blueprints do. The script finds
// the texts as $1, $2 and so on.
func task(t *testing.T, env *funcs.Env, script string, texts ...string) (funcs.Output, error) {
	t.Helper()
	limits := map[string]any{"limits": map[string]any{"memory": memoryLimit}}
	return run(t, t.Context(), funcs.KubeTask(), env, funcs.Args{
		"namespace": env.Namespace, "image": toolsImage(),
		"command":     append([]string{"sh", "-e", "-o", "pipefail", "-c", script, "sh"}, texts...),
		"podOverride": map[string]any{"containers": []any{map[string]any{"name": "container", "resources": limits}}},
	})
}

// render is what a blueprint writes into its scripts.
func render(t *testing.T, env *funcs.Env, template string) string {
	t.Helper()
	text, err := compat.Engine{}.Render(template, env.Params)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// peak prints what `time -v` has noted as the memory of a command. busybox takes the
// kernel's kilobytes for pages: the figure is in quarters of a kilobyte.
const peak = `peak() { sed -n 's/.*Maximum resident set size (kbytes): //p' "$1"; };`

// streamThere pushes 300 MB and pulls them back; $1 is where to. What the push puts
// out is in the output snapshot.
const streamThere = peak + `
head -c 300000000 /dev/urandom > /tmp/data
kando output before "$(sha256sum < /tmp/data)"
cat /tmp/data | time -v kando location push "$1" "$2" --path dumps/big --output-name snapshot - 2> /tmp/push || { cat /tmp/push; exit 1; }
kando output pushPeak "$(peak /tmp/push)"
`

const streamBack = peak + `
time -v kando location pull "$1" "$2" --path dumps/big --kopia-snapshot "$3" - 2> /tmp/pull | sha256sum > /tmp/sum || { cat /tmp/pull; exit 1; }
kando output after "$(cat /tmp/sum)"
kando output pullPeak "$(peak /tmp/pull)"
`

// checkStream compares what came back, and shows the memory that it took.
func checkStream(t *testing.T, there, back funcs.Output) {
	t.Helper()
	if there["before"] == "" || there["before"] != back["after"] {
		t.Errorf("pushed %v, pulled %v", there["before"], back["after"])
	}
	for name, quarters := range map[string]any{"push": there["pushPeak"], "pull": back["pullPeak"]} {
		n, err := strconv.Atoi(strings.TrimSpace(quarters.(string)))
		if err != nil {
			t.Error(err)
		}
		t.Logf("%s of 300 MB: %d MB of memory", name, n/4/1000)
	}
}

func TestKandoObjects(t *testing.T) {
	t.Parallel()
	env, _ := newEnv(t)
	env.Params.Profile = s3Profile(t)
	profile := render(t, env, "{{ toJson .Profile }}")
	there, err := task(t, env, streamThere, "--profile", profile)
	if err != nil {
		t.Fatal(err)
	}
	if there["snapshot"] != nil {
		t.Errorf("an object is no snapshot: %v", there["snapshot"])
	}
	back, err := task(t, env, streamBack, "--profile", profile, "")
	if err != nil {
		t.Fatal(err)
	}
	checkStream(t, there, back)

	_, err = task(t, env, `kando location delete --profile "$1" --path dumps`, profile)
	if err != nil {
		t.Error(err)
	}
	if keys := keysIn(t, env); len(keys) > 0 {
		t.Errorf("after the delete there are %v", keys)
	}
}

// A phase whose script has pipefail fails with kando, and an upload that is broken off
// leaves nothing that looks like a backup.
func TestKandoFails(t *testing.T) {
	t.Parallel()
	env, _ := newEnv(t)
	env.Params.Profile = s3Profile(t)
	profile := render(t, env, "{{ toJson .Profile }}")
	for name, script := range map[string]string{
		"absent":          `kando location pull --profile "$1" --path absent - | cat > /dev/null`,
		"no folder":       `kando location pull --profile "$1" --path absent /nowhere/file`,
		"producer":        `{ echo half; exit 3; } | kando location push --profile "$1" --path half-a-dump -`,
		"output":          `kando output a-b c`,
		"no profile":      `echo x | kando location push --profile null --path x -`,
		"no such command": `kando process server`,
	} {
		if _, err := task(t, env, script, profile); err == nil {
			t.Errorf("%s: the phase succeeded", name)
		} else {
			t.Logf("%s: %v", name, err)
		}
	}
	out, err := task(t, env, `
		mkfifo /tmp/dump
		{ head -c 40000000 /dev/urandom; touch /tmp/sent; sleep 1000; } > /tmp/dump &
		kando location push --profile "$1" --path broken - < /tmp/dump & kando=$!
		until [ -f /tmp/sent ]; do sleep 0.1; done
		kill -TERM $kando
		wait $kando && exit 1
		kando output status $?`, profile)
	if err != nil || out["status"] != "69" {
		t.Errorf("outputs %v, %v", out, err)
	}
	// That the producer failed, kando cannot know.
	if keys := keysIn(t, env); len(keys) != 1 || keys[0] != "half-a-dump" {
		t.Errorf("left in the bucket: %v", keys)
	}
}

// keysIn lists the objects of the profile's bucket.
func keysIn(t *testing.T, env *funcs.Env) []string {
	t.Helper()
	s, err := store.Open(t.Context(), env.Params.Profile)
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	err = s.List(t.Context(), "", func(o store.Object) error {
		keys = append(keys, o.Key)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	return keys
}
