package funcs_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/funcstest"
)

// writes makes an executor that writes to both streams, byte by byte, and returns
// err.
func writes(stdout, stderr string, err error) funcstest.Exec {
	return func(_ context.Context, o funcs.ExecOptions) error {
		for i := range len(stdout) {
			if _, err := io.WriteString(o.Stdout, stdout[i:i+1]); err != nil {
				return err
			}
		}
		if _, err := io.WriteString(o.Stderr, stderr); err != nil {
			return err
		}
		return err
	}
}

var execArgs = funcs.Args{"namespace": "db", "pod": "pg-0", "container": "pg", "command": []any{"dump", "all"}}

func TestKubeExec(t *testing.T) {
	env, _, log := funcstest.NewEnv()
	var got funcs.ExecOptions
	env.Exec = funcstest.Exec(func(ctx context.Context, o funcs.ExecOptions) error {
		got = o
		return writes("one\ntwo###Phase-output###: {\"key\":\"k\",\"value\":\"a secret\"}\nlast", "oops\nhalf", nil)(ctx, o)
	})
	out, err := funcs.KubeExec().Exec(t.Context(), env, execArgs)
	if err != nil || len(out) != 1 || out["k"] != "a secret" {
		t.Fatalf("outputs %v, error %v", out, err)
	}
	if got.Namespace != "db" || got.Pod != "pg-0" || got.Container != "pg" || !slices.Equal(got.Command, []string{"dump", "all"}) {
		t.Errorf("executed %+v", got)
	}
	s := log.String()
	for _, line := range []string{
		"msg=one pod=pg-0 container=pg", "msg=two pod", "msg=last pod",
		"msg=oops pod=pg-0 container=pg stream=stderr", "msg=half pod",
	} {
		if !strings.Contains(s, line) {
			t.Errorf("no %q in the log:\n%s", line, s)
		}
	}
	if strings.Contains(s, "secret") {
		t.Errorf("the log shows an output:\n%s", s)
	}
}

func TestKubeExecFails(t *testing.T) {
	output := "###Phase-output###: {\"key\":\"k\",\"value\":\"a secret\"}\n"
	for name, c := range map[string]struct {
		exec funcstest.Exec
		want []string
	}{
		"error output": {
			writes(output, "no such table\n", &funcs.ExitError{Code: 7, Stderr: "no such table"}),
			[]string{"pod db/pg-0, container pg: command ended with status 7", "no such table"},
		},
		"no error output": {
			writes(output+"reading\nno such table\n", "", &funcs.ExitError{Code: 7}),
			[]string{"status 7", "the last lines of its output:\n    reading\n    no such table"},
		},
		"connection": {
			writes(output, "", errors.New("connection refused")),
			[]string{"pod db/pg-0, container pg: connection refused"},
		},
		"malformed output": {
			writes("###Phase-output###: {\"key\":\"k\",\"value\":\"a secret\"} and more\n", "", nil),
			[]string{"line 1", "text after the output"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			env, _, _ := funcstest.NewEnv()
			env.Exec = c.exec
			out, err := funcs.KubeExec().Exec(t.Context(), env, execArgs)
			if err == nil || out != nil {
				t.Fatalf("outputs %v, error %v", out, err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error without %q:\n%v", want, err)
				}
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the error shows an output:\n%v", err)
			}
		})
	}
}

// inPieces makes an executor that writes stdout in pieces of that size.
func inPieces(stdout string, size int) funcstest.Exec {
	return func(_ context.Context, o funcs.ExecOptions) error {
		for piece := range slices.Chunk([]byte(stdout), size) {
			if _, err := o.Stdout.Write(piece); err != nil {
				return err
			}
		}
		return nil
	}
}

// TestKubeExecOutputs: outputs arrive whole, however the stream is cut.
func TestKubeExecOutputs(t *testing.T) {
	const marker = "###Phase-output###:"
	big := func(n int) string { return strings.Repeat("x", n) }
	for name, c := range map[string]struct {
		stdout string
		want   funcs.Output
		err    string
	}{
		"none":             {stdout: "only text\n", want: funcs.Output{}},
		"in mid-line":      {stdout: "20% " + marker + ` {"key":"k","value":"v"}` + "\n", want: funcs.Output{"k": "v"}},
		"no line end":      {stdout: marker + `{"key":"k","value":"v"}`, want: funcs.Output{"k": "v"}},
		"CRLF":             {stdout: marker + ` {"key":"k","value":"v"}` + "\r\nbye\r\n", want: funcs.Output{"k": "v"}},
		"the last counts":  {stdout: marker + `{"key":"k","value":"1"}` + "\n" + marker + `{"key":"k","value":"2"}` + "\n", want: funcs.Output{"k": "2"}},
		"empty object":     {stdout: marker + "{}\n", want: funcs.Output{"": ""}},
		"bare marker":      {stdout: marker + "\n", want: funcs.Output{}},
		"unknown member":   {stdout: marker + `{"key":"k","value":"v","unit":"m"}` + "\n", want: funcs.Output{"k": "v"}},
		"300 KB":           {stdout: marker + `{"key":"k","value":"` + big(300_000) + `"}` + "\n", want: funcs.Output{"k": big(300_000)}},
		"10 MB":            {stdout: marker + `{"key":"k","value":"` + big(10_000_000) + `"}` + "\n", want: funcs.Output{"k": big(10_000_000)}},
		"two on one line":  {stdout: marker + "{}" + marker + "{}\n", err: "two outputs on one line"},
		"text behind":      {stdout: "\n" + marker + "{} done\n", err: "line 2 of the command's output: text after the output"},
		"no text as value": {stdout: marker + `{"key":"k","value":["a"]}` + "\n", err: "must be a string"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, size := range []int{1, 7, 32 << 10, 1 << 20} {
				if len(c.stdout)/size > 1_000_000 {
					continue
				}
				env, _, _ := funcstest.NewEnv()
				env.Exec = inPieces(c.stdout, size)
				out, err := funcs.KubeExec().Exec(t.Context(), env, execArgs)
				switch {
				case c.err != "" && (err == nil || out != nil || !strings.Contains(err.Error(), c.err) ||
					!strings.Contains(err.Error(), "pod db/pg-0, container pg") || !strings.Contains(err.Error(), "kando output")):
					t.Errorf("in pieces of %d: outputs %v, error %v", size, out, err)
				case c.err == "" && (err != nil || !maps.Equal(out, c.want)):
					t.Errorf("in pieces of %d: %d outputs, error %v", size, len(out), err)
				}
			}
		})
	}
}

// TestKubeExecAdvice: the error says what has become of the container.
func TestKubeExecAdvice(t *testing.T) {
	pod := func(status corev1.ContainerStatus, containers ...string) *corev1.Pod {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "db", Name: "pg-0"}}
		for _, c := range containers {
			p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: c})
		}
		p.Status.ContainerStatuses = []corev1.ContainerStatus{status}
		return p
	}
	killed := corev1.ContainerStatus{Name: "pg", RestartCount: 1,
		State:                corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
		LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "OOMKilled", ExitCode: 137}}}
	crashed := corev1.ContainerStatus{Name: "pg", State: corev1.ContainerState{
		Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff", Message: "back-off 5m0s"}}}
	lost := errors.New("the connection to the container ended")
	for name, c := range map[string]struct {
		pods      []runtime.Object
		container string
		err       error
		want      []string
	}{
		"no pod":          {nil, "pg", lost, []string{"container ended", "there is no such pod (any more)", "to go on: ", "kubectl get pods -n db"}},
		"restarted":       {[]runtime.Object{pod(killed, "pg")}, "pg", lost, []string{"the container pg runs, and was started again 1 times, the last time after OOMKilled (status 137)"}},
		"killed":          {[]runtime.Object{pod(killed, "pg")}, "", &funcs.ExitError{Code: 137}, []string{"the command was killed: the container pg runs"}},
		"crashing":        {[]runtime.Object{pod(crashed, "pg")}, "pg", lost, []string{"the container pg waits: CrashLoopBackOff: back-off 5m0s", "kubectl describe pod -n db pg-0"}},
		"which container": {[]runtime.Object{pod(killed, "pg", "proxy")}, "", lost, []string{"the pod has several containers, name one of them: pg, proxy"}},
		"no such one":     {[]runtime.Object{pod(killed, "pg", "proxy")}, "app", lost, []string{"the pod has no container of that name; it has pg, proxy"}},
		"no such program": {nil, "pg", &funcs.ExitError{Code: 127, Stderr: "not found"}, []string{"status 127", "to go on: check that the container has the program"}},
		"not started": {[]runtime.Object{pod(killed, "pg")}, "pg",
			errors.New(`OCI runtime exec failed: exec failed: unable to start container process: exec: "pg_dmup": executable file not found in $PATH`),
			[]string{"pg_dmup", "to go on: check that the container has the program"}},
		"no program":        {nil, "pg", &funcs.ExitError{Code: 126}, []string{"status 126", "to go on: check that what the command names is a program"}},
		"nothing to advise": {nil, "pg", &funcs.ExitError{Code: 1, Stderr: "no such table"}, []string{"no such table"}},
	} {
		t.Run(name, func(t *testing.T) {
			env, _, _ := funcstest.NewEnv(c.pods...)
			env.Exec = writes("", "", c.err)
			args := maps.Clone(execArgs)
			args["container"] = c.container
			_, err := funcs.KubeExec().Exec(t.Context(), env, args)
			if !errors.Is(err, c.err) {
				t.Fatalf("error %v", err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error without %q:\n%v", want, err)
				}
			}
		})
	}
}

func TestKubeExecCancelled(t *testing.T) {
	env, _, _ := funcstest.NewEnv()
	ctx, cancel := context.WithCancel(t.Context())
	env.Exec = funcstest.Exec(func(ctx context.Context, o funcs.ExecOptions) error {
		cancel()
		return writes("reading page 5\n", "", ctx.Err())(ctx, o)
	})
	_, err := funcs.KubeExec().Exec(ctx, env, execArgs)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "    reading page 5") || !strings.Contains(err.Error(), "may still run") {
		t.Errorf("error %v", err)
	}
}
