package mover

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kopia/kopia/snapshot"

	"github.com/rescuecue/rescue/compat"
)

// treeOfSizes has files of the sizes around which something changes: of random bytes, and of
// bytes that compress.
func treeOfSizes(t *testing.T) (dir string, files int32, bytes int64) {
	t.Helper()
	dir = t.TempDir()
	noise := rand.NewChaCha8([32]byte{1})
	for _, size := range []int{0, 1, 255, 3*sampleSize + 1, 64 << 10, smallLimit - 1, smallLimit, smallLimit + 1} {
		content := make([]byte, size)
		if _, err := noise.Read(content); err != nil {
			t.Fatal(err)
		}
		for kind, data := range map[string][]byte{"random": content, "text": []byte(strings.Repeat("a line\n", size/7))} {
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%d", kind, size)), data, 0o640); err != nil {
				t.Fatal(err)
			}
			files, bytes = files+1, bytes+int64(len(data))
		}
	}
	return dir, files, bytes
}

// TestSmallFilesAreStoredAsByKopia stores a tree in both ways. Entries and contents have
// the same IDs, so the whole trees have.
func TestSmallFilesAreStoredAsByKopia(t *testing.T) {
	opened, err := OpenOrCreate(t.Context(), Location{
		Profile:  &compat.Profile{Location: compat.Location{Type: compat.LocationFilesystem, Endpoint: t.TempDir()}},
		Path:     "repo",
		Password: "key",
	})
	if err != nil {
		t.Fatal(err)
	}
	ours := opened.(*kopiaRepository)
	defer func() {
		if err := ours.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	kopias := *ours
	kopias.store = nil // as of a server
	dir, files, bytes := treeOfSizes(t)
	store := func(r *kopiaRepository, origin string) (*snapshot.Manifest, *smallFiles) {
		p := newProgress(nil)
		src := &source{skipped: p.skip}
		root, err := src.open(dir)
		if err != nil {
			t.Fatal(err)
		}
		// Of another origin, no file counts as unchanged.
		man, err := r.upload(t.Context(), root, dir, BackupRequest{Origin: origin}, p)
		if err != nil {
			t.Fatal(err)
		}
		if man.Stats.TotalFileCount != files || man.Stats.TotalFileSize != bytes || p.hashed.Load() != bytes {
			t.Errorf("%s: %+v, %d bytes hashed, want %d files of %d bytes", origin, man.Stats, p.hashed.Load(), files, bytes)
		}
		return man, src.small
	}
	first, small := store(ours, "ours")
	if n := int32(small.count.Load()); n != files-1 {
		t.Errorf("%d files were stored as small ones, want all but the largest of %d", n, files)
	}
	second, small := store(&kopias, "kopia's")
	if small != nil {
		t.Error("behind a server, files were stored as small ones")
	}
	if first.RootEntry.ObjectID != second.RootEntry.ObjectID {
		t.Errorf("stored as %s, kopia stores it as %s", first.RootEntry.ObjectID, second.RootEntry.ObjectID)
	}
}

// TestFailureToStoreIsReportedAsItself has a file that could be read, and not be stored.
func TestFailureToStoreIsReportedAsItself(t *testing.T) {
	p := newProgress(nil)
	p.Error("dir/file", fmt.Errorf("can't read placeholder: %w", &storeError{errors.New("the store is full")}), false)
	err := p.failures()
	if err == nil || !strings.HasSuffix(err.Error(), "(dir/file): the store is full") {
		t.Errorf("%v", err)
	}
}

func TestReadFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	for size, want := range map[int]string{0: "", 3: "con", 7: "content", 100: "content"} {
		buf := make([]byte, size)
		if n, err := readFile(path, buf); err != nil || string(buf[:n]) != want {
			t.Errorf("%d bytes of %q: %q, %v", size, "content", buf[:n], err)
		}
	}
	link := path + "-link"
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []string{link, path + "-missing", filepath.Dir(path)} {
		if n, err := readFile(wrong, make([]byte, 10)); err == nil {
			t.Errorf("%s: %d bytes read, want an error", wrong, n)
		}
	}
}
