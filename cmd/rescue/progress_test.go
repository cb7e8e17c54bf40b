package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/rescuecue/rescue/cmd/internal/cli"
	"github.com/rescuecue/rescue/interp/run"
)

func TestProgressText(t *testing.T) {
	for want, p := range map[string]run.Progress{
		"0 B": {},
		"1.5 GiB of 3.0 GiB, 512.0 MiB unchanged, 300.0 MiB uploaded, 1m26s left": {
			Hashed: 1 << 30, Cached: 512 << 20, Uploaded: 300 << 20, Estimated: 3 << 30, RemainingSeconds: 85.7,
		},
		"1023 B of 1.0 KiB": {Restored: 1023, Estimated: 1024},
	} {
		if got := progressText(p); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func progressEvent(phase string, at time.Time, done int64) run.Event {
	return run.Event{Kind: run.PhaseProgress, Phase: phase, Time: at, Progress: &run.Progress{Hashed: done}}
}

// TestProgressInAPipe: a line now and then, none for what is over in a moment.
func TestProgressInAPipe(t *testing.T) {
	var out bytes.Buffer
	c := &call{runFlags: &runFlags{}, streams: cli.Streams{Stderr: &out}}
	show := c.progress(&task{talk: &out})
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for s := range 25 {
		show(progressEvent("take", start.Add(time.Duration(s)*time.Second), int64(s)))
	}
	if got, want := out.String(), "03:04:15 take: 10 B\n03:04:25 take: 20 B\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestProgressOnATerminal: lines of the log stand above the line that changes, which
// goes away with its phase.
func TestProgressOnATerminal(t *testing.T) {
	var out bytes.Buffer
	live := &liveWriter{w: &out, parts: map[string]string{}, width: func() int { return 20 }}
	c := &call{runFlags: &runFlags{}, streams: cli.Streams{Stderr: live}}
	show := c.progress(&task{talk: live})
	show(progressEvent("a", time.Time{}, 1))
	show(progressEvent("b", time.Time{}, 2))
	if _, err := live.Write([]byte("a line\n")); err != nil {
		t.Fatal(err)
	}
	show(run.Event{Kind: run.PhaseFinished, Phase: "a"})
	show(progressEvent("a phase with a long name", time.Time{}, 3))
	show(run.Event{Kind: run.PhaseFinished, Phase: "a phase with a long name"})
	show(run.Event{Kind: run.PhaseFinished, Phase: "b"})
	const clear = "\r\x1b[K"
	want := strings.Join([]string{
		"a: 1 B", clear, "a: 1 B | b: 2 B", clear, "a line\n", "a: 1 B | b: 2 B", clear, "b: 2 B",
		clear, "a phase with a long", clear, "b: 2 B", clear,
	}, "")
	if got := out.String(); got != want {
		t.Errorf("\n%q, want\n%q", got, want)
	}
}
