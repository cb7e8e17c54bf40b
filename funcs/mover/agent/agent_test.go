package agent_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/mover"
	"github.com/rescuecue/rescue/funcs/mover/agent"
)

// here runs the mover in this process, through pipes.
func here(t *testing.T) agent.Exec {
	return func(ctx context.Context, command []string, stdin io.Reader, stdout, stderr io.Writer) error {
		if command[0] == "sh" { // that would look for other programs
			return &agent.StatusError{Status: 127, Err: errors.New("there is no sh")}
		}
		if want := []string{"rescue", "mover"}; !slices.Equal(command, want) {
			t.Errorf("command %q, want %q", command, want)
		}
		// The mover's own life is that of its input, as in a container.
		if status := agent.Serve(context.WithoutCancel(ctx), stdin, stdout, stderr); status != 0 {
			return &agent.StatusError{Status: status, Err: fmt.Errorf("status %d", status)}
		}
		return nil
	}
}

// fixed is a program that writes something and ends.
func fixed(stdout, stderr string, err error) agent.Exec {
	return func(_ context.Context, _ []string, _ io.Reader, out, errw io.Writer) error {
		// Byte by byte: the reader must not rely on lines coming whole.
		for i := range len(stdout) {
			if _, err := io.WriteString(out, stdout[i:i+1]); err != nil {
				return err
			}
		}
		if _, werr := io.WriteString(errw, stderr); werr != nil {
			return werr
		}
		return err
	}
}

func request(t *testing.T, op agent.Op) agent.Request {
	return agent.Request{
		Op: op,
		Profile: &compat.Profile{Location: compat.Location{
			Type: "filesystem", Endpoint: t.TempDir(), Bucket: "b",
		}},
		Repository: "b/app", Password: "key", Namespace: "shop",
	}
}

func TestAllOperations(t *testing.T) {
	ctx := context.Background()
	src := t.TempDir()
	content := strings.Repeat("line\n", 1000)
	if err := os.WriteFile(filepath.Join(src, "app.log"), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	base := request(t, "")
	call := func(op agent.Op, change func(*agent.Request)) agent.Result {
		t.Helper()
		req := base
		req.Op = op
		if change != nil {
			change(&req)
		}
		res, err := agent.Call(ctx, here(t), "pod shop/web", req, nil)
		if err != nil {
			t.Fatalf("%s: %v", op, err)
		}
		return res
	}
	if call(agent.OpProbe, nil).Exists {
		t.Error("probe: a repository before the first backup")
	}
	made := call(agent.OpBackup, func(r *agent.Request) { r.Path, r.Tag = src, "t" }).Backup
	if made == nil || made.FileCount != 1 || made.RootSize != int64(len(content)) || made.Path != src {
		t.Fatalf("backup: %+v", made)
	}
	if !call(agent.OpProbe, func(r *agent.Request) { r.Password = "" }).Exists {
		t.Error("probe: no repository after a backup")
	}
	id := mover.Selector{ID: made.SnapshotID}
	target := t.TempDir()
	back := call(agent.OpRestore, func(r *agent.Request) { r.Snapshot, r.Target = mover.Selector{Tag: "t"}, target }).Restore
	if got, err := os.ReadFile(filepath.Join(target, src, "app.log")); err != nil || string(got) != content {
		t.Errorf("restore: %d bytes, %v; result %+v", len(got), err, back)
	}
	described := call(agent.OpStats, func(r *agent.Request) { r.Snapshot = id }).Snapshots
	if diff := cmp.Diff(described, call(agent.OpList, nil).Snapshots); diff != "" || described[0].ID != made.SnapshotID {
		t.Errorf("stats and list differ:\n%s", diff)
	}
	call(agent.OpCheck, nil)
	measured := call(agent.OpMeasure, func(r *agent.Request) { r.Snapshot, r.Measure = id, mover.MeasureFiles }).Measured
	if want := (mover.Measured{Count: 1, Size: int64(len(content))}); *measured != want {
		t.Errorf("measure: %+v, want %+v", *measured, want)
	}
	t.Run("errors", func(t *testing.T) { testErrorsKeepTheirCode(t, base) })
	call(agent.OpDelete, func(r *agent.Request) { r.Snapshot = id })
	if left := call(agent.OpList, nil).Snapshots; len(left) != 0 {
		t.Errorf("after delete: %+v", left)
	}
	if reclaimed := call(agent.OpReclaim, nil).Reclaimed; reclaimed.Freed <= 0 || reclaimed.Postponed != "" {
		t.Errorf("reclaim: %+v", reclaimed)
	}
	if n := call(agent.OpDeleteObjects, func(r *agent.Request) { r.Key = "app" }).Deleted.Objects; n < 3 {
		t.Errorf("%d objects deleted", n)
	}
	if call(agent.OpProbe, nil).Exists {
		t.Error("probe: a repository after its objects were deleted")
	}
}

// testErrorsKeepTheirCode works on a repository that exists.
func testErrorsKeepTheirCode(t *testing.T, base agent.Request) {
	src := t.TempDir()
	base.Op, base.Path = agent.OpBackup, src
	for _, tc := range []struct {
		name   string
		change func(*agent.Request)
		code   mover.Code
	}{
		{"wrong key", func(r *agent.Request) { r.Password = "other" }, mover.CodeWrongKey},
		{"no repository", func(r *agent.Request) { r.Op, r.Repository = agent.OpList, "b/other" }, mover.CodeNoRepository},
		{"no snapshot", func(r *agent.Request) { r.Op, r.Snapshot.ID, r.Target = agent.OpRestore, "0badf00d", src }, mover.CodeNotFound},
		{"unknown operation", func(r *agent.Request) { r.Op = "dance" }, mover.CodeBadRequest},
		{"no profile", func(r *agent.Request) { r.Profile = nil }, mover.CodeBadRequest},
		{"relative target", func(r *agent.Request) { r.Op, r.Snapshot.ID, r.Target = agent.OpRestore, "0badf00d", "x" }, mover.CodeBadRequest},
	} {
		t.Run(tc.name, func(t *testing.T) {
			req := base
			tc.change(&req)
			_, err := agent.Call(context.Background(), here(t), "pod shop/web", req, nil)
			if mover.CodeOf(err) != tc.code || err == nil || !strings.HasPrefix(err.Error(), "pod shop/web: ") {
				t.Errorf("error %v with code %s, want code %s and the place", err, mover.CodeOf(err), tc.code)
			}
		})
	}
}

func TestBrokenPrograms(t *testing.T) {
	status := func(n int) error {
		return &agent.StatusError{Status: n, Err: fmt.Errorf("command ended with status %d", n)}
	}
	result := `{"result":{"exists":true}}` + "\n"
	for _, tc := range []struct {
		name string
		exec agent.Exec
		want string // in the error; empty: none
		code mover.Code
	}{
		{"shell finds no program", fixed("", "sh: rescue: not found", status(127)), "has no program `rescue`", mover.CodeNoProgram},
		{"program for another machine", fixed("", "", status(126)), "has no program `rescue`", mover.CodeNoProgram},
		{"runtime finds no program", fixed("", "", errors.New(`exec failed: unable to start container process: exec: "rescue": executable file not found in $PATH`)), "has no program `rescue`", mover.CodeNoProgram},
		{"news of no program lost", lostOnce(errors.New(`exec: "rescue": executable file not found in $PATH`)), "has no program `rescue`", mover.CodeNoProgram},
		{"nothing came", fixed("", "", nil), "cut off", mover.CodeFailed},
		{"killed", fixed("{\"progress\":{\"hashed\":1}}\n", "", status(137)), "status 137", mover.CodeFailed},
		{"panic", fixed("", "panic: oh", status(2)), "panic: oh", mover.CodeFailed},
		{"cut off", fixed(result[:10], "", nil), "cut off", mover.CodeFailed},
		{"not ours", fixed("usage: rescue [boat]\n", "", nil), "usage: rescue [boat]", mover.CodeFailed},
		{"connection lost", fixed("", "", errors.New("connection reset by peer")), "pod x: connection reset", mover.CodeFailed},
		{"noise before the result", fixed("warning\n"+result, "noise", nil), "", ""},
		{"connection lost after the result", fixed(result, "", errors.New("connection reset by peer")), "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			res, err := agent.Call(context.Background(), tc.exec, "pod x", request(t, agent.OpProbe), nil)
			if tc.want == "" {
				if err != nil || !res.Exists {
					t.Errorf("result %+v, %v; want a repository", res, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) || mover.CodeOf(err) != tc.code {
				t.Errorf("error %v with code %s; want %q, code %s", err, mover.CodeOf(err), tc.want, tc.code)
			}
		})
	}
}

// lostOnce loses the first error, as a connection that breaks at the end of a command does.
func lostOnce(err error) agent.Exec {
	first := true
	return func(context.Context, []string, io.Reader, io.Writer, io.Writer) error {
		if first {
			first = false
			return nil
		}
		return err
	}
}

// TestIncompleteResults: a result that lacks what its operation promises is an error.
func TestIncompleteResults(t *testing.T) {
	const (
		empty = `{"result":{}}`
		full  = `{"result":{"backup":{"snapshotID":"i"},"restore":{"snapshotID":"i"},"snapshots":[{"id":"i"}]}}`
	)
	for _, tc := range []struct {
		op     agent.Op
		answer string
		lacks  bool
	}{
		{agent.OpBackup, empty, true},
		{agent.OpBackup, `{"result":{"restore":{"snapshotID":"i"}}}`, true},
		{agent.OpBackup, full, false},
		{agent.OpRestore, empty, true},
		{agent.OpRestore, full, false},
		{agent.OpStats, empty, true},
		{agent.OpStats, `{"result":{"snapshots":[{"id":"i"},{"id":"j"}]}}`, true},
		{agent.OpStats, full, false},
		{agent.OpProbe, empty, false},
		{agent.OpDelete, empty, false},
		{agent.OpList, empty, false},
	} {
		t.Run(string(tc.op)+" "+tc.answer, func(t *testing.T) {
			_, err := agent.Call(context.Background(), fixed(tc.answer+"\n", "", nil), "pod x", request(t, tc.op), nil)
			if !tc.lacks {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || mover.CodeOf(err) != mover.CodeFailed || !strings.Contains(err.Error(), "pod x: `rescue mover` answered "+string(tc.op)) {
				t.Errorf("error %v with code %s", err, mover.CodeOf(err))
			}
		})
	}
}

func TestServeRefusesWhatItDoesNotUnderstand(t *testing.T) {
	for name, tc := range map[string]struct {
		stdin string
		code  mover.Code
	}{
		"nothing":       {"", mover.CodeBadRequest},
		"half":          {`{"version":1,`, mover.CodeBadRequest},
		"no JSON":       {"hello", mover.CodeBadRequest},
		"newer version": {`{"version":2,"op":"probe"}`, mover.CodeVersion},
		"no version":    {`{"op":"probe"}`, mover.CodeVersion},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			if status := agent.Serve(context.Background(), strings.NewReader(tc.stdin), &out, io.Discard); status != 2 {
				t.Errorf("status %d, want 2", status)
			}
			var answer struct{ Error struct{ Code mover.Code } }
			if err := json.Unmarshal([]byte(out.String()), &answer); err != nil || answer.Error.Code != tc.code {
				t.Errorf("answer %q, %v; want code %s", out.String(), err, tc.code)
			}
		})
	}
}

// TestCallerGoesAway has a mover that waits for a store which never answers, and
// a caller that gives up. The mover learns of it only by the end of its input.
func TestCallerGoesAway(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var once sync.Once
	store := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		once.Do(cancel)
		<-r.Context().Done()
	}))
	defer store.Close()
	status := -1
	exec := func(_ context.Context, _ []string, stdin io.Reader, stdout, stderr io.Writer) error {
		status = agent.Serve(context.Background(), stdin, stdout, stderr)
		return &agent.StatusError{Status: status, Err: errors.New("failed")}
	}
	req := request(t, agent.OpProbe)
	req.Repository = "bucket/app"
	req.Profile = &compat.Profile{
		Location:   compat.Location{Type: "s3Compliant", Bucket: "bucket", Endpoint: store.URL, Region: "r"},
		Credential: compat.Credential{Type: "keyPair", KeyPair: &compat.KeyPair{ID: "id", Secret: "secret"}},
	}
	_, err := agent.Call(ctx, exec, "pod", req, nil)
	if mover.CodeOf(err) != mover.CodeCanceled {
		t.Errorf("error %v, want a canceled one", err)
	}
	if status != 1 {
		t.Errorf("the mover ended with status %d, want 1", status)
	}
}

func TestRequestCarriesTheWholeProfile(t *testing.T) {
	want := &compat.Profile{
		Location: compat.Location{Type: "s3Compliant", Bucket: "b", Endpoint: "http://s3", Prefix: "p", Region: "r"},
		Credential: compat.Credential{
			Type:    "secret",
			KeyPair: &compat.KeyPair{ID: "id", Secret: "s"},
			Secret:  &compat.Secret{Type: "secrets.kanister.io/aws", Data: map[string][]byte{"aws_access_key_id": {0xff, 0}}},
		},
		SkipSSLVerify: true,
	}
	text, err := json.Marshal(agent.Request{Profile: want})
	if err != nil {
		t.Fatal(err)
	}
	var got agent.Request
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got.Profile); diff != "" {
		t.Errorf("profile (-sent +received):\n%s", diff)
	}
}
