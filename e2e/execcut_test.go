//go:build e2e

package e2e

import (
	"strings"
	"testing"

	"github.com/rescuecue/rescue/funcs"
)

// TestExecStreamCut: the connection to a command breaks while it works. Nobody knows then
// whether it will succeed, so the phase fails, and says just that.
func TestExecStreamCut(t *testing.T) {
	t.Parallel()
	const long = "echo started; sleep 600"
	for name, c := range map[string]struct {
		f    funcs.Func
		args funcs.Args
	}{
		"one container":   {funcs.KubeExec(), funcs.Args{"pod": "db-0", "container": "a", "command": sh(long)}},
		"without a shell": {funcs.KubeExec(), funcs.Args{"pod": "db-0", "container": "b", "command": []string{"seq", "999999999"}}},
		"all of them":     {funcs.KubeExecAll(), funcs.Args{"pods": "db-0", "containers": "a b", "command": sh(long)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env, log := newEnv(t)
			newPods(t, env, "db-0")
			through, proxy := throughProxy(t, env)
			c.args["namespace"] = env.Namespace
			go func() {
				text := "msg=started"
				if name == "without a shell" {
					text = "msg=1000 "
				}
				if waitForLog(t, log, text) {
					proxy.cut()
				}
			}()
			out, err := run(t, inTime(t), c.f, through, c.args)
			if err == nil || out != nil || inTime(t).Err() != nil {
				t.Fatalf("outputs %v, error %v", out, err)
			}
			t.Log(err)
			for _, want := range []string{"db-0", "connection", "is not known"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error without %q", want)
				}
			}
			c.args["command"] = sh(output("k", "v"))
			if _, err := run(t, inTime(t), c.f, through, c.args); err != nil {
				t.Errorf("the next attempt: %v", err)
			}
		})
	}
}

// TestExecBegunWithoutAPIServer: a command is to begin while the API server is away. It
// cannot have begun, so it begins when the server is back.
func TestExecBegunWithoutAPIServer(t *testing.T) {
	t.Parallel()
	env, log := newEnv(t)
	newPods(t, env, "db-0")
	through, proxy := throughProxy(t, env)
	proxy.stop()
	go func() {
		waitForWaiting(t, log, 1)
		proxy.start()
	}()
	out, err := run(t, inTime(t), funcs.KubeExec(), through, funcs.Args{
		"namespace": env.Namespace, "pod": "db-0", "container": "a", "command": sh(output("k", "v")),
	})
	if err != nil || out["k"] != "v" {
		t.Errorf("outputs %v, error %v", out, err)
	}
}

// TestMoverStreamCut: the connection to the data mover breaks during a backup and during a
// restore. Each says so, leaves nothing, and the next attempt succeeds.
func TestMoverStreamCut(t *testing.T) {
	t.Parallel()
	a, _ := behindProxy(t)
	direct := a.Env
	a.sh(bulk)
	want := a.sh(digest)
	through, proxy := throughProxy(t, direct)
	cutDuring := func(f funcs.Func, args funcs.Args) {
		t.Helper()
		env := *through
		moved := make(chan struct{})
		env.Progress = onceMoved(func() { close(moved) })
		go func() {
			select {
			case <-moved:
				proxy.cut()
			case <-t.Context().Done():
			}
		}()
		_, err := run(t, inTime(t), f, &env, args)
		if err == nil || !strings.Contains(err.Error(), "pod "+direct.Namespace+"/") {
			t.Fatalf("error %v", err)
		}
		t.Log(err)
		if n := podsIn(t, direct); n != 1 {
			t.Errorf("%d pods, expected the application's own", n)
		}
	}
	cutDuring(funcs.BackupData(), a.backup(nil))
	out := a.call(funcs.BackupData(), a.backup(nil))
	restore := a.restore(funcs.Args{"backupIdentifier": out["backupID"]})
	a.sh("rm -rf /data/*")
	cutDuring(funcs.RestoreData(), restore)
	a.call(funcs.RestoreData(), restore)
	if got := a.sh(digest); got != want {
		t.Errorf("after the restore:\n%s\nbefore the backup:\n%s", got, want)
	}
}

// onceMoved calls f when the first 40 MB have moved.
func onceMoved(f func()) func(funcs.Progress) {
	done := false
	return func(p funcs.Progress) {
		if !done && max(p.UploadedBytes, p.RestoredBytes) > 40_000_000 {
			done = true
			f()
		}
	}
}
