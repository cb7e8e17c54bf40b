package run

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rescuecue/rescue/compat"
)

var update = flag.Bool("update", false, "write the journal of the present version anew")

// someEvents draws the events of a journal.
func someEvents(t *rapid.T) []Event {
	kinds := rapid.SampledFrom([]EventKind{RunStarted, RunResumed, PhaseStarted, PhaseNoted, PhaseFinished, RunFinished})
	text := rapid.SampledFrom([]string{"", "a", "two\nlines", "\x00", "ü\u2028", `"{}`})
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Event {
		return Event{
			Version: JournalVersion, Run: "r1", Kind: kinds.Draw(t, "kind"), Phase: text.Draw(t, "phase"),
			Time: time.Unix(rapid.Int64Range(0, 1<<32).Draw(t, "time"), 0).UTC(), State: Complete, Error: text.Draw(t, "error"),
			Output: map[string]any{"n": rapid.Int64().Draw(t, "n"), "text": text.Draw(t, "text")},
		}
	}), 1, 4).Draw(t, "events")
}

func journalOf(t interface{ Fatal(...any) }, events []Event) []byte {
	var b bytes.Buffer
	for _, e := range events {
		line, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(line, '\n'))
	}
	return b.Bytes()
}

// TestJournalSurvivesAKillAtAnyByte: whatever is left of the last line, all lines before
// it are read as they were, and the journal can be gone on with.
func TestJournalSurvivesAKillAtAnyByte(t *testing.T) {
	dir := t.TempDir()
	path := JournalPath(dir, "r1")
	rapid.Check(t, func(t *rapid.T) {
		events := someEvents(t)
		whole := journalOf(t, events)
		cut := rapid.IntRange(0, len(whole)).Draw(t, "cut")
		tail := rapid.SampledFrom([]string{"", "\x00\x00\x00", "\n", "garbage", "garbage\n", "{}\n", "\x00\n\x00\x00"}).Draw(t, "tail")
		lines := bytes.Count(whole[:cut], []byte("\n"))
		if err := os.WriteFile(path, append(bytes.Clone(whole[:cut]), tail...), 0o600); err != nil {
			t.Fatal(err)
		}
		j, err := OpenJournal(dir, "r1")
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		next := Event{Version: JournalVersion, Run: "r1", Kind: RunResumed}
		if err := j.Append(next); err != nil {
			t.Fatal(err)
		}
		// A cut right before the end of a line, and a tail that ends it: that line is whole.
		if tail == "\n" && cut < len(whole) && whole[cut] == '\n' {
			lines++
		}
		got, err := ReadJournal(dir, "r1")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(append(events[:lines:lines], next), got); diff != "" {
			t.Fatal(diff)
		}
	})
}

// TestDamageInTheMiddleIsAnError: it is not what a kill can do, and to leave the line out
// would be to run a finished phase again.
func TestDamageInTheMiddleIsAnError(t *testing.T) {
	dir := t.TempDir()
	line := string(journalOf(t, []Event{{Version: JournalVersion, Kind: PhaseFinished}}))
	writeFile(t, JournalPath(dir, "r1"), []byte(line+"garbage\n"+line))
	_, err := ReadJournal(dir, "r1")
	if err == nil || !strings.Contains(err.Error(), "r1.jsonl:2: the journal is damaged here") {
		t.Errorf("error %v", err)
	}
	if _, err := OpenJournal(dir, "r1"); err == nil {
		t.Error("it was opened")
	}
	if after := readFile(t, JournalPath(dir, "r1")); string(after) != line+"garbage\n"+line {
		t.Errorf("it was changed: %s", after)
	}
}

func TestJournalVersions(t *testing.T) {
	for version, want := range map[string]error{
		"1.0": nil, "0.9": nil, JournalVersion: nil, "1.99": ErrNewer, "2.0": ErrNewer,
	} {
		dir := t.TempDir()
		text := fmt.Sprintf(`{"version":%q,"run":"r1","kind":"run-started","added":{"later":true}}`+"\n", version)
		writeFile(t, JournalPath(dir, "r1"), []byte(text))
		if _, err := ReadJournal(dir, "r1"); !errors.Is(err, want) {
			t.Errorf("version %s: error %v", version, err)
		}
		j, err := OpenJournal(dir, "r1")
		if !errors.Is(err, want) {
			t.Errorf("version %s is opened with error %v", version, err)
		}
		if err == nil {
			j.Close()
		} else if after := readFile(t, JournalPath(dir, "r1")); string(after) != text {
			t.Errorf("version %s was changed: %s", version, after)
		}
	}
}

// TestGoldenJournals: journals that were ever written are read for ever. A new version
// gets a file of its own here; the old ones stay as they are.
func TestGoldenJournals(t *testing.T) {
	if *update {
		writeGolden(t)
	}
	for version, want := range map[string]Summary{
		"1.0": {Processes: 1},
		"1.1": {
			Processes: 2,
			Source:    &Source{Digest: "sha256:0", Main: "p.cue", Files: map[string]string{"p.cue": "package p\n"}},
			Inputs: &Inputs{
				Deployment: &compat.Workload{Name: "app", Namespace: "shop", Pods: []string{"app-1"}, Containers: [][]string{{"main"}}},
				Object:     map[string]any{"spec": map[string]any{"replicas": int64(3)}}, Time: "2026-11-22T03:15:00Z",
			},
		},
	} {
		t.Run(version, func(t *testing.T) {
			events, err := ReadJournal(filepath.Join("testdata", "journals"), version)
			if err != nil {
				t.Fatal(err)
			}
			got := Summarize(events)
			checkGolden(t, got)
			if diff := cmp.Diff(want.Source, got.Source) + cmp.Diff(want.Inputs, got.Inputs); diff != "" || got.Processes != want.Processes {
				t.Errorf("%d processes\n%s", got.Processes, diff)
			}
		})
	}
}

// checkGolden compares what the journals of all versions say.
func checkGolden(t *testing.T, got Summary) {
	t.Helper()
	if got.State != Failed || string(got.Request) != `{"action":{"name":"backup"}}` || got.Run != "20261122-031500-x7k2p" {
		t.Errorf("state %s, run %s, request %s", got.State, got.Run, got.Request)
	}
	want := map[string]State{"scale": Complete, "dump": Failed, DeferPhase: Complete}
	states := map[string]State{}
	for _, p := range got.Phases {
		states[p.Name] = p.State
	}
	if diff := cmp.Diff(want, states); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]any{"originalReplicaCount": int64(3), "text": "3"}, got.Outputs["scale"]); diff != "" {
		t.Error(diff)
	}
	if got.Notes["scale"]["replicas"] != "3" || got.Phase("dump").Attempts != 2 || got.Phase("dump").Error != "no room" {
		t.Errorf("notes %v, phase %+v", got.Notes, got.Phase("dump"))
	}
}

// writeGolden writes the journal of the present version.
func writeGolden(t *testing.T) {
	t.Helper()
	dir := filepath.Join("testdata", "journals")
	if err := os.Remove(JournalPath(dir, JournalVersion)); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	j, err := OpenJournal(dir, JournalVersion)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	at := time.Date(2026, 11, 22, 3, 15, 0, 0, time.UTC)
	for i, e := range []Event{
		{
			Kind: RunStarted, Request: json.RawMessage(`{"action":{"name":"backup"}}`),
			Source: &Source{Digest: "sha256:0", Main: "p.cue", Files: map[string]string{"p.cue": "package p\n"}},
			Inputs: &Inputs{
				Deployment: &compat.Workload{Name: "app", Namespace: "shop", Pods: []string{"app-1"}, Containers: [][]string{{"main"}}},
				Object:     map[string]any{"spec": map[string]any{"replicas": 3}}, Time: "2026-11-22T03:15:00Z",
			},
		},
		{Kind: PhaseStarted, Phase: "scale", Func: "ScaleWorkload", Attempt: 1},
		{Kind: PhaseNoted, Phase: "scale", Notes: map[string]string{"replicas": "3"}},
		{Kind: PhaseFinished, Phase: "scale", State: Complete, Output: map[string]any{"originalReplicaCount": 3, "text": "3"}},
		{Kind: PhaseStarted, Phase: "dump", Func: "KubeTask", Attempt: 1},
		{Kind: RunResumed, Again: []string{"dump"}},
		{Kind: PhaseStarted, Phase: "dump", Func: "KubeTask", Attempt: 2},
		{Kind: PhaseFinished, Phase: "dump", State: Failed, Error: "no room"},
		{Kind: PhaseStarted, Phase: DeferPhase, Func: "ScaleWorkload", Attempt: 1},
		{Kind: PhaseFinished, Phase: DeferPhase, State: Complete},
		{Kind: RunFinished, State: Failed, Errors: []string{"phase dump (KubeTask): no room"}},
	} {
		e.Run, e.Time = "20261122-031500-x7k2p", at.Add(time.Duration(i)*time.Second)
		if err := j.Append(e); err != nil {
			t.Fatal(err)
		}
	}
}

// FuzzJournal: no bytes make it panic, and what is opened once can be opened again.
func FuzzJournal(f *testing.F) {
	for _, version := range []string{"1.0", "1.1"} {
		src, err := os.ReadFile(JournalPath(filepath.Join("testdata", "journals"), version))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src)
	}
	f.Add([]byte(`{"version":"1.0","kind":"phase-finished","phase":"a","state":"complete","output":{"n":1e999}}` + "\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		events, whole, err := parse("j", src)
		if err != nil {
			return
		}
		s := Summarize(events)
		s.Remainder()
		again, length, err := parse("j", src[:whole])
		if err != nil || length != whole || len(again) != len(events) {
			t.Errorf("%d events of %d bytes, then %d of %d, error %v", len(events), whole, len(again), length, err)
		}
	})
}

// holderVariable makes the test binary a process that holds a journal.
const holderVariable = "RESCUE_TEST_JOURNAL"

// TestHoldsAJournal is not a test, but what TestOneProcessRunsARun starts.
func TestHoldsAJournal(t *testing.T) {
	dir := os.Getenv(holderVariable)
	if dir == "" {
		t.Skip("it is for another test")
	}
	j := openJournal(t, dir)
	defer j.Close()
	fmt.Println("held")
	// It ends with the pipe that the test holds.
	_, _ = os.Stdin.Read(make([]byte, 1))
}

// TestOneProcessRunsARun: another process is kept out as long as the first one lives,
// and not longer, however it ends.
func TestOneProcessRunsARun(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.CommandContext(context.Background(), os.Args[0], "-test.run=^TestHoldsAJournal$")
	cmd.Env = append(os.Environ(), holderVariable+"="+dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for text := ""; !strings.Contains(text, "held\n"); {
		b := make([]byte, 100)
		n, err := out.Read(b)
		if err != nil {
			t.Fatalf("after %q: %v", text, err)
		}
		text += string(b[:n])
	}
	if alive, err := Alive(dir, "r1"); !alive || err != nil {
		t.Errorf("alive %v, error %v", alive, err)
	}
	if _, err := OpenJournal(dir, "r1"); !errors.Is(err, ErrRunning) {
		t.Errorf("error %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // It was killed.
	if alive, err := Alive(dir, "r1"); alive || err != nil {
		t.Errorf("alive %v, error %v", alive, err)
	}
	openJournal(t, dir).Close()
}

// TestLookingDoesNotGetInTheWay: whoever asks whether a run is alive holds its lock for a
// moment.
func TestLookingDoesNotGetInTheWay(t *testing.T) {
	dir := t.TempDir()
	openJournal(t, dir).Close()
	done := make(chan struct{})
	looked := make(chan error)
	go func() {
		var err error
		for err == nil {
			select {
			case <-done:
				looked <- nil
				return
			default:
				_, err = Alive(dir, "r1")
			}
		}
		looked <- err
	}()
	for range 200 {
		openJournal(t, dir).Close()
	}
	close(done)
	if err := <-looked; err != nil {
		t.Error(err)
	}
}

func TestJournalsAreListed(t *testing.T) {
	dir := t.TempDir()
	if runs, err := Journals(filepath.Join(dir, "none")); err != nil || runs != nil {
		t.Errorf("runs %v, error %v", runs, err)
	}
	for _, name := range []string{"20260101-000000-aaaaa.jsonl", "20270101-000000-aaaaa.jsonl", "other"} {
		writeFile(t, filepath.Join(dir, name), nil)
	}
	runs, err := Journals(dir)
	if diff := cmp.Diff([]string{"20270101-000000-aaaaa", "20260101-000000-aaaaa"}, runs); diff != "" || err != nil {
		t.Error(diff, err)
	}
}
