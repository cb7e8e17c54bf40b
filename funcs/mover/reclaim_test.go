package mover_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/mover"
)

func remove(t testing.TB, r mover.Repository, id string) {
	t.Helper()
	must(t, r.Delete(context.Background(), mover.Selector{ID: id}))
}

func reclaim(t testing.TB, r mover.Repository) mover.ReclaimResult {
	t.Helper()
	res, err := r.Reclaim(context.Background())
	must(t, err)
	if res.Postponed != "" {
		t.Fatalf("postponed: %s", res.Postponed)
	}
	return res
}

// sameTree restores a snapshot and compares.
func sameTree(t testing.TB, r mover.Repository, id, want string) {
	t.Helper()
	got := restore(t, r, mover.RestoreRequest{Selector: mover.Selector{ID: id}, Target: t.TempDir()})
	if diff := cmp.Diff(want, tree(t, got.Path)); diff != "" {
		t.Errorf("snapshot %s differs (-want +got):\n%s", id, diff)
	}
}

func TestReclaim(t *testing.T) {
	loc := location(t)
	r := openNew(t, loc)
	src := t.TempDir()
	write(t, filepath.Join(src, "stays"), random(1, 1<<20))
	write(t, filepath.Join(src, "goes"), random(2, 3<<20))
	both := tree(t, src)
	first := backup(t, r, src, "")
	must(t, os.Remove(filepath.Join(src, "goes")))
	kept := tree(t, src)
	second := backup(t, r, src, "")

	if res := reclaim(t, r); res.Freed > 100<<10 {
		t.Errorf("%d bytes freed, though all is in use", res.Freed)
	}
	sameTree(t, r, first.SnapshotID, both)
	remove(t, r, first.SnapshotID)
	if res := reclaim(t, r); res.Freed < 3<<20 || res.Freed > 4<<20 {
		t.Errorf("%d bytes freed, want 3 MiB and a little", res.Freed)
	}
	sameTree(t, r, second.SnapshotID, kept)

	// What was forgotten is stored again when it comes back, also by one who opened
	// the repository before it was forgotten.
	write(t, filepath.Join(src, "goes"), random(2, 3<<20))
	again := tree(t, src)
	third := backup(t, r, src, "")
	if third.PhysicalSize < 3<<20 {
		t.Errorf("only %d bytes were stored again", third.PhysicalSize)
	}
	fresh := openNew(t, loc)
	sameTree(t, fresh, third.SnapshotID, again)
	sameTree(t, fresh, second.SnapshotID, kept)
	for _, id := range []string{second.SnapshotID, third.SnapshotID} {
		remove(t, fresh, id)
	}
	if res := reclaim(t, fresh); res.Freed < 4<<20 {
		t.Errorf("%d bytes freed of all", res.Freed)
	}
}

// TestReclaimPostponed: what a kopia program looks after is left to it.
func TestReclaimPostponed(t *testing.T) {
	kopia := kopiaProgram(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "made-by-kopia")
	kopia("repository", "create", "filesystem", "--path="+path, "--no-persist-credentials", "--override-username=ops", "--override-hostname=host")
	loc := mover.Location{Profile: &compat.Profile{Location: compat.Location{Type: "filesystem", Endpoint: dir}}, Path: "made-by-kopia", Password: key}
	r := openNew(t, loc)
	res, err := r.Reclaim(t.Context())
	if err != nil || !strings.Contains(res.Postponed, "ops@host") || res.Freed != 0 {
		t.Errorf("%+v, %v", res, err)
	}
}

// TestReclaimSparesNeighbours has repositories whose blobs kopia takes for those of
// the one above.
func TestReclaimSparesNeighbours(t *testing.T) {
	loc := location(t)
	src := t.TempDir()
	write(t, filepath.Join(src, "data"), random(3, 200<<10))
	want := tree(t, src)
	type neighbour struct {
		repository mover.Repository
		id         string
	}
	var all []neighbour
	for _, path := range []string{"a/payments", "a/xs-1", "a/p/012", "ab"} {
		l := loc
		l.Path = "backups/" + path
		r := openNew(t, l)
		all = append(all, neighbour{r, backup(t, r, src, "").SnapshotID})
	}
	loc.Path = "backups/a"
	r := openNew(t, loc)
	id := backup(t, r, src, "").SnapshotID
	sameTree(t, r, id, want)
	remove(t, r, id)
	if res := reclaim(t, r); res.Freed < 200<<10 || res.Freed > 300<<10 {
		t.Errorf("%d bytes freed, want 200 KiB and a little", res.Freed)
	}
	for _, n := range all {
		sameTree(t, n.repository, n.id, want)
	}
}

// TestOrigin: files of two volumes that look the same are not taken for each other.
func TestOrigin(t *testing.T) {
	r := shared(t)
	src := t.TempDir()
	at := time.Now().Add(-time.Hour)
	store := func(text, origin string) string {
		t.Helper()
		write(t, filepath.Join(src, "myid"), []byte(text))
		must(t, os.Chtimes(filepath.Join(src, "myid"), at, at))
		res, err := r.Backup(t.Context(), mover.BackupRequest{Path: src, Origin: origin})
		must(t, err)
		got := restore(t, r, mover.RestoreRequest{Selector: mover.Selector{ID: res.SnapshotID}, Target: t.TempDir()})
		restored, err := os.ReadFile(filepath.Join(got.Path, "myid"))
		must(t, err)
		return string(restored)
	}
	for _, tc := range []struct{ text, origin, want string }{
		{"1", "data-0", "1"},
		{"2", "data-1", "2"},
		{"3", "", "3"},
		// By time and size, this is the file of the first backup.
		{"4", "data-0", "1"},
	} {
		if got := store(tc.text, tc.origin); got != tc.want {
			t.Errorf("%s of %q: restored %s", tc.text, tc.origin, got)
		}
	}
}
