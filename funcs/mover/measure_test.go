package mover_test

import (
	"path/filepath"
	"testing"

	"github.com/rescuecue/rescue/funcs/mover"
)

func TestMeasure(t *testing.T) {
	const small, other, large = 300_000, 100_000, 12 << 20
	src := t.TempDir()
	write(t, filepath.Join(src, "one"), random(1, small))
	write(t, filepath.Join(src, "sub", "same"), random(1, small))
	write(t, filepath.Join(src, "sub2", "same"), random(1, small))
	write(t, filepath.Join(src, "sub2", "other"), random(2, other))
	write(t, filepath.Join(src, "large"), random(3, large))
	write(t, filepath.Join(src, "empty"), nil)
	write(t, filepath.Join(src, "sub", "empty too"), nil)
	r := openNew(t, location(t))
	id := backup(t, r, src, "size").SnapshotID
	for how, want := range map[mover.Measure]mover.Measured{
		mover.MeasureRestoreSize: {Count: 7, Size: 3*small + other + large},
		mover.MeasureFiles:       {Count: 4, Size: small + other + large},
		mover.MeasureBlobs:       {Count: 3, Size: small + other + large},
	} {
		for _, which := range []mover.Selector{{ID: id}, {Tag: "size"}} {
			got, err := r.Measure(t.Context(), which, how)
			if err != nil || got != want {
				t.Errorf("%s: %+v, %v; want %+v", how, got, err, want)
			}
		}
	}
	// Random data does not compress, and what the store adds to it is little.
	raw, err := r.Measure(t.Context(), mover.Selector{ID: id}, mover.MeasureRaw)
	if least := int64(small + other + large); err != nil || raw.Size < least || raw.Size > least+20_000 || raw.Count < 8 || raw.Count > 20 {
		t.Errorf("raw data: %+v, %v", raw, err)
	}
}

// TestMeasureRepeated: a file of zeros is made of the same part again and again.
func TestMeasureRepeated(t *testing.T) {
	src := t.TempDir()
	write(t, filepath.Join(src, "zeros"), make([]byte, 48<<20))
	r := shared(t)
	id := mover.Selector{ID: backup(t, r, src, "").SnapshotID}
	blobs, err := r.Measure(t.Context(), id, mover.MeasureBlobs)
	if err != nil || blobs.Count != 1 || blobs.Size >= 48<<20 || blobs.Size < 1<<20 {
		t.Errorf("blobs per file: %+v, %v", blobs, err)
	}
	raw, err := r.Measure(t.Context(), id, mover.MeasureRaw)
	if err != nil || raw.Size > 100<<10 {
		t.Errorf("raw data of what compresses well: %+v, %v", raw, err)
	}
}

func TestMeasureErrors(t *testing.T) {
	src := t.TempDir()
	write(t, filepath.Join(src, "file"), []byte("x"))
	r := shared(t)
	id := backup(t, r, src, "").SnapshotID
	if _, err := r.Measure(t.Context(), mover.Selector{ID: id}, "weight"); mover.CodeOf(err) != mover.CodeBadRequest {
		t.Errorf("unknown measure: %v", err)
	}
	if _, err := r.Measure(t.Context(), mover.Selector{ID: "0badf00d"}, mover.MeasureRaw); mover.CodeOf(err) != mover.CodeNotFound {
		t.Errorf("unknown snapshot: %v", err)
	}
}
