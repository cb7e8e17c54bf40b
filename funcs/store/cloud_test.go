package store_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/store"
	"github.com/rescuecue/rescue/funcs/store/cloudtest"
	"github.com/rescuecue/rescue/funcs/store/storetest"
)

// clouds are the emulators that there are.
var clouds = map[string]func(testing.TB, string) *cloudtest.Cloud{"gcs": cloudtest.GCS, "azure": cloudtest.Azure}

func TestClouds(t *testing.T) {
	for name, start := range clouds {
		t.Run(name, func(t *testing.T) {
			p := start(t, "127.0.0.1").Profile
			storetest.Run(t, open(t, p))
			t.Run("ranges", func(t *testing.T) { ranges(t, p) })
			t.Run("errors", func(t *testing.T) { cloudErrors(t, p) })
		})
	}
}

// ranges reads parts of an object, as repositories do.
func ranges(t *testing.T, p *compat.Profile) {
	b, err := store.OpenBlobs(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	storetest.Put(t, b, "r/x", "0123456789")
	for _, tc := range []struct {
		offset, length int64
		want           string
	}{{0, -1, "0123456789"}, {2, 3, "234"}, {9, 1, "9"}, {8, 5, "89"}, {4, 0, ""}} {
		var got strings.Builder
		n, err := b.GetRange(t.Context(), "r/x", tc.offset, tc.length, &got)
		if err != nil || got.String() != tc.want || n != int64(len(tc.want)) {
			t.Errorf("%d bytes from %d on: %q, %d, %v", tc.length, tc.offset, got.String(), n, err)
		}
	}
	// Azure says ErrRange, its emulator that there is nothing.
	if n, err := b.GetRange(t.Context(), "r/x", 10, 1, io.Discard); n != 0 || err != nil && !errors.Is(err, store.ErrRange) {
		t.Errorf("a range after the end gives %d, %v", n, err)
	}
	if o, err := b.Stat(t.Context(), "r/x"); err != nil || o.Key != "r/x" || o.Size != 10 || o.Modified.IsZero() {
		t.Errorf("Stat gives %+v, %v", o, err)
	}
	if _, err := b.Stat(t.Context(), "r/y"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Stat of nothing gives %v", err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

// cloudErrors are those that users make.
func cloudErrors(t *testing.T, p *compat.Profile) {
	missing := *p
	missing.Location.Bucket = "missing"
	s := open(t, &missing)
	_, put := s.Put(t.Context(), "x", strings.NewReader("x"))
	list := s.List(t.Context(), "", func(store.Object) error { return nil })
	for name, err := range map[string]error{"put": put, "list": list} {
		if !errors.Is(err, store.ErrNoBucket) || !strings.Contains(err.Error(), "missing") {
			t.Errorf("%s in a bucket that is missing gives %v", name, err)
		}
	}
	wrong := *p
	wrong.Credential.KeyPair = otherKey(t, p)
	_, err := open(t, &wrong).Get(t.Context(), "x", io.Discard)
	if !errors.Is(err, store.ErrDenied) || strings.Contains(err.Error(), wrong.Credential.KeyPair.Secret) {
		t.Errorf("a wrong key gives %v", err)
	}
	t.Log(put, "\n", list, "\n", err)
}

// otherKey is one that the store does not know.
func otherKey(t *testing.T, p *compat.Profile) *compat.KeyPair {
	if p.Location.Type == compat.LocationAzure {
		return &compat.KeyPair{ID: p.Credential.KeyPair.ID, Secret: "AAAA" + p.Credential.KeyPair.Secret[4:]}
	}
	return cloudtest.OtherServiceAccount(t, p)
}
