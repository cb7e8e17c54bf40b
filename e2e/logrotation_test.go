//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rescuecue/rescue/funcs"
)

const (
	// rotatedLines are 60 MB: the kubelet rotates a log at 10 MiB, looking every ten
	// seconds.
	rotatedLines = 480_000
	rotatedText  = "a row of the dump that nobody reads, which is wide enough that sixty megabytes of it are not too many of them, by and large"
	longValue    = 3 << 20
)

// rotatedScript writes an output of megabytes, numbered lines with another one in
// the middle of them, and one at the end. Each name of an output begins with prefix.
func rotatedScript(prefix string) string {
	long := func(key, fill string) string {
		return fmt.Sprintf(`printf '###Phase-output###: {"key":"%s%s","value":"'; head -c %d /dev/zero | tr '\0' %s; echo '"}'`, prefix, key, longValue, fill)
	}
	rows := func(from, to int) string {
		return fmt.Sprintf(`awk 'BEGIN { for (i = %d; i <= %d; i++) printf "row %%d %s\n", i }'`, from, to, rotatedText)
	}
	return strings.Join([]string{
		long("early", "e"), rows(1, rotatedLines/2), long("middle", "m"), rows(rotatedLines/2+1, rotatedLines), long("late", "l"),
		fmt.Sprintf(`echo '###Phase-output###: {"key":"%slast","value":"the end"}'`, prefix),
	}, "\n")
}

func rotatedOutputs() funcs.Output {
	return funcs.Output{
		"early": strings.Repeat("e", longValue), "middle": strings.Repeat("m", longValue), "late": strings.Repeat("l", longValue),
		"last": "the end",
	}
}

// A rowCounter is a log handler that checks the numbered lines of a container: each
// comes once, whole and in order.
type rowCounter struct {
	mu    sync.Mutex
	seen  map[string]int // rows by container
	wrong []string
}

func (*rowCounter) Enabled(context.Context, slog.Level) bool { return true }
func (c *rowCounter) WithAttrs([]slog.Attr) slog.Handler     { return c }
func (c *rowCounter) WithGroup(string) slog.Handler          { return c }

func (c *rowCounter) Handle(_ context.Context, r slog.Record) error {
	container := ""
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "container" {
			container = a.Value.String()
		}
		return true
	})
	if container == "" || r.Level != slog.LevelInfo {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if want := fmt.Sprintf("row %d %s", c.seen[container]+1, rotatedText); r.Message != want {
		c.wrong = append(c.wrong, fmt.Sprintf("%s: after %d rows came %.80q", container, c.seen[container], r.Message))
	}
	c.seen[container]++
	return nil
}

// check fails the test if a row of one of the containers is missing, doubled, broken
// or out of order.
func (c *rowCounter) check(t *testing.T, containers ...string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, wrong := range c.wrong[:min(len(c.wrong), 5)] {
		t.Error(wrong)
	}
	want := map[string]int{}
	for _, name := range containers {
		want[name] = rotatedLines
	}
	if !maps.Equal(c.seen, want) {
		t.Errorf("rows %v, want %v", c.seen, want)
	}
}

// reset begins anew.
func (c *rowCounter) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen, c.wrong = map[string]int{}, nil
}

func (c *rowCounter) outputs(t *testing.T, got funcs.Output) {
	t.Helper()
	for key, value := range rotatedOutputs() {
		if got[key] != value {
			t.Errorf("output %s has %d bytes instead of %d", key, len(fmt.Sprint(got[key])), len(value.(string)))
		}
	}
	if len(got) != len(rotatedOutputs()) {
		t.Errorf("%d outputs", len(got))
	}
}

// countRows makes the environment's log count rows.
func countRows(t *testing.T) (*funcs.Env, *rowCounter) {
	env, _ := newEnv(t)
	rows := &rowCounter{seen: map[string]int{}}
	env.Log = slog.New(rows)
	return env, rows
}

// TestLogRotation: the log of a task is rotated while the task writes it.
func TestLogRotation(t *testing.T) {
	env, rows := countRows(t)
	out := rotated(t, rows, funcs.KubeTask(), env, funcs.Args{"image": image(), "command": sh(rotatedScript(""))})
	rows.outputs(t, out)
	rows.check(t, "container")
	noPodsIn(t, env)
}

// TestLogRotationOfTwo: so are the logs of two containers of a pod.
func TestLogRotationOfTwo(t *testing.T) {
	env, rows := countRows(t)
	out := rotated(t, rows, funcs.MultiContainerRun(), env, funcs.Args{
		"backgroundImage": image(), "backgroundCommand": sh(rotatedScript("not-read-")),
		"outputImage": image(), "outputCommand": sh(rotatedScript("")),
	})
	rows.outputs(t, out)
	rows.check(t, "background", "output")
	noPodsIn(t, env)
}

// rotated runs the function. A node without a processor to spare may rotate a log twice
// in a moment; no reader of the API can tell then whether a file was between the two, and
// the phase must say so. Such a run is made again.
func rotated(t *testing.T, rows *rowCounter, f funcs.Func, env *funcs.Env, args funcs.Args) funcs.Output {
	t.Helper()
	for try := 1; ; try++ {
		out, err := run(t, rotationTime(t), f, env, args)
		if err == nil {
			return out
		}
		if try == 3 || !strings.Contains(err.Error(), "the node rotated the log before all of it was read") {
			t.Fatal(err)
		}
		t.Logf("try %d: %.200s", try, err)
		rows.reset()
	}
}

// rotationTime bounds a phase that writes so much: on a busy machine the kubelet
// passes on a megabyte a second.
func rotationTime(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	t.Cleanup(cancel)
	return ctx
}
