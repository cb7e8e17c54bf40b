package chaos

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/rescuecue/rescue/interp/run"
)

// A strike says when a process is struck, and with what: after it has told of so many
// events, and a pause.
type strike struct {
	signal syscall.Signal
	after  int
	pause  time.Duration
}

// newStrike draws one. Most processes have less events than the most that is drawn:
// these end by themselves.
func (r *round) newStrike() *strike {
	signals := []syscall.Signal{syscall.SIGKILL, syscall.SIGKILL, syscall.SIGINT, syscall.SIGTERM}
	return &strike{
		signal: signals[r.chance.IntN(len(signals))],
		after:  r.chance.IntN(10),
		pause:  time.Duration(r.chance.IntN(150)) * time.Millisecond,
	}
}

// An ending is what came of a process.
type ending struct {
	code   int // -1: it was killed
	result *run.Result
	stderr string
	struck bool
}

// start runs the program with -o json --events to its end, or until it is struck.
func (r *round) start(s *strike, args ...string) ending {
	r.Helper()
	args = append(args, "-o", "json", "--events")
	cmd := exec.CommandContext(r.Context(), r.program, append(args, r.stateFlag()...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		r.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		r.Fatal(err)
	}
	e := r.follow(cmd.Process, bufio.NewReader(out), s)
	err = cmd.Wait()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		r.Fatal(err)
	}
	e.code, e.stderr = cmd.ProcessState.ExitCode(), stderr.String()
	r.Logf("rescue %s: exit %d%s\n%s", strings.Join(args, " "), e.code, s.text(e.struck), e.stderr)
	if strings.Contains(e.stderr, "goroutine ") {
		r.Errorf("it crashed")
	}
	return e
}

func (s *strike) text(struck bool) string {
	if !struck {
		return ""
	}
	return ", after " + s.signal.String()
}

// follow reads the events, and strikes when it is time.
func (r *round) follow(process *os.Process, out *bufio.Reader, s *strike) ending {
	var e ending
	hit := func() {
		time.Sleep(s.pause)
		// One that has just ended cannot be struck.
		e.struck = process.Signal(s.signal) == nil
		if e.struck {
			r.figures.struck.Add(1)
		}
	}
	if s != nil && s.after == 0 {
		hit()
	}
	for n := 1; ; n++ {
		line, err := out.ReadBytes('\n')
		if err != nil {
			return e // It has ended.
		}
		var doc struct {
			Kind   string
			Result *run.Result
		}
		if err := json.Unmarshal(line, &doc); err != nil {
			r.Errorf("line %d of the output is no JSON: %v\n%s", n, err, line)
		}
		if doc.Kind == "result" {
			e.result = doc.Result
		}
		if s != nil && n == s.after {
			hit()
		}
	}
}

// tell runs a command that prints JSON at its end.
func (r *round) tell(into any, args ...string) {
	r.Helper()
	out, err := exec.CommandContext(r.Context(), r.program, append(args, r.stateFlag()...)...).Output()
	if err != nil {
		r.Fatalf("rescue %s: %v", strings.Join(args, " "), err)
	}
	if err := json.Unmarshal(out, into); err != nil {
		r.Fatalf("rescue %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
