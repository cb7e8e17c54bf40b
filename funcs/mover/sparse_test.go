package mover

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"
)

// TestWriteSparse: whatever the pieces, the file holds the data.
func TestWriteSparse(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		var want []byte
		for range rapid.IntRange(0, 6).Draw(t, "runs") {
			n := rapid.IntRange(1, 3*sparseBlock).Draw(t, "length")
			want = append(want, bytes.Repeat([]byte{byte(rapid.IntRange(0, 1).Draw(t, "value"))}, n)...)
		}
		path := filepath.Join(dir, "file")
		w, err := os.Create(path)
		if err == nil {
			err = w.Truncate(int64(len(want)))
		}
		for at := 0; err == nil && at < len(want); {
			n := rapid.IntRange(1, len(want)-at).Draw(t, "piece")
			err = writeSparse(w, want[at:at+n], int64(at))
			at += n
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%d bytes differ from %d written, %v", len(got), len(want), err)
		}
	})
}
