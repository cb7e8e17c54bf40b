package agent_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/mover"
	"github.com/rescuecue/rescue/funcs/mover/agent"
)

// container runs commands on this machine, in the way of one that has just the given
// programs, and those of the system. Its temporary directory must be empty after each
// call.
type container struct {
	*testing.T
	bin, tmp string
	shell    []string
	// seen are the command lines and the environment of the programs.
	onStart func(*exec.Cmd)
}

// newContainer has the named programs, which must be in this machine's PATH or, for
// kopia, be named in RESCUE_KOPIA.
func newContainer(t *testing.T, programs ...string) *container {
	t.Helper()
	c := &container{T: t, bin: t.TempDir(), tmp: t.TempDir(), shell: []string{"sh"}}
	for _, name := range programs {
		path := os.Getenv("RESCUE_" + strings.ToUpper(name))
		if path == "" {
			found, err := exec.LookPath(name)
			if err != nil {
				t.Skipf("there is no program %s: make dist/kopia, or install restic, or name one in RESCUE_%s", name, strings.ToUpper(name))
			}
			path = found
		}
		if err := os.Symlink(path, filepath.Join(c.bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"cat", "date", "hostname", "mkdir", "rm", "sh", "tail"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(c.bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// exec is an agent.Exec.
func (c *container) exec(ctx context.Context, command []string, stdin io.Reader, stdout, stderr io.Writer) error {
	path := filepath.Join(c.bin, command[0])
	if _, err := os.Stat(path); err != nil {
		return &agent.StatusError{Status: 127, Err: fmt.Errorf("exec: %q: executable file not found in $PATH", command[0])}
	}
	if command[0] == "sh" {
		command = slices.Concat(c.shell, command[1:])
		path = command[0]
		if !strings.Contains(path, "/") {
			path = filepath.Join(c.bin, path)
		}
	}
	cmd := exec.CommandContext(ctx, path, command[1:]...)
	cmd.Env = []string{"PATH=" + c.bin, "TMPDIR=" + c.tmp, "HOME=/nowhere"}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	// As in a cluster, a command may end while its input is still open.
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(in, stdin) // the command tells what it missed
		_ = in.Close()
	}()
	if err := cmd.Start(); err != nil {
		return err
	}
	if c.onStart != nil {
		c.onStart(cmd)
	}
	err = cmd.Wait()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return &agent.StatusError{Status: exit.ExitCode(), Err: err}
	}
	return err
}

func (c *container) call(req agent.Request) (agent.Result, error) {
	c.Helper()
	res, err := agent.Call(c.Context(), c.exec, "pod shop/web", req, nil)
	left, readErr := os.ReadDir(c.tmp)
	if readErr != nil {
		c.Fatal(readErr)
	}
	if len(left) > 0 {
		c.Errorf("%s leaves %v", req.Op, left)
	}
	return res, err
}

// must is a call that may not fail.
func (c *container) must(req agent.Request) agent.Result {
	c.Helper()
	res, err := c.call(req)
	if err != nil {
		c.Fatalf("%s: %v", req.Op, err)
	}
	return res
}

// with changes a request.
func with(req agent.Request, op agent.Op, change func(*agent.Request)) agent.Request {
	req.Op = op
	if change != nil {
		change(&req)
	}
	return req
}

// sample makes a directory that ignore rules would make holes in.
func sample(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "it's\ndata")
	for name, content := range map[string]string{
		"large": string(noise(2_000_000)), "sub/small": "small", "sub/.kopiaignore": "*", "cache/CACHEDIR.TAG": "Signature: 8a477f597d28d172789f06886806bc55",
		"cache/kept": "kept", "empty": "",
	} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o640)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Symlink("large", filepath.Join(dir, "link")), os.Mkdir(filepath.Join(dir, "bare"), 0o711)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// noise are bytes that cannot be compressed, always the same.
func noise(n int) []byte {
	data := make([]byte, n)
	// It never fails.
	_, _ = rand.NewChaCha8([32]byte{1}).Read(data)
	return data
}

// tree describes all that is below a directory.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		content := ""
		switch {
		case d.Type() == fs.ModeSymlink:
			content, err = os.Readlink(path)
		case d.Type().IsRegular():
			var data []byte
			data, err = os.ReadFile(path)
			content = fmt.Sprintf("%x %s", sha256.Sum256(data), info.ModTime().UTC())
		}
		all[rel] = info.Mode().String() + " " + content
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// shells are those that the script has to run in.
func shells(t *testing.T) map[string][]string {
	all := map[string][]string{}
	for name, words := range map[string][]string{"bash": {"bash"}, "dash": {"dash"}, "busybox": {"busybox", "sh"}} {
		if path, err := exec.LookPath(words[0]); err == nil {
			all[name] = append([]string{path}, words[1:]...)
		}
	}
	if len(all) == 0 {
		all["sh"] = []string{"sh"}
	}
	return all
}

// TestShells runs the script in each of them.
func TestShells(t *testing.T) {
	for name, words := range shells(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newContainer(t, "kopia")
			c.shell = words
			req := request(t, agent.OpBackup)
			req.Path, req.Password = sample(t), "it's a\n\"key\"\\"
			made := c.must(req).Backup
			list := c.must(with(req, agent.OpList, nil)).Snapshots
			if len(list) != 1 || list[0].ID != made.SnapshotID || list[0].Path != req.Path {
				t.Errorf("made %+v, listed %+v", made, list)
			}
		})
	}
}

// TestKopiaProgram backs up and restores by the kopia program and by rescue, each what
// the other has written.
func TestKopiaProgram(t *testing.T) {
	t.Parallel()
	c := newContainer(t, "kopia")
	src := sample(t)
	want := tree(t, src)
	base := request(t, "")
	base.Password = "it's a\n\"key\""
	if c.must(with(base, agent.OpProbe, func(r *agent.Request) { r.Password = "" })).Exists {
		t.Error("probe: a repository before the first backup")
	}
	if _, err := c.call(with(base, agent.OpList, nil)); mover.CodeOf(err) != mover.CodeNoRepository {
		t.Errorf("list before the first backup: %v", err)
	}
	store := with(base, agent.OpBackup, func(r *agent.Request) { r.Path, r.Tag, r.Origin = src, "theirs", "claim" })
	res := c.must(store)
	made := res.Backup
	if res.By != "kopia" || made.FileCount != 6 || made.RootSize < 2_000_000 || made.PhysicalSize <= 0 || made.Path != src || made.SnapshotID == "" {
		t.Errorf("backup by %q: %+v", res.By, made)
	}
	if !c.must(with(base, agent.OpProbe, func(r *agent.Request) { r.Password = "" })).Exists {
		t.Error("probe: no repository after a backup")
	}
	ours, err := agent.Call(t.Context(), here(t), "here", with(store, agent.OpBackup, func(r *agent.Request) { r.Tag = "ours" }), nil)
	if err != nil {
		t.Fatal(err)
	}
	if ours.Backup.FileCount != made.FileCount || ours.Backup.RootSize != made.RootSize || ours.Backup.PhysicalSize > made.PhysicalSize/2 {
		t.Errorf("the same by rescue: %+v, by kopia: %+v", ours.Backup, made)
	}
	for name, run := range map[string]func(agent.Request) agent.Result{
		"kopia": c.must,
		"rescue": func(req agent.Request) agent.Result {
			res, err := agent.Call(t.Context(), here(t), "here", req, nil)
			if err != nil {
				t.Fatal(err)
			}
			return res
		},
	} {
		for _, tag := range []string{"theirs", "ours"} {
			target := t.TempDir()
			back := run(with(base, agent.OpRestore, func(r *agent.Request) { r.Snapshot.Tag, r.Target = tag, target })).Restore
			if diff := cmp.Diff(want, tree(t, filepath.Join(target, src))); diff != "" {
				t.Errorf("%s restored by %s: %s", tag, name, diff)
			}
			if back.FileCount != 6 || back.Path != filepath.Join(target, src) || back.Size != made.RootSize {
				t.Errorf("%s restored by %s: %+v", tag, name, back)
			}
		}
		target := t.TempDir()
		back := run(with(base, agent.OpRestore, func(r *agent.Request) {
			r.Snapshot.ID, r.Target, r.SubPath = made.SnapshotID, target, filepath.Join(src, "sub")
		})).Restore
		if got := slices.Sorted(maps.Keys(tree(t, target))); !slices.Equal(got, []string{".", ".kopiaignore", "small"}) || back.FileCount != 2 {
			t.Errorf("a part restored by %s: %v, %+v", name, got, back)
		}
	}
	id := mover.Selector{ID: made.SnapshotID}
	list := c.must(with(base, agent.OpList, nil)).Snapshots
	there, err := agent.Call(t.Context(), here(t), "here", with(base, agent.OpList, nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(there.Snapshots, list); diff != "" || len(list) != 2 {
		t.Errorf("list by rescue and by kopia: %s", diff)
	}
	if got := c.must(with(base, agent.OpStats, func(r *agent.Request) { r.Snapshot = id })).Snapshots; got[0].ID != made.SnapshotID {
		t.Errorf("stats: %+v", got)
	}
	measured := c.must(with(base, agent.OpMeasure, func(r *agent.Request) { r.Snapshot, r.Measure = id, mover.MeasureRestoreSize })).Measured
	if *measured != (mover.Measured{Count: 6, Size: made.RootSize}) {
		t.Errorf("measured %+v", measured)
	}
	c.must(with(base, agent.OpCheck, nil))
	if why := c.must(with(base, agent.OpReclaim, nil)).Reclaimed.Postponed; !strings.Contains(why, "tools image") {
		t.Errorf("reclaim: %q", why)
	}
	testKopiaProgramErrors(t, c, store)
	c.must(with(base, agent.OpDelete, func(r *agent.Request) { r.Snapshot = id }))
	c.must(with(base, agent.OpDelete, func(r *agent.Request) { r.Snapshot.Tag = "ours" }))
	if left := c.must(with(base, agent.OpList, nil)).Snapshots; len(left) != 0 {
		t.Errorf("after delete: %+v", left)
	}
	// The program has left no mark, and nothing else that would be in the way.
	freed, err := agent.Call(t.Context(), here(t), "here", with(base, agent.OpReclaim, nil), nil)
	if err != nil || freed.Reclaimed.Freed <= 0 || freed.Reclaimed.Postponed != "" {
		t.Errorf("reclaim by rescue: %+v, %v", freed.Reclaimed, err)
	}
}

func testKopiaProgramErrors(t *testing.T, c *container, store agent.Request) {
	for _, tc := range []struct {
		name   string
		change func(*agent.Request)
		code   mover.Code
	}{
		{"wrong key", func(r *agent.Request) { r.Password = "other" }, mover.CodeWrongKey},
		{"key with a line break at its end", func(r *agent.Request) { r.Password += "\n" }, mover.CodeBadRequest},
		{"nothing there", func(r *agent.Request) { r.Path = "/no/such/path" }, mover.CodeNotFound},
		{"relative path", func(r *agent.Request) { r.Path = "data" }, mover.CodeBadRequest},
		{"no key for a new one", func(r *agent.Request) { r.Repository, r.Password = "b/new", "" }, mover.CodeBadRequest},
		{"no repository", func(r *agent.Request) { r.Op, r.Repository = agent.OpCheck, "b/other" }, mover.CodeNoRepository},
		{"location not mounted", func(r *agent.Request) { r.Profile = directory("/no/such/mount") }, mover.CodeUnreachable},
		{"no snapshot", func(r *agent.Request) { r.Op, r.Snapshot.ID, r.Target = agent.OpRestore, "0badf00d", "/tmp" }, mover.CodeNotFound},
		{"no part", func(r *agent.Request) {
			r.Op, r.Snapshot.Tag, r.Target, r.SubPath = agent.OpRestore, "theirs", t.TempDir(), r.Path+"/nosuch"
		}, mover.CodeNotFound},
		{"measure", func(r *agent.Request) {
			r.Op, r.Snapshot.Tag, r.Measure = agent.OpMeasure, "theirs", mover.MeasureRaw
		}, mover.CodeBadRequest},
		{"what needs rescue", func(r *agent.Request) { r.Op = agent.OpDeleteObjects }, mover.CodeNoProgram},
	} {
		_, err := c.call(with(store, store.Op, tc.change))
		if mover.CodeOf(err) != tc.code || err == nil || !strings.HasPrefix(err.Error(), "pod shop/web") {
			t.Errorf("%s: error %v with code %s, want code %s and the place", tc.name, err, mover.CodeOf(err), tc.code)
		}
	}
}

func directory(path string) *compat.Profile {
	return &compat.Profile{Location: compat.Location{Type: "filesystem", Endpoint: path, Bucket: "b"}}
}

// TestKopiaProgramTellsVolumesApart has two files that look the same by time and size.
func TestKopiaProgramTellsVolumesApart(t *testing.T) {
	t.Parallel()
	c := newContainer(t, "kopia")
	req := request(t, agent.OpBackup)
	req.Path, req.Password = t.TempDir(), "k"
	file, at := filepath.Join(req.Path, "myid"), time.Now().Add(-time.Hour)
	for origin, text := range map[string]string{"data-0": "1", "data-1": "2"} {
		if err := errors.Join(os.WriteFile(file, []byte(text), 0o600), os.Chtimes(file, at, at)); err != nil {
			t.Fatal(err)
		}
		made := c.must(with(req, agent.OpBackup, func(r *agent.Request) { r.Origin = origin })).Backup
		target := t.TempDir()
		c.must(with(req, agent.OpRestore, func(r *agent.Request) { r.Snapshot.ID, r.Target = made.SnapshotID, target }))
		if got, err := os.ReadFile(filepath.Join(target, file)); err != nil || string(got) != text {
			t.Errorf("%s: restored %q, %v", origin, got, err)
		}
	}
}

// TestKopiaProgramKeepsSecrets looks at the command lines of all processes while the
// program runs, and at what it leaves when its caller goes away.
func TestKopiaProgramKeepsSecrets(t *testing.T) {
	t.Parallel()
	c := newContainer(t, "kopia")
	req := request(t, agent.OpBackup)
	req.Path, req.Password = t.TempDir(), "secret-of-the-test"
	c.must(req)
	// The program waits for whom it sees reclaiming space.
	blobs := filepath.Join(req.Profile.Location.Endpoint, "b", "app")
	mark := shardedLike(blobs, mover.ReclaimMark+"test")
	if err := errors.Join(os.MkdirAll(filepath.Dir(mark), 0o755), os.WriteFile(mark, []byte("x"), 0o600)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := agent.Call(ctx, c.exec, "pod", req, nil)
		done <- err
	}()
	waitFor(t, "the program's mark", func() bool { return findBlob(t, blobs, mover.ProgramMark) != "" })
	for _, line := range commandLines(t) {
		if strings.Contains(line, req.Password) {
			t.Errorf("a command line shows the key: %q", line)
		}
	}
	cancel()
	if err := <-done; mover.CodeOf(err) != mover.CodeCanceled {
		t.Errorf("error %v, want a canceled one", err)
	}
	if left, err := os.ReadDir(c.tmp); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	if left := findBlob(t, blobs, mover.ProgramMark); left != "" {
		t.Errorf("the mark is left: %s", left)
	}
}

// findBlob returns the file of the first blob whose name starts like that. As for kopia
// itself, a file is a blob once it has its last name: a program that ends while it writes
// one leaves it under another.
func findBlob(t *testing.T, dir, prefix string) string {
	t.Helper()
	found := ""
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		rel, relErr := filepath.Rel(dir, path)
		name := strings.ReplaceAll(rel, "/", "")
		if err == nil && relErr == nil && !d.IsDir() && strings.HasPrefix(name, prefix) && strings.HasSuffix(name, ".f") {
			found = path
		}
		return errors.Join(err, relErr)
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// shardedLike returns where kopia keeps a blob with a long name.
func shardedLike(dir, name string) string {
	return filepath.Join(dir, name[:1], name[1:4], name[4:]+".f")
}

func waitFor(t *testing.T, what string, there func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); !there(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no sign of %s", what)
		}
	}
}

// commandLines are those of all processes that can be seen.
func commandLines(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, file := range files {
		// It may have ended meanwhile.
		if data, err := os.ReadFile(file); err == nil {
			lines = append(lines, strings.ReplaceAll(string(data), "\x00", " "))
		}
	}
	if len(lines) == 0 {
		t.Fatal("no processes can be seen")
	}
	return lines
}
