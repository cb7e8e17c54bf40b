package client

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/client-go/tools/remotecommand"

	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/kube"
)

// A leftBehind is the stream of a command that has ended, while a process that it
// left in the background holds the output open until somebody hangs up.
type leftBehind struct {
	trailer *trailer
	stderr  bool // the end of standard error has come, too
	speak   func(stdout, stderr io.Writer)
}

func (leftBehind) Stream(remotecommand.StreamOptions) error { panic("not used") }

func (l leftBehind) StreamWithContext(ctx context.Context, opts remotecommand.StreamOptions) error {
	end := string(l.trailer.mark) + "0\x1e"
	if _, err := fmt.Fprint(opts.Stdout, "out\n", end); err != nil {
		return err
	}
	if _, err := fmt.Fprint(opts.Stderr, "err\n"); err != nil {
		return err
	}
	if l.stderr {
		if _, err := fmt.Fprint(opts.Stderr, end); err != nil {
			return err
		}
	}
	if l.speak != nil {
		l.speak(opts.Stdout, opts.Stderr)
	}
	<-ctx.Done()
	return ctx.Err()
}

// lingering runs the stream with fake time.
func lingering(ctx context.Context, l leftBehind, out io.Writer) (stderr string, took time.Duration, err error) {
	var diagnostics bytes.Buffer
	l.trailer = newTrailer([]string{"sh"})
	start := time.Now()
	err = copyStreams(ctx, l, l.trailer, funcs.ExecOptions{Stdout: out, Stderr: &diagnostics})
	return diagnostics.String(), time.Since(start), err
}

func TestExecHangsUpOnTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		stderr, took, err := lingering(t.Context(), leftBehind{stderr: true, speak: func(stdout, stderr io.Writer) {
			for range 3 { // pauses that are shorter than the limit
				time.Sleep(kube.IdleOutput - time.Millisecond)
				fmt.Fprintln(stdout, "background")
				time.Sleep(kube.IdleOutput - time.Millisecond)
				fmt.Fprintln(stderr, "noise")
			}
		}}, &out)
		if err != nil || out.String() != "out\nbackground\nbackground\nbackground\n" || stderr != "err\nnoise\nnoise\nnoise\n" {
			t.Errorf("output %q and %q, error %v", out.String(), stderr, err)
		}
		if want := 7*kube.IdleOutput - 6*time.Millisecond; took != want {
			t.Errorf("took %s instead of %s", took, want)
		}
	})
}

// TestExecWaitsForBothEnds: what the command itself wrote may still be on its way.
func TestExecWaitsForBothEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		_, took, err := lingering(ctx, leftBehind{}, io.Discard)
		if err != context.DeadlineExceeded || took != time.Hour {
			t.Errorf("ended after %s with %v", took, err)
		}
	})
}

// slowWriter takes a minute for each write.
type slowWriter struct{ n int }

func (s *slowWriter) Write(b []byte) (int, error) {
	time.Sleep(time.Minute)
	s.n += len(b)
	return len(b), nil
}

// TestExecIsPatientWithItsWriter: the pause is the caller's own, nobody is idle.
func TestExecIsPatientWithItsWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out slowWriter
		_, _, err := lingering(t.Context(), leftBehind{stderr: true, speak: func(stdout, _ io.Writer) {
			fmt.Fprint(stdout, "more")
			fmt.Fprint(stdout, "more")
		}}, &out)
		if err != nil || out.n != len("out\nmoremore") {
			t.Errorf("%d bytes, error %v", out.n, err)
		}
	})
}

// TestExecEndsAtOnce where nothing is left behind.
func TestExecEndsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		_, took, err := lingering(ctx, leftBehind{stderr: true, speak: func(io.Writer, io.Writer) { cancel() }}, io.Discard)
		if err != context.Canceled || took != 0 {
			t.Errorf("ended after %s with %v", took, err)
		}
	})
}
