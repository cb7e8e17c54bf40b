package client

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	utilexec "k8s.io/client-go/util/exec"

	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/kube"
)

// feed passes text through a filter in pieces, and returns the filter and the output.
func feed(t testing.TB, tr *trailer, text string, size int) (*trailerFilter, string) {
	t.Helper()
	var out bytes.Buffer
	f := tr.filter(&out)
	w := seal(f)
	for piece := range slices.Chunk([]byte(text), size) {
		if _, err := w.Write(piece); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
	return f, out.String()
}

func TestTrailer(t *testing.T) {
	for name, c := range map[string]struct {
		text   string // %s stands for the mark
		out    string
		seen   bool
		status int
	}{
		"success": {"output\n%s0\x1e", "output\n", true, 0},
		"failure": {"%s137\x1e", "", true, 137},
		"output of a process that was left behind": {"a%s0\x1eb", "ab", true, 0},
		"cut off":               {"output\n", "output\n", false, 0},
		"cut off in the status": {"output\n%s1", "output\n%s1", false, 0},
		"the mark's first byte": {"a\x1eb\x1e%s0\x1e", "a\x1eb\x1e", true, 0},
		"nearly the mark":       {"\x1erescue-end-X%s3\x1e", "\x1erescue-end-X", true, 3},
	} {
		t.Run(name, func(t *testing.T) {
			for size := 1; size < 80; size++ {
				tr := newTrailer([]string{"sh"})
				fill := strings.NewReplacer("%s", string(tr.mark))
				f, out := feed(t, tr, fill.Replace(c.text), size)
				if out != fill.Replace(c.out) || f.seen.Load() != c.seen || f.status != c.status {
					t.Fatalf("in pieces of %d: %q, seen %v, status %d", size, out, f.seen.Load(), f.status)
				}
			}
		})
	}
}

// TestTrailerHoldsNothingBack: lines reach the log as they come.
func TestTrailerHoldsNothingBack(t *testing.T) {
	var out bytes.Buffer
	w := newTrailer([]string{"sh"}).filter(&out)
	if _, err := w.Write([]byte("one\n")); err != nil || out.String() != "one\n" {
		t.Errorf("output %q, error %v", out.String(), err)
	}
}

// TestTrailerCommand runs wrapped commands with the shells of this machine.
func TestTrailerCommand(t *testing.T) {
	for _, shell := range []string{"sh", "bash", "dash"} {
		if _, err := exec.LookPath(shell); err != nil {
			t.Logf("%s is not installed here: not tried", shell)
			continue
		}
		for name, c := range map[string]struct {
			command  []string
			out, err string
			status   int
		}{
			"script":    {[]string{shell, "-c", "echo a 'b  c'; echo oops >&2"}, "a b  c\n", "oops\n", 0},
			"arguments": {[]string{shell, "-c", `printf '%s|' "$0" "$@"`, "zero", "one  two", "*", ""}, "zero|one  two|*||", "", 0},
			"options":   {[]string{shell, "-e", "-c", "false; echo never"}, "", "", 1},
			"status":    {[]string{shell, "-c", "echo x; exit 42"}, "x\n", "", 42},
			"no stderr": {[]string{shell, "-c", "exec 2>&-; echo x"}, "x\n", "", 0},
		} {
			t.Run(shell+" "+name, func(t *testing.T) {
				tr := newTrailer(c.command)
				command := tr.command(c.command)
				var stdout, stderr bytes.Buffer
				shell := exec.Command(command[0], command[1:]...)
				shell.Stdout, shell.Stderr = &stdout, &stderr
				err := shell.Run()
				var exit *exec.ExitError
				if err != nil && !errors.As(err, &exit) {
					t.Fatal(err)
				}
				for _, s := range []struct{ raw, want string }{{stdout.String(), c.out}, {stderr.String(), c.err}} {
					if f, got := feed(t, tr, s.raw, 1000); got != s.want || !f.seen.Load() || f.status != c.status {
						t.Errorf("output %q, want %q, seen %v, status %d", got, s.want, f.seen.Load(), f.status)
					}
				}
				if own := exit != nil && exit.ExitCode() == c.status || exit == nil && c.status == 0; !own {
					t.Errorf("the shell itself ended with %v", err)
				}
			})
		}
	}
}

func TestTrailerOtherPrograms(t *testing.T) {
	tr := newTrailer([]string{"/usr/bin/pg_dump", "-c"})
	if tr.expected || !slices.Equal(tr.command([]string{"pg_dump"}), []string{"pg_dump"}) {
		t.Error("a program that is no shell was wrapped")
	}
	if _, out := feed(t, tr, "a\x1erescue", 2); out != "a\x1erescue" {
		t.Errorf("output %q", out)
	}
}

func TestOutcome(t *testing.T) {
	exit3 := utilexec.CodeExitError{Err: errors.New("exit 3"), Code: 3}
	reset := errors.New("connection reset")
	cut := func(expected bool, passed int64) *trailerFilter {
		return &trailerFilter{trailer: &trailer{expected: expected}, passed: passed}
	}
	done := func(status int) *trailerFilter {
		f := cut(true, 0)
		f.status = status
		f.seen.Store(true)
		return f
	}
	var tail kube.Tail
	tail.Add("no such table")
	for name, c := range map[string]struct {
		err  error
		out  *trailerFilter
		want string // "" for success
	}{
		"success":                           {nil, done(0), ""},
		"failure":                           {exit3, done(3), "command ended with status 3; the end of its error output:\nno such table"},
		"failure that the transport forgot": {nil, done(3), "command ended with status 3"},
		"connection lost after the end":     {reset, done(0), ""},
		"connection lost before the end":    {reset, cut(true, 0), "exec: connection reset"},
		"connection breaks":                 {errors.New(streamBroke + ": EOF"), cut(true, 9), "9 bytes of its output arrived, and whether it succeeded is not known: it may still run"},
		"success, but the end is missing":   {nil, cut(true, 9), "9 bytes of its output arrived"},
		"killed with its container":         {exit3, cut(true, 0), "status 3"},
		"no shell, success":                 {nil, cut(false, 0), ""},
		"no shell, failure":                 {exit3, cut(false, 0), "status 3"},
	} {
		t.Run(name, func(t *testing.T) {
			err := outcome(c.err, c.out, &tail)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v", err)
			}
			var exit *funcs.ExitError
			if strings.Contains(c.want, "status 3") && (!errors.As(err, &exit) || exit.Code != 3) {
				t.Errorf("error is a %T", err)
			}
		})
	}
}

func TestSealed(t *testing.T) {
	s := seal(fullDisk{})
	for range 2 { // the command goes on, its output is dropped
		if n, err := fmt.Fprint(s, "abc"); n != 3 || err != nil {
			t.Errorf("wrote %d, error %v", n, err)
		}
	}
	if err := s.close(); err == nil || err.Error() != "no space left" {
		t.Errorf("error %v", err)
	}
	if _, err := s.Write([]byte("x")); !errors.Is(err, errClosed) {
		t.Errorf("a write after the end: %v", err)
	}
}

func FuzzTrailer(f *testing.F) {
	f.Add("output\n\x1erescue", uint8(0), uint8(3))
	f.Fuzz(func(t *testing.T, text string, status, size uint8) {
		tr := newTrailer([]string{"sh"})
		trail, out := feed(t, tr, text+string(tr.mark)+fmt.Sprint(status)+"\x1e", int(size)+1)
		if out != text || !trail.seen.Load() || trail.status != int(status) {
			t.Fatalf("output %q of %q, seen %v, status %d", out, text, trail.seen.Load(), trail.status)
		}
	})
}
