package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/rescuecue/rescue/interp/local"
)

var update = flag.Bool("update", false, "write the expected output of the scripts anew")

// TestMain makes the program a command of the scripts. Containers start from the
// running executable, which is then the test binary: it plays all parts.
func TestMain(m *testing.M) {
	local.ContainerMain()
	testscript.Main(m, map[string]func(){
		"rescue": main,
		"kando":  main,
		"exits":  exits,
	})
}

// TestScripts runs the command lines in testdata/script, one behaviour a file. Each
// has the files of testdata/common beside its own, and a state directory, state.
func TestScripts(t *testing.T) {
	refusal := sync.OnceValue(func() string { return localRefusal(t) })
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("RESCUE_STATE_DIR", filepath.Join(env.WorkDir, "state"))
			env.Setenv("REFUSAL", refusal())
			return os.CopyFS(env.WorkDir, os.DirFS("testdata/common"))
		},
		Condition: func(name string) (bool, error) {
			if name != "local" {
				return false, fmt.Errorf("no condition %q", name)
			}
			return refusal() == "", nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"await":    await,
			"setrun":   setRun,
			"waitline": waitLine,
			"plain":    plain,
			"setenv":   setenv,
		},
	})
}

// localRefusal is the reason why this machine runs no containers, or empty.
func localRefusal(t *testing.T) string {
	cluster, err := local.Open(t.TempDir(), local.Options{})
	switch {
	case err == nil:
		if err := cluster.Close(t.Context()); err != nil {
			t.Error(err)
		}
		return ""
	case strings.Contains(err.Error(), "does not let rescue isolate containers"), strings.Contains(err.Error(), "needs Linux"):
		return err.Error()
	}
	t.Error(err)
	return ""
}

// exits is the program `exits CODE COMMAND [ARG…]`: it succeeds if the command ends
// with that code. It hands interrupts on, so that it can stand before a command in
// the background.
func exits() {
	if err := exitsWith(os.Args[1], exec.Command(os.Args[2], os.Args[3:]...)); err != nil {
		fmt.Fprintln(os.Stderr, "exits:", err)
		os.Exit(1)
	}
}

func exitsWith(code string, cmd *exec.Cmd) error {
	want, err := strconv.Atoi(code)
	if err != nil {
		return err
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case s := <-signals:
			if err := cmd.Process.Signal(s); err != nil {
				return err
			}
		case err := <-ended:
			exit := (*exec.ExitError)(nil)
			if err != nil && !errors.As(err, &exit) {
				return err
			}
			if got := cmd.ProcessState.ExitCode(); got != want {
				return fmt.Errorf("exit code %d, expected %d", got, want)
			}
			return nil
		}
	}
}

// patience is how long a script waits for what another process does, on a machine that
// may be slow and busy: it only ends a test that would wait for ever.
const patience = 5 * time.Minute

// await is the script command `await FILE`: it waits until there is such a file.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: await FILE")
	}
	path := ts.MkAbs(args[0])
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(path); err == nil {
			return
		}
	}
	ts.Fatalf("no file %s after %s", args[0], patience)
}

// waitLine is the script command `waitline FILE LINE [COUNT]`: it waits until the file has
// the line as often as that.
func waitLine(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: waitline FILE LINE [COUNT]")
	}
	want := 1
	if len(args) == 3 {
		var err error
		want, err = strconv.Atoi(args[2])
		ts.Check(err)
	}
	path := ts.MkAbs(args[0])
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		// It may not be there yet.
		text, _ := os.ReadFile(path)
		lines := 0
		for line := range strings.Lines(string(text)) {
			if line == args[1]+"\n" {
				lines++
			}
		}
		if lines >= want {
			return
		}
	}
	ts.Fatalf("no line %q in %s after %s", args[1], args[0], patience)
}

// setRun is the script command `setrun NAME FILE STATE [INDEX]`: it sets a variable to the
// run of that state in what `rescue runs -o json` printed.
func setRun(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: setrun NAME FILE STATE [INDEX]")
	}
	var doc struct {
		Runs []struct{ Run, State string }
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[1])), &doc))
	index := 0
	if len(args) == 4 {
		var err error
		index, err = strconv.Atoi(args[3])
		ts.Check(err)
	}
	for _, r := range doc.Runs {
		if r.State == args[2] {
			if index == 0 {
				ts.Setenv(args[0], r.Run)
				return
			}
			index--
		}
	}
	ts.Fatalf("%s: no run is %s", args[1], args[2])
}

// changing is what differs from run to run.
var changing = []struct {
	pattern *regexp.Regexp
	name    string
}{
	{regexp.MustCompile(`\b\d{8}-\d{6}-[a-z0-9]{5}\b`), "RUN"},
	{regexp.MustCompile(`\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`), "TIME"},
	{regexp.MustCompile(`\bkanister-job-[a-z0-9]{5}\b`), "POD"},
}

// plain is the script command `plain FILE`: it prints the file with names in the
// place of what differs from run to run.
func plain(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: plain FILE")
	}
	text := ts.ReadFile(args[0])
	for _, c := range changing {
		text = c.pattern.ReplaceAllString(text, c.name)
	}
	_, err := ts.Stdout().Write([]byte(text))
	ts.Check(err)
}

// setenv is the script command `setenv NAME FILE FIELD`: it sets a variable to a
// top-level field of a JSON document.
func setenv(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: setenv NAME FILE FIELD")
	}
	doc := map[string]any{}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[1])), &doc))
	text, ok := doc[args[2]].(string)
	if !ok {
		ts.Fatalf("%s: no text in field %s", args[1], args[2])
	}
	ts.Setenv(args[0], text)
}
