package funcs_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

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
