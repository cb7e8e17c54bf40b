package funcs_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/hashicorp/go-multierror"

	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/funcstest"
)

func execAllArgs(pods, containers string) funcs.Args {
	return funcs.Args{"namespace": "db", "pods": pods, "containers": containers, "command": []any{"flush", "now"}}
}

// where is the container of a command, as in the order of the arguments.
func where(o funcs.ExecOptions) string { return o.Pod + "/" + o.Container }

func outputLine(key, value string) string {
	return fmt.Sprintf("###Phase-output###: {\"key\":%q,\"value\":%q}\n", key, value)
}

func TestKubeExecAll(t *testing.T) {
	env, _, log := funcstest.NewEnv()
	var mu sync.Mutex
	var ran []string
	env.Exec = funcstest.Exec(func(ctx context.Context, o funcs.ExecOptions) error {
		mu.Lock()
		ran = append(ran, where(o))
		mu.Unlock()
		if o.Namespace != "db" || !slices.Equal(o.Command, []string{"flush", "now"}) {
			t.Errorf("executed %+v", o)
		}
		// No line end: outputs of two containers must not run together.
		out := outputLine("of_"+o.Pod+"_"+o.Container, "a secret") + outputLine("same", "a secret") + outputLine("last", where(o))
		return writes("flushed\n"+strings.TrimSuffix(out, "\n"), "careful\n", nil)(ctx, o)
	})
	out, err := funcs.KubeExecAll().Exec(t.Context(), env, execAllArgs(" pg-1\tpg-0\n", "app  proxy "))
	if err != nil {
		t.Fatal(err)
	}
	want := funcs.Output{"same": "a secret", "last": "pg-0/proxy", "of_pg-1_app": "a secret", "of_pg-1_proxy": "a secret",
		"of_pg-0_app": "a secret", "of_pg-0_proxy": "a secret"}
	if !maps.Equal(out, want) {
		t.Errorf("outputs %v", out)
	}
	if slices.Sort(ran); !slices.Equal(ran, []string{"pg-0/app", "pg-0/proxy", "pg-1/app", "pg-1/proxy"}) {
		t.Errorf("ran in %v", ran)
	}
	s := log.String()
	for _, line := range []string{"msg=flushed pod=pg-1 container=proxy", "msg=careful pod=pg-0 container=app stream=stderr",
		`the later one counts" key=last first="pod db/pg-0, container app" later="pod db/pg-0, container proxy"`} {
		if !strings.Contains(s, line) {
			t.Errorf("no %q in the log:\n%s", line, s)
		}
	}
	if strings.Contains(s, "secret") || strings.Contains(s, "key=same") {
		t.Errorf("the log shows an output, or complains about equal ones:\n%s", s)
	}
}

func TestKubeExecAllNothing(t *testing.T) {
	for name, args := range map[string]funcs.Args{
		"no pods":       execAllArgs(" ", "app"),
		"no containers": execAllArgs("pg-0", ""),
	} {
		t.Run(name, func(t *testing.T) {
			env, _, log := funcstest.NewEnv()
			out, err := funcs.KubeExecAll().Exec(t.Context(), env, args)
			if err != nil || len(out) != 0 || !strings.Contains(log.String(), "no command was run") {
				t.Errorf("outputs %v, error %v, log:\n%s", out, err, log)
			}
		})
	}
}

// TestKubeExecAllFails: each failure is told, in the order of the arguments.
func TestKubeExecAllFails(t *testing.T) {
	env, _, _ := funcstest.NewEnv()
	fails := map[string]error{
		"pg-1/app":   &funcs.ExitError{Code: 7, Stderr: "no such table"},
		"pg-0/proxy": errors.New("connection refused"),
	}
	env.Exec = funcstest.Exec(func(ctx context.Context, o funcs.ExecOptions) error {
		out := outputLine("k", "a secret")
		if where(o) == "pg-2/app" {
			out = strings.TrimSuffix(out, "\n") + " and more\n"
		}
		return writes("working on "+o.Pod+"\n"+out, "", fails[where(o)])(ctx, o)
	})
	out, err := funcs.KubeExecAll().Exec(t.Context(), env, execAllArgs("pg-0 pg-1 pg-2", "app proxy"))
	var all *multierror.Error
	if !errors.As(err, &all) || len(all.Errors) != 3 || out != nil {
		t.Fatalf("outputs %v, error %v", out, err)
	}
	rest := err.Error()
	for _, want := range []string{
		"failed in 3 of 6 containers:",
		"\n  * pod db/pg-0, container proxy: connection refused; the last lines of its output:\n        working on pg-0",
		"\n  * pod db/pg-1, container app: command ended with status 7", "no such table",
		"\n  * pod db/pg-2, container app: line 2 of the command's output: text after the output",
	} {
		_, after, found := strings.Cut(rest, want)
		if !found {
			t.Fatalf("error without %q, or in another place:\n%v", want, err)
		}
		rest = after
	}
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("the error shows an output:\n%v", err)
	}
	var exit *funcs.ExitError
	if !errors.As(err, &exit) || exit.Code != 7 {
		t.Error("the status cannot be found in the error")
	}
}

// TestKubeExecAllMany: many commands run at once, but not all.
func TestKubeExecAllMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, _, _ := funcstest.NewEnv()
		var started atomic.Int32
		release := make(chan struct{})
		env.Exec = funcstest.Exec(func(ctx context.Context, o funcs.ExecOptions) error {
			started.Add(1)
			<-release
			return writes(outputLine(o.Pod, "v"), "", nil)(ctx, o)
		})
		var pods []string
		for i := range 500 {
			pods = append(pods, "p"+strconv.Itoa(i))
		}
		go func() {
			synctest.Wait() // until nothing more can start
			if n := started.Load(); n != 64 {
				t.Errorf("%d commands at once", n)
			}
			close(release)
		}()
		out, err := funcs.KubeExecAll().Exec(t.Context(), env, execAllArgs(strings.Join(pods, " "), "c"))
		if err != nil || len(out) != 500 {
			t.Errorf("%d outputs, error %v", len(out), err)
		}
	})
}

// TestKubeExecAllCancelled: what runs is stopped, what has not started never is, and
// a failure from before is still told.
func TestKubeExecAllCancelled(t *testing.T) {
	env, _, _ := funcstest.NewEnv()
	ctx, cancel := context.WithCancel(t.Context())
	var mu sync.Mutex
	started := 0
	env.Exec = funcstest.Exec(func(ctx context.Context, o funcs.ExecOptions) error {
		if o.Pod == "p0" {
			return &funcs.ExitError{Code: 7}
		}
		mu.Lock()
		if started++; started == 3 {
			cancel()
		}
		mu.Unlock()
		<-ctx.Done()
		return ctx.Err()
	})
	var pods []string
	for i := range 200 {
		pods = append(pods, "p"+strconv.Itoa(i))
	}
	// p0 comes first and alone, so that its failure is from before the cancel.
	_, first := funcs.KubeExecAll().Exec(ctx, env, execAllArgs("p0", "c"))
	if first == nil || !strings.HasPrefix(first.Error(), "pod db/p0, container c: command ended with status 7") {
		t.Errorf("error %v", first)
	}
	out, err := funcs.KubeExecAll().Exec(ctx, env, execAllArgs(strings.Join(pods[1:], " "), "c"))
	if !errors.Is(err, context.Canceled) || out != nil || started > 64 {
		t.Errorf("outputs %v, %d commands started, error %v", out, started, err)
	}
	if want := "the command had not ended in 199 of 199 containers, and may still run there (pod db/p1, container c, "; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("error %v", err)
	}
}
