package mover_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/mover"
)

const key = "correct horse battery staple"

// location returns one in a new directory, which exists as a mounted one would.
func location(t testing.TB) mover.Location {
	t.Helper()
	return mover.Location{
		Profile: &compat.Profile{Location: compat.Location{
			Type: "filesystem", Endpoint: t.TempDir(), Bucket: "backups",
		}},
		Path:      "backups/time-log",
		Password:  key,
		Namespace: "shop",
	}
}

func openNew(t testing.TB, loc mover.Location) mover.Repository {
	t.Helper()
	r, err := mover.OpenOrCreate(context.Background(), loc)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return r
}

// one opens a repository that many tests use: a password is stretched each time
// one is opened, which takes seconds under the race detector.
var one = sync.OnceValues(func() (mover.Repository, error) {
	dir, err := os.MkdirTemp("", "rescue-test-")
	if err != nil {
		return nil, err
	}
	removeAtEnd = dir
	return mover.OpenOrCreate(context.Background(), mover.Location{
		Profile:  &compat.Profile{Location: compat.Location{Type: "filesystem", Endpoint: dir}},
		Path:     "shared",
		Password: key,
	})
})

var removeAtEnd string

func TestMain(m *testing.M) {
	status := m.Run()
	if removeAtEnd != "" {
		r, err := one()
		if err == nil {
			err = r.Close(context.Background())
		}
		if err := errors.Join(err, os.RemoveAll(removeAtEnd)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			status = 1
		}
	}
	os.Exit(status)
}

func shared(t testing.TB) mover.Repository {
	t.Helper()
	r, err := one()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func backup(t testing.TB, r mover.Repository, path, tag string) mover.BackupResult {
	t.Helper()
	res, err := r.Backup(context.Background(), mover.BackupRequest{Path: path, Tag: tag})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func restore(t testing.TB, r mover.Repository, req mover.RestoreRequest) mover.RestoreResult {
	t.Helper()
	res, err := r.Restore(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// write makes a file with its parents.
func write(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// random returns bytes that do not compress, the same for the same seed.
func random(seed uint64, n int) []byte {
	b := make([]byte, n)
	var s [32]byte
	s[0], s[1] = byte(seed), byte(seed>>8)
	if _, err := rand.NewChaCha8(s).Read(b); err != nil {
		panic(err)
	}
	return b
}

// tree describes all that a restore must bring back, one line a path.
func tree(t testing.TB, root string) string {
	t.Helper()
	var lines []string
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		st := info.Sys().(*syscall.Stat_t)
		line := fmt.Sprintf("%q %s %d:%d %s", strings.TrimPrefix(path, root), info.Mode(), st.Uid, st.Gid, info.ModTime().Format(time.RFC3339Nano))
		switch info.Mode().Type() {
		case 0:
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			line += fmt.Sprintf(" %d %x links=%d", len(content), sha256.Sum256(content), st.Nlink)
		case fs.ModeSymlink:
			to, err := os.Readlink(path)
			if err != nil {
				return err
			}
			line += fmt.Sprintf(" -> %q", to)
		}
		lines = append(lines, line)
		return nil
	})
	must(t, err)
	return strings.Join(lines, "\n")
}

// oddTree makes a directory with all that tends to get lost.
func oddTree(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	write(t, filepath.Join(dir, "plain"), []byte("plain\n"))
	write(t, filepath.Join(dir, "empty"), nil)
	write(t, filepath.Join(dir, "large"), random(1, 3<<20))
	write(t, filepath.Join(dir, "zeros"), make([]byte, 1<<20))
	names := []string{
		" leading and trailing ", "new\nline", "tab\t", `back\slash`, `"quoted"`, "-rf", "…", "日本語", "🙂",
		"not\xffutf8", "not\xfeutf8", "\xff", "\x80\xc3", "\U0010F7FF", "a\U0010F7FFb", "\uFFFD", ".hidden", "..three",
		"x.kopia-entry", ".kopiaignore", "CACHEDIR.TAG", ".rescue-attributes", "\U0010F72Erescue-attributes", strings.Repeat("n", 255),
	}
	for i, n := range names {
		write(t, filepath.Join(dir, "names", n), fmt.Appendf(nil, "%d", i))
		write(t, filepath.Join(dir, "dirs", n, "inner\xf0"), fmt.Appendf(nil, "in %d", i))
	}
	write(t, filepath.Join(dir, "names", ".kopiaignore"), []byte("*\n"))
	write(t, filepath.Join(dir, "names", "CACHEDIR.TAG"), []byte("Signature: 8a477f597d28d172789f06886806bc55\n"))
	must(t, os.MkdirAll(filepath.Join(dir, "void", "deeper"), 0o755))
	for i, to := range []string{"plain", "/nowhere/at all", "../data", "not\xffutf8", "void"} {
		must(t, os.Symlink(to, filepath.Join(dir, fmt.Sprintf("link%d", i))))
	}
	must(t, os.Chmod(filepath.Join(dir, "plain"), 0o600))
	must(t, os.Chmod(filepath.Join(dir, "empty"), 0))
	must(t, os.Chmod(filepath.Join(dir, "large"), 0o4755|fs.ModeSetuid))
	must(t, os.Chmod(filepath.Join(dir, "void"), 0o777|fs.ModeSticky))
	old := time.Date(1999, 12, 31, 23, 59, 59, 123456789, time.UTC)
	must(t, os.Chtimes(filepath.Join(dir, "large"), old, old))
	must(t, os.Chtimes(filepath.Join(dir, "void", "deeper"), old, old))
	if os.Geteuid() == 0 {
		must(t, os.Lchown(filepath.Join(dir, "zeros"), 1234, 5678))
		must(t, os.Lchown(filepath.Join(dir, "link0"), 4321, 1))
		must(t, os.Lchown(filepath.Join(dir, "void"), 99, 99))
	} else {
		// Without root, a file that its owner may not read cannot be backed up.
		must(t, os.Chmod(filepath.Join(dir, "empty"), 0o400))
	}
	must(t, os.Chmod(filepath.Join(dir, "dirs"), 0o555))
	t.Cleanup(func() { must(t, os.Chmod(filepath.Join(dir, "dirs"), 0o755)) })
	return dir
}

func TestRoundTrip(t *testing.T) {
	src := oddTree(t)
	want := tree(t, src)
	r := shared(t)
	res := backup(t, r, src, "tag-one")
	if res.FileCount != 52 || res.RootSize < 4<<20 || res.PhysicalSize < 3<<20 {
		t.Errorf("result %+v: want 52 files, at least 4 MiB, at least 3 MiB uploaded", res)
	}
	target := t.TempDir()
	got := restore(t, r, mover.RestoreRequest{Selector: mover.Selector{ID: res.SnapshotID}, Target: target})
	if where := filepath.Join(target, src); got.Path != where {
		t.Errorf("restored to %s, want %s", got.Path, where)
	}
	if diff := cmp.Diff(want, tree(t, got.Path)); diff != "" {
		t.Errorf("restored tree differs (-want +got):\n%s", diff)
	}
	t.Cleanup(func() { must(t, os.Chmod(filepath.Join(got.Path, "dirs"), 0o755)) })
	if got.FileCount != res.FileCount || got.Size != res.RootSize {
		t.Errorf("restored %d files of %d bytes, want %d of %d", got.FileCount, got.Size, res.FileCount, res.RootSize)
	}
	// Once more over the restored tree, and over a damaged one.
	write(t, filepath.Join(got.Path, "plain"), []byte("damaged"))
	must(t, os.RemoveAll(filepath.Join(got.Path, "void")))
	must(t, os.Symlink("/etc", filepath.Join(got.Path, "void")))
	must(t, os.Remove(filepath.Join(got.Path, "link1")))
	write(t, filepath.Join(got.Path, "link1"), []byte("was a link"))
	restore(t, r, mover.RestoreRequest{Selector: mover.Selector{Tag: "tag-one"}, Target: target})
	if diff := cmp.Diff(want, tree(t, got.Path)); diff != "" {
		t.Errorf("tree restored over a damaged one differs (-want +got):\n%s", diff)
	}
}

func TestRestoreOfPart(t *testing.T) {
	src := filepath.Join(t.TempDir(), "var", "log")
	write(t, filepath.Join(src, "app", "a.log"), []byte("a"))
	write(t, filepath.Join(src, "top.log"), []byte("top"))
	r := shared(t)
	id := backup(t, r, src, "").SnapshotID
	for _, tc := range []struct {
		name, sub string
		want      string // a file that must be there, relative to the target
		code      mover.Code
	}{
		{"whole", "", src + "/app/a.log", ""},
		{"own path", src, "app/a.log", ""},
		{"own path with a slash", src + "/", "app/a.log", ""},
		{"directory inside", src + "/app", "a.log", ""},
		{"directory above", filepath.Dir(src), "log/app/a.log", ""},
		{"root", "/", src + "/app/a.log", ""},
		{"relative", strings.TrimPrefix(src, "/") + "/app", "a.log", ""},
		{"absent", src + "/nginx", "", mover.CodeNotFound},
		{"neighbour", src + "s", "", mover.CodeNotFound},
		{"file", src + "/top.log", "", mover.CodeNotFound},
		{"below a file", src + "/top.log/x", "", mover.CodeNotFound},
	} {
		t.Run(tc.name, func(t *testing.T) {
			target := t.TempDir()
			_, err := r.Restore(context.Background(), mover.RestoreRequest{Selector: mover.Selector{ID: id}, Target: target, SubPath: tc.sub})
			if tc.code != "" {
				if mover.CodeOf(err) != tc.code || err == nil {
					t.Fatalf("error %v, want code %s", err, tc.code)
				}
				return
			}
			must(t, err)
			if got, err := os.ReadFile(filepath.Join(target, tc.want)); err != nil || string(got) != "a" {
				t.Errorf("%s holds %q, %v", tc.want, got, err)
			}
		})
	}
}

func TestSingleFile(t *testing.T) {
	src := filepath.Join(t.TempDir(), "dump.sql")
	write(t, src, []byte("create table t();\n"))
	link := filepath.Join(t.TempDir(), "latest.sql")
	must(t, os.Symlink(src, link))
	r := shared(t)
	for _, path := range []string{src, link} {
		res := backup(t, r, path, "")
		if res.FileCount != 1 || res.RootSize != 18 {
			t.Errorf("%s: %+v, want one file of 18 bytes", path, res)
		}
		target := t.TempDir()
		got := restore(t, r, mover.RestoreRequest{Selector: mover.Selector{ID: res.SnapshotID}, Target: target})
		if text, err := os.ReadFile(got.Path); err != nil || string(text) != "create table t();\n" || got.Path != filepath.Join(target, path) {
			t.Errorf("%s: %q in %s, %v", path, text, got.Path, err)
		}
	}
}

// TestLookAhead: a backup that was looked at ahead is like any other, and knows of what
// has changed since.
func TestLookAhead(t *testing.T) {
	r, src := openNew(t, location(t)), oddTree(t)
	write(t, filepath.Join(src, "gone"), []byte("soon"))
	write(t, filepath.Join(src, "grown"), []byte("a"))
	ahead := mover.LookAhead(src)
	defer ahead.Close()
	time.Sleep(50 * time.Millisecond) // for most of it to be seen; any part will do
	must(t, os.Remove(filepath.Join(src, "gone")))
	write(t, filepath.Join(src, "grown"), random(1, 1<<10))
	res, err := r.Backup(context.Background(), mover.BackupRequest{Path: src, Ahead: ahead})
	must(t, err)
	target := t.TempDir()
	restore(t, r, mover.RestoreRequest{Selector: mover.Selector{ID: res.SnapshotID}, Target: target})
	grown, err := os.ReadFile(filepath.Join(target, src, "grown"))
	must(t, err)
	if string(grown) != string(random(1, 1<<10)) {
		t.Errorf("a file that has grown has %d bytes", len(grown))
	}
	for _, root := range []string{src, filepath.Join(target, src)} {
		must(t, os.Remove(filepath.Join(root, "grown"))) // its time may be that of the look
		must(t, os.Chtimes(root, time.Time{}, time.Unix(0, 0)))
	}
	if diff := cmp.Diff(tree(t, src), tree(t, filepath.Join(target, src))); diff != "" {
		t.Errorf("restored tree differs (-want +got):\n%s", diff)
	}
	t.Cleanup(func() { must(t, os.Chmod(filepath.Join(target, src, "dirs"), 0o755)) })
}

func TestSpecialFilesAreNamed(t *testing.T) {
	src := t.TempDir()
	write(t, filepath.Join(src, "file"), []byte("x"))
	must(t, syscall.Mkfifo(filepath.Join(src, "pipe"), 0o600))
	res := backup(t, shared(t), src, "")
	if res.SkippedCount != 1 || len(res.Skipped) != 1 || res.Skipped[0] != filepath.Join(src, "pipe") {
		t.Errorf("skipped %d: %v, want the pipe", res.SkippedCount, res.Skipped)
	}
}

func TestUnreadableFileFailsTheBackup(t *testing.T) {
	if os.Geteuid() == 0 {
		// Root can read every file.
		asNobody(t)
		return
	}
	src := t.TempDir()
	write(t, filepath.Join(src, "file"), []byte("x"))
	must(t, os.Chmod(filepath.Join(src, "file"), 0))
	r := openNew(t, location(t))
	_, err := r.Backup(context.Background(), mover.BackupRequest{Path: src})
	if err == nil || !strings.Contains(err.Error(), "file") {
		t.Errorf("error %v, want one that names the file", err)
	}
	if all, err := r.List(context.Background()); err != nil || len(all) != 0 {
		t.Errorf("%d snapshots, %v; want none", len(all), err)
	}
}

// asNobody runs the test again, as a user without rights.
func asNobody(t *testing.T) {
	t.Helper()
	dir, err := os.MkdirTemp("", "nobody")
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	program, err := os.ReadFile(os.Args[0])
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "test"), program, 0o755))
	const nobody = 65534
	must(t, os.Chown(dir, nobody, nobody))
	cmd := exec.Command(filepath.Join(dir, "test"), "-test.v", "-test.run", "^"+t.Name()+"$")
	cmd.Dir, cmd.Env = dir, []string{"HOME=" + dir, "TMPDIR=" + dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestSecondBackupUploadsLittle(t *testing.T) {
	src := t.TempDir()
	for i := range 20 {
		write(t, filepath.Join(src, fmt.Sprint(i)), random(uint64(i), 256<<10))
	}
	loc := location(t)
	first := backup(t, openNew(t, loc), src, "")
	write(t, filepath.Join(src, "new"), random(99, 1000))
	second := backup(t, openNew(t, loc), src, "")
	if second.PhysicalSize > first.PhysicalSize/50 {
		t.Errorf("uploaded %d bytes after %d, though only 1000 are new", second.PhysicalSize, first.PhysicalSize)
	}
	if second.FileCount != 21 {
		t.Errorf("%d files, want 21", second.FileCount)
	}
}

func TestErrorsHaveCodes(t *testing.T) {
	ctx := context.Background()
	src := t.TempDir()
	write(t, filepath.Join(src, "file"), []byte("x"))
	loc := location(t)
	if _, err := mover.Open(ctx, loc); mover.CodeOf(err) != mover.CodeNoRepository {
		t.Errorf("before the first backup: %v", err)
	}
	r := openNew(t, loc)
	id := backup(t, r, src, "known").SnapshotID

	wrong := loc
	wrong.Password = "guess"
	for name, open := range map[string]func(context.Context, mover.Location) (mover.Repository, error){"Open": mover.Open, "OpenOrCreate": mover.OpenOrCreate} {
		if _, err := open(ctx, wrong); mover.CodeOf(err) != mover.CodeWrongKey {
			t.Errorf("%s with a wrong key: %v", name, err)
		}
	}
	unmounted := loc
	unmounted.Profile = &compat.Profile{Location: compat.Location{Type: "filesystem", Endpoint: filepath.Join(src, "absent")}}
	if _, err := mover.OpenOrCreate(ctx, unmounted); mover.CodeOf(err) != mover.CodeUnreachable {
		t.Errorf("directory that is not mounted: %v", err)
	}
	for name, sel := range map[string]mover.Selector{
		"id":    {ID: "0123456789abcdef0123456789abcdef"},
		"short": {ID: id[:8]},
		"tag":   {Tag: "unknown"},
	} {
		if _, err := r.Restore(ctx, mover.RestoreRequest{Selector: sel, Target: t.TempDir()}); mover.CodeOf(err) != mover.CodeNotFound {
			t.Errorf("restore by unknown %s: %v", name, err)
		}
		if err := r.Delete(ctx, sel); mover.CodeOf(err) != mover.CodeNotFound {
			t.Errorf("delete by unknown %s: %v", name, err)
		}
	}
	for name, sel := range map[string]mover.Selector{"none": {}, "both": {ID: id, Tag: "known"}} {
		if _, err := r.Find(ctx, sel); mover.CodeOf(err) != mover.CodeBadRequest {
			t.Errorf("find by %s: %v", name, err)
		}
	}
	if _, err := r.Backup(ctx, mover.BackupRequest{Path: filepath.Join(src, "absent")}); mover.CodeOf(err) != mover.CodeNotFound {
		t.Errorf("backup of nothing: %v", err)
	}
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := r.Backup(canceled, mover.BackupRequest{Path: src}); mover.CodeOf(err) != mover.CodeCanceled {
		t.Errorf("canceled backup: %v", err)
	}
	if _, err := r.Restore(canceled, mover.RestoreRequest{Selector: mover.Selector{ID: id}, Target: t.TempDir()}); mover.CodeOf(err) != mover.CodeCanceled {
		t.Errorf("canceled restore: %v", err)
	}
}

func TestFindListDelete(t *testing.T) {
	ctx := context.Background()
	src := t.TempDir()
	r := shared(t)
	var ids []string
	for i, tag := range []string{"one", "two", "two"} {
		write(t, filepath.Join(src, "file"), fmt.Appendf(nil, "%d", i))
		ids = append(ids, backup(t, r, src, tag).SnapshotID)
	}
	newest, err := r.Find(ctx, mover.Selector{Tag: "two"})
	if err != nil || newest.ID != ids[2] || newest.Path != src || newest.FileCount != 1 || newest.Size != 1 {
		t.Errorf("newest of tag two: %+v, %v; want %s", newest, err, ids[2])
	}
	must(t, r.Delete(ctx, mover.Selector{Tag: "two"}))
	all, err := r.List(ctx)
	left := slices.DeleteFunc(all, func(s mover.Snapshot) bool { return s.Path != src })
	if err != nil || len(left) != 1 || left[0].ID != ids[0] || left[0].Tag != "one" {
		t.Errorf("left: %+v, %v; want only the first", left, err)
	}
}

// TestConcurrentFirstBackups has several backups that all find no repository.
func TestConcurrentFirstBackups(t *testing.T) {
	const n = 3
	loc := location(t)
	var wg sync.WaitGroup
	results, errs := make([]mover.BackupResult, n), make([]error, n)
	trees := make([]string, n)
	for i := range n {
		src := filepath.Join(t.TempDir(), fmt.Sprint(i))
		write(t, filepath.Join(src, "own"), random(uint64(i), 300<<10))
		write(t, filepath.Join(src, "shared"), random(77, 300<<10))
		trees[i] = tree(t, src)
		wg.Go(func() {
			ctx := context.Background()
			r, err := mover.OpenOrCreate(ctx, loc)
			if err != nil {
				errs[i] = err
				return
			}
			results[i], errs[i] = r.Backup(ctx, mover.BackupRequest{Path: src})
			errs[i] = errors.Join(errs[i], r.Close(ctx))
		})
	}
	wg.Wait()
	must(t, errors.Join(errs...))
	r := openNew(t, loc)
	for i, res := range results {
		got := restore(t, r, mover.RestoreRequest{Selector: mover.Selector{ID: res.SnapshotID}, Target: t.TempDir()})
		if diff := cmp.Diff(trees[i], tree(t, got.Path)); diff != "" {
			t.Errorf("backup %d differs:\n%s", i, diff)
		}
	}
}

func TestNothingStaysOnThisMachine(t *testing.T) {
	tmp := t.TempDir()
	src := filepath.Join(t.TempDir(), "src")
	write(t, filepath.Join(src, "file"), []byte("x"))
	loc := location(t)
	t.Setenv("TMPDIR", tmp)
	r, err := mover.OpenOrCreate(context.Background(), loc)
	must(t, err)
	backup(t, r, src, "")
	must(t, filepath.WalkDir(tmp, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			var text []byte
			if text, err = os.ReadFile(path); strings.Contains(string(text), key) {
				t.Errorf("%s holds the key", path)
			}
		}
		if errors.Is(err, fs.ErrNotExist) { // kopia goes on to tidy its caches up
			return nil
		}
		return err
	}))
	must(t, r.Close(context.Background()))
	left, err := os.ReadDir(tmp)
	if err != nil || len(left) != 0 {
		t.Errorf("left in the temporary directory: %v, %v", left, err)
	}
}
