package local

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/kube"
)

func execOutput(t *testing.T, env *funcs.Env, pod string, command ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	err := env.Exec.Exec(deadline(t), funcs.ExecOptions{Namespace: "default", Pod: pod, Command: command, Stdout: &out, Stderr: &errs})
	if err != nil {
		t.Fatalf("%v: %s", err, errs.String())
	}
	return out.String()
}

func sleeper(t *testing.T, env *funcs.Env, name string, edits ...func(*corev1.Pod)) {
	t.Helper()
	createPod(t, env, podWith(name, "exec sleep infinity", edits...))
	awaitPod(t, env, "default", name, running)
}

func TestExec(t *testing.T) {
	_, env := openCluster(t, t.TempDir())
	sleeper(t, env, "p", func(p *corev1.Pod) {
		p.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "GREETING", Value: "hi"}}
		p.Spec.Containers[0].WorkingDir = "/var/lib/not/there"
	})
	tests := []struct {
		name    string
		script  string
		stdin   string
		out     string
		code    int
		problem string
	}{
		{name: "output", script: "echo $GREETING; pwd; hostname", out: "hi\n/var/lib/not/there\np\n"},
		{name: "stdin", script: "tr a-z A-Z", stdin: "shout", out: "SHOUT"},
		{name: "unread stdin", script: "exit 0", stdin: strings.Repeat("x", 1<<20)},
		{name: "exit status", script: "echo broken >&2; exit 3", code: 3, problem: "broken"},
		{name: "background", script: "sleep 1000 & echo done", out: "done\n"},
		{name: "own programs", script: "command -v rescue; command -v kando", out: binDir + "/rescue\n" + binDir + "/kando\n"},
		{name: "sees the container's processes", script: "until pgrep -x sleep >/dev/null; do :; done; ls /proc | grep -cx 1", out: "1\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			opts := funcs.ExecOptions{Namespace: "default", Pod: "p", Container: "main", Command: []string{"sh", "-c", tt.script}, Stdout: &out, Stderr: &errs}
			if tt.stdin != "" {
				opts.Stdin = strings.NewReader(tt.stdin)
			}
			err := env.Exec.Exec(deadline(t), opts)
			var exit *funcs.ExitError
			if errors.As(err, &exit) {
				err = nil
				if exit.Code != tt.code || !strings.Contains(exit.Stderr, tt.problem) {
					t.Errorf("%+v", exit)
				}
			} else if tt.code != 0 {
				t.Errorf("status 0 instead of %d", tt.code)
			}
			if err != nil || out.String() != tt.out {
				t.Errorf("out %q, err %q, %v", out.String(), errs.String(), err)
			}
		})
	}
}

// TestExecWaitsForOutput: what a command has left running may hold its output open. As on
// a cluster, only that of a shell is not waited for once it pauses.
func TestExecWaitsForOutput(t *testing.T) {
	_, env := openCluster(t, t.TempDir())
	sleeper(t, env, "p")
	late := fmt.Sprintf("(sleep %g; echo late) & echo early", 2*kube.IdleOutput.Seconds())
	for name, tt := range map[string]struct {
		command []string
		limit   time.Duration
		out     string
		err     error
	}{
		"shell":          {[]string{"sh", "-c", late}, time.Minute, "early\n", nil},
		"program":        {[]string{"env", "sh", "-c", late}, time.Minute, "early\nlate\n", nil},
		"program, ended": {[]string{"env", "sh", "-c", "sleep 1000 & echo early"}, time.Second, "early\n", context.DeadlineExceeded},
		"program, busy":  {[]string{"env", "sh", "-c", "yes > /dev/stderr & echo early"}, time.Second, "early\n", context.DeadlineExceeded},
		"detached":       {[]string{"env", "sh", "-c", "sleep 1000 >/dev/null 2>&1 & echo early"}, time.Minute, "early\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(deadline(t), tt.limit)
			defer cancel()
			var out bytes.Buffer
			err := env.Exec.Exec(ctx, funcs.ExecOptions{Namespace: "default", Pod: "p", Command: tt.command, Stdout: &out})
			if !errors.Is(err, tt.err) || out.String() != tt.out {
				t.Errorf("output %q, error %v", out.String(), err)
			}
		})
	}
}

func TestExecFailsClearly(t *testing.T) {
	_, env := openCluster(t, t.TempDir())
	sleeper(t, env, "p")
	createPod(t, env, podWith("over", "true"))
	awaitPod(t, env, "default", "over", ended)
	tests := []struct {
		name, pod, container string
		command              []string
		want                 string
	}{
		{"no pod", "q", "", []string{"true"}, `pods "q" not found`},
		{"no container", "p", "side", []string{"true"}, "container side is not valid for pod p"},
		{"no program", "p", "", []string{"no-such-program"}, "executable file not found in $PATH"},
		{"no command", "p", "", nil, "no command"},
		{"ended", "over", "", []string{"true"}, "pod default/over is not running: its phase is Succeeded"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := env.Exec.Exec(deadline(t), funcs.ExecOptions{Namespace: "default", Pod: tt.pod, Container: tt.container, Command: tt.command})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestExecMovesMegabytes(t *testing.T) {
	_, env := openCluster(t, t.TempDir())
	sleeper(t, env, "p")
	const size = 32 << 20
	sent, got := sha256.New(), sha256.New()
	source := io.TeeReader(io.LimitReader(rand.NewChaCha8([32]byte{1}), size), sent)
	counted := &countingWriter{w: got}
	err := env.Exec.Exec(deadline(t), funcs.ExecOptions{Namespace: "default", Pod: "p", Command: []string{"cat"}, Stdin: source, Stdout: counted})
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprintf("%x", sent.Sum(nil)) != fmt.Sprintf("%x", got.Sum(nil)) || counted.n != size {
		t.Errorf("%d bytes came back, not the same", counted.n)
	}
}

type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return c.w.Write(p)
}

func TestCancelledExecKillsItsCommand(t *testing.T) {
	_, env := openCluster(t, t.TempDir())
	sleeper(t, env, "p")
	ctx, cancel := context.WithCancel(deadline(t))
	out := &cancelOnOutput{cancel: cancel}
	err := env.Exec.Exec(ctx, funcs.ExecOptions{Namespace: "default", Pod: "p", Command: []string{"sh", "-c", "echo up; sleep 4242 & wait"}, Stdout: out})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if left := execOutput(t, env, "p", "sh", "-c", "pgrep -f '[s]leep 4242' || echo none"); left != "none\n" {
		t.Errorf("processes left: %q", left)
	}
}

type cancelOnOutput struct{ cancel context.CancelFunc }

func (c *cancelOnOutput) Write(p []byte) (int, error) {
	c.cancel()
	return len(p), nil
}
