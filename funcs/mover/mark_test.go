package mover

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kopia/kopia/repo/blob"

	"github.com/rescuecue/rescue/compat"
)

func markLocation(t *testing.T) Location {
	return Location{
		Profile:  &compat.Profile{Location: compat.Location{Type: "filesystem", Endpoint: t.TempDir()}},
		Path:     "backups/a",
		Password: "key",
	}
}

// quick opens the repository for somebody who does not wait long.
func quick(t *testing.T, loc Location) *kopiaRepository {
	t.Helper()
	r, err := OpenOrCreate(context.Background(), loc)
	if err != nil {
		t.Fatal(err)
	}
	k := r.(*kopiaRepository)
	k.times.poll, k.times.patience = 20*time.Millisecond, 0
	t.Cleanup(func() {
		if err := k.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return k
}

// noise does not compress.
func noise(seed byte, n int) []byte {
	b := make([]byte, n)
	if _, err := rand.NewChaCha8([32]byte{seed}).Read(b); err != nil {
		panic(err)
	}
	return b
}

// during calls do when half of the content was read.
func during(content []byte, do func()) io.Reader {
	half := len(content) / 2
	var once sync.Once
	return io.MultiReader(bytes.NewReader(content[:half]), readFunc(func([]byte) (int, error) {
		once.Do(do)
		return 0, io.EOF
	}), bytes.NewReader(content[half:]))
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

func stream(t *testing.T, r *kopiaRepository, content io.Reader) string {
	t.Helper()
	res, err := r.BackupStream(t.Context(), StreamRequest{Name: "/dump", Content: content})
	if err != nil {
		t.Fatal(err)
	}
	return res.SnapshotID
}

// marks lists them.
func marks(t *testing.T, r *kopiaRepository) []blob.Metadata {
	t.Helper()
	all, err := blob.ListAllBlobs(t.Context(), r.store, "rescue-mark-")
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestReclaimGivesWay has space reclaimed in the middle of a backup that builds on data
// which no snapshot has any more.
func TestReclaimGivesWay(t *testing.T) {
	loc := markLocation(t)
	writer, reclaimer := quick(t, loc), quick(t, loc)
	content := noise(1, 24<<20)
	old := stream(t, writer, bytes.NewReader(content))
	id := stream(t, writer, during(content, func() {
		if err := reclaimer.Delete(t.Context(), Selector{ID: old}); err != nil {
			t.Error(err)
		}
		res, err := reclaimer.Reclaim(t.Context())
		if err != nil || !strings.Contains(res.Postponed, "in use") || res.Freed != 0 {
			t.Errorf("in the middle of a backup: %+v, %v", res, err)
		}
	}))
	res, err := reclaimer.Reclaim(t.Context())
	if err != nil || res.Postponed != "" {
		t.Errorf("after the backup: %+v, %v", res, err)
	}
	var got bytes.Buffer
	if err := quick(t, loc).ReadStream(t.Context(), id, "/dump", &got); err != nil || !bytes.Equal(got.Bytes(), content) {
		t.Errorf("restored %d of %d bytes, %v", got.Len(), len(content), err)
	}
	if left := marks(t, writer); len(left) > 0 {
		t.Errorf("marks are left: %v", left)
	}
}

// TestUseWaits: a backup does not begin while space is being reclaimed.
func TestUseWaits(t *testing.T) {
	loc := markLocation(t)
	r := quick(t, loc)
	ctx, m, err := setMark(t.Context(), r.store, reclaimMark, r.times)
	if err != nil {
		t.Fatal(err)
	}
	began := make(chan struct{})
	finished := make(chan error, 1)
	go func() {
		_, err := r.BackupStream(t.Context(), StreamRequest{Name: "/dump", Content: during([]byte("content"), func() { close(began) })})
		finished <- err
	}()
	for len(marks(t, r)) < 2 { // until the backup waits
		time.Sleep(time.Millisecond)
	}
	waiting, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := r.Delete(waiting, Selector{ID: "any"}); CodeOf(err) != CodeCanceled {
		t.Errorf("deleting: %v, want to be kept waiting", err)
	}
	select {
	case <-began:
		t.Error("the backup began")
	default:
	}
	m.remove(ctx)
	if err := <-finished; err != nil {
		t.Error(err)
	}
	if left := marks(t, r); len(left) > 0 {
		t.Errorf("marks are left: %v", left)
	}
}

func TestOccupy(t *testing.T) {
	loc := markLocation(t)
	r := quick(t, loc)
	ctx, release, err := Occupy(t.Context(), loc)
	if err != nil {
		t.Fatal(err)
	}
	if res, err := r.Reclaim(t.Context()); err != nil || res.Postponed == "" {
		t.Errorf("while it is occupied: %+v, %v", res, err)
	}
	release()
	if ctx.Err() == nil {
		t.Error("the context goes on after the release")
	}
	if res, err := r.Reclaim(t.Context()); err != nil || res.Postponed != "" {
		t.Errorf("afterwards: %+v, %v", res, err)
	}
}

// TestStaleMarks: who was killed does not keep others from working for ever.
func TestStaleMarks(t *testing.T) {
	r := quick(t, markLocation(t))
	for _, kind := range []blob.ID{useMark, reclaimMark} {
		old := time.Now().Add(-r.times.stale - time.Second)
		if err := r.store.PutBlob(t.Context(), kind+"dead", blobText("gone"), blob.PutOptions{SetModTime: old}); err != nil {
			t.Fatal(err)
		}
		if kind == reclaimMark {
			stream(t, r, strings.NewReader("x"))
		} else if res, err := r.Reclaim(t.Context()); err != nil || res.Postponed != "" {
			t.Errorf("%+v, %v", res, err)
		}
	}
	if left := marks(t, r); len(left) > 0 {
		t.Errorf("marks are left: %v", left)
	}
}

// TestProgramMark: nobody sets the mark of a kopia program again while it works, so it
// counts for longer than others.
func TestProgramMark(t *testing.T) {
	r := quick(t, markLocation(t))
	for age, want := range map[time.Duration]int{r.times.stale + time.Minute: 1, sessionLife - time.Hour: 1, sessionLife + time.Minute: 0} {
		set := blob.PutOptions{SetModTime: time.Now().Add(-age)}
		if err := r.store.PutBlob(t.Context(), blob.ID(ProgramMark)+"test", blobText("pod"), set); err != nil {
			t.Fatal(err)
		}
		res, err := r.Reclaim(t.Context())
		if err != nil || (res.Postponed != "") != (want == 1) {
			t.Errorf("beside a mark %s old: %+v, %v", age, res, err)
		}
		if left := marks(t, r); len(left) != want {
			t.Errorf("of a mark %s old are left: %v", age, left)
		}
	}
}

// TestLostMark: a backup that was taken for dead leaves no snapshot behind, because
// its data may be gone.
func TestLostMark(t *testing.T) {
	for name, lose := range map[string]func(*testing.T, *kopiaRepository){
		// The end of the backup finds that out, not the next refresh.
		"removed by another": func(t *testing.T, r *kopiaRepository) {
			for _, m := range marks(t, r) {
				if err := r.store.DeleteBlob(t.Context(), m.BlobID); err != nil {
					t.Error(err)
				}
			}
		},
		"store out of reach": func(_ *testing.T, r *kopiaRepository) {
			r.store.(*outage).down.Store(true)
			time.Sleep(2 * r.times.lost)
			r.store.(*outage).down.Store(false)
		},
	} {
		t.Run(name, func(t *testing.T) {
			loc := markLocation(t)
			r := quick(t, loc)
			r.store = &outage{Storage: r.store}
			if name == "store out of reach" {
				r.times.refresh, r.times.lost = 10*time.Millisecond, 100*time.Millisecond
			}
			_, err := r.BackupStream(t.Context(), StreamRequest{Name: "/dump", Content: during(noise(1, 1000), func() { lose(t, r) })})
			if CodeOf(err) != CodeInterrupted || !strings.Contains(err.Error(), "run the phase again") {
				t.Errorf("error %v", err)
			}
			if all, err := quick(t, loc).List(t.Context()); err != nil || len(all) != 0 {
				t.Errorf("%d snapshots, %v; want none", len(all), err)
			}
		})
	}
}

// outage is a store that cannot be reached at times.
type outage struct {
	blob.Storage
	down atomic.Bool
}

func (o *outage) GetMetadata(ctx context.Context, id blob.ID) (blob.Metadata, error) {
	if o.down.Load() {
		return blob.Metadata{}, errors.New("no route to host")
	}
	return o.Storage.GetMetadata(ctx, id)
}

// TestOldMarkWritesNothing: after a pause of the machine, not even what was in flight
// is written.
func TestOldMarkWritesNothing(t *testing.T) {
	r := quick(t, markLocation(t))
	ctx, m, err := setMark(t.Context(), r.store, useMark, r.times)
	if err != nil {
		t.Fatal(err)
	}
	defer m.remove(t.Context())
	m.mu.Lock()
	m.known = m.known.Add(-r.times.lost - time.Second)
	m.mu.Unlock()
	if err := r.store.PutBlob(ctx, "xn0_1", blobText("index"), blob.PutOptions{}); CodeOf(err) != CodeInterrupted {
		t.Errorf("writing: %v", err)
	}
	if err := r.store.DeleteBlob(ctx, "xn0_1"); CodeOf(err) != CodeInterrupted {
		t.Errorf("deleting: %v", err)
	}
}

// TestClockBehind: data that is stored again would look older than its deletion.
func TestClockBehind(t *testing.T) {
	r := quick(t, markLocation(t))
	ahead := time.Now().Add(time.Hour).Unix()
	if err := r.store.PutBlob(t.Context(), blob.ID(fmt.Sprintf("xw%d", ahead)), blobText("x"), blob.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	_, err := r.BackupStream(t.Context(), StreamRequest{Name: "/dump", Content: strings.NewReader("x")})
	if err == nil || !strings.Contains(err.Error(), "set the clocks right") {
		t.Errorf("error %v", err)
	}
}

// readOnly is a store whose credentials may only read.
type readOnly struct{ blob.Storage }

func (readOnly) PutBlob(context.Context, blob.ID, blob.Bytes, blob.PutOptions) error {
	return os.ErrPermission
}

func TestRestoreWithoutRightToWrite(t *testing.T) {
	r := quick(t, markLocation(t))
	src := t.TempDir()
	if err := os.WriteFile(filepath.Join(src, "f"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	made, err := r.Backup(t.Context(), BackupRequest{Path: src})
	if err != nil {
		t.Fatal(err)
	}
	r.store = readOnly{r.store}
	which := Selector{ID: made.SnapshotID}
	if _, err := r.Restore(t.Context(), RestoreRequest{Selector: which, Target: t.TempDir()}); err != nil {
		t.Errorf("restore: %v", err)
	}
	if err := r.Delete(t.Context(), which); CodeOf(err) != CodeDenied {
		t.Errorf("delete: %v", err)
	}
	if _, err := r.Backup(t.Context(), BackupRequest{Path: src}); CodeOf(err) != CodeDenied {
		t.Errorf("backup: %v", err)
	}
	if _, err := r.Reclaim(t.Context()); CodeOf(err) != CodeDenied {
		t.Errorf("reclaim: %v", err)
	}
}

// TestReclaimBesideBackups has several writers and deleters at work in one repository
// while its space is reclaimed again and again. All share data, so that what one
// deletes the others are about to use.
func TestReclaimBesideBackups(t *testing.T) {
	const writers, rounds = 3, 4
	loc := markLocation(t)
	reclaimer := quick(t, loc)
	ids := make([]string, writers)
	errs := make([]error, writers)
	content := noise(7, 300<<10)
	var wg sync.WaitGroup
	for i := range writers {
		r := quick(t, loc)
		wg.Go(func() {
			for range rounds {
				if errs[i] == nil {
					ids[i], errs[i] = replaceStream(r, ids[i], content)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for reclaimed := false; !reclaimed; {
		res, err := reclaimer.Reclaim(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		select {
		case <-done: // the last time is after the last backup
			reclaimed = res.Postponed == ""
		default:
		}
	}
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	fresh := quick(t, loc)
	for _, id := range ids {
		var got bytes.Buffer
		if err := fresh.ReadStream(t.Context(), id, "/dump", &got); err != nil || !bytes.Equal(got.Bytes(), content) {
			t.Errorf("restored %d of %d bytes, %v", got.Len(), len(content), err)
		}
	}
}

// replaceStream deletes a snapshot, if there is one, and makes one with the same data.
func replaceStream(r *kopiaRepository, old string, content []byte) (string, error) {
	ctx := context.Background()
	if old != "" {
		if err := r.Delete(ctx, Selector{ID: old}); err != nil {
			return "", err
		}
	}
	res, err := r.BackupStream(ctx, StreamRequest{Name: "/dump", Content: bytes.NewReader(content)})
	return res.SnapshotID, err
}
