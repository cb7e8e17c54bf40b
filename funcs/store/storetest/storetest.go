// Package storetest checks that a store.Store does what its documentation says.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/rescuecue/rescue/funcs/store"
)

// Run checks a Store that holds nothing yet.
func Run(t *testing.T, s store.Store) {
	t.Run("round trip", func(t *testing.T) { roundTrip(t, s) })
	t.Run("absent", func(t *testing.T) { absent(t, s) })
	t.Run("failed put", func(t *testing.T) { failedPut(t, s) })
	t.Run("cancelled put", func(t *testing.T) { cancelledPut(t, s) })
	t.Run("list", func(t *testing.T) { list(t, s) })
	t.Run("delete prefix", func(t *testing.T) { deletePrefix(t, s) })
}

// Put writes a short object and fails the test if it cannot.
func Put(t *testing.T, s store.Store, key, content string) {
	t.Helper()
	if n, err := s.Put(t.Context(), key, strings.NewReader(content)); err != nil || n != int64(len(content)) {
		t.Fatalf("Put(%s) of %d bytes returned %d, %v", key, len(content), n, err)
	}
}

// Keys lists the keys that start with prefix, sorted.
func Keys(t *testing.T, s store.Store, prefix string) []string {
	t.Helper()
	var keys []string
	err := s.List(t.Context(), prefix, func(o store.Object) error {
		keys = append(keys, o.Key)
		return nil
	})
	if err != nil {
		t.Fatalf("List(%s): %v", prefix, err)
	}
	slices.Sort(keys)
	return keys
}

// content is data that no part of repeats in another place.
func content(size int) []byte {
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{}).Read(data) // it never fails
	return data
}

func roundTrip(t *testing.T, s store.Store) {
	for _, size := range []int{0, 1, 100_000, 8 << 20, 8<<20 + 1, 25<<20 + 17} {
		data := content(size)
		if n, err := s.Put(t.Context(), "rt/a b+ä/x", iotest.HalfReader(bytes.NewReader(data))); err != nil || n != int64(size) {
			t.Fatalf("Put of %d bytes returned %d, %v", size, n, err)
		}
		var got bytes.Buffer
		if n, err := s.Get(t.Context(), "rt/a b+ä/x", &got); err != nil || n != int64(size) {
			t.Errorf("Get of %d bytes returned %d, %v", size, n, err)
		}
		if !bytes.Equal(got.Bytes(), data) {
			t.Errorf("%d bytes came back changed", size)
		}
	}
	if got := Keys(t, s, "rt/"); !slices.Equal(got, []string{"rt/a b+ä/x"}) {
		t.Errorf("there are %q", got)
	}
}

func absent(t *testing.T, s store.Store) {
	if _, err := s.Get(t.Context(), "no/such", io.Discard); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get of nothing returned %v, expected ErrNotFound", err)
	}
	if err := s.Delete(t.Context(), "no/such"); err != nil {
		t.Errorf("Delete of nothing: %v", err)
	}
	if got := Keys(t, s, "no/such/"); got != nil {
		t.Errorf("there are %q", got)
	}
}

func failedPut(t *testing.T, s store.Store) {
	Put(t, s, "f/kept", "old")
	broken := errors.New("broken pipe")
	for _, size := range []int{10, 17 << 20} {
		for _, key := range []string{"f/kept", "f/new"} {
			r := io.MultiReader(bytes.NewReader(content(size)), iotest.ErrReader(broken))
			if _, err := s.Put(t.Context(), key, r); !errors.Is(err, broken) {
				t.Errorf("Put of %d bytes and an error returned %v", size, err)
			}
		}
	}
	var got bytes.Buffer
	if _, err := s.Get(t.Context(), "f/kept", &got); err != nil || got.String() != "old" {
		t.Errorf("a failed Put left %d bytes, %v; expected the old object", got.Len(), err)
	}
	if got := Keys(t, s, "f/"); !slices.Equal(got, []string{"f/kept"}) {
		t.Errorf("failed Puts left %q", got)
	}
}

func cancelledPut(t *testing.T, s store.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	r := io.MultiReader(bytes.NewReader(content(17<<20)), readerFunc(func(b []byte) (int, error) {
		cancel()
		b[0] = 'x'
		return 1, nil
	}))
	if _, err := s.Put(ctx, "c/x", r); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled Put returned %v", err)
	}
	if got := Keys(t, s, "c/"); got != nil {
		t.Errorf("a cancelled Put left %q", got)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

func list(t *testing.T, s store.Store) {
	for _, key := range []string{"l/a/1", "l/a/2/3", "l/ab", "l/b", "l2/a"} {
		Put(t, s, key, key)
	}
	tests := []struct {
		prefix string
		want   []string
	}{
		{"l/", []string{"l/a/1", "l/a/2/3", "l/ab", "l/b"}},
		{"l/a", []string{"l/a/1", "l/a/2/3", "l/ab"}},
		{"l/a/", []string{"l/a/1", "l/a/2/3"}},
		{"l/a/2/3", []string{"l/a/2/3"}},
		{"l/a/2/3/", nil},
		{"l2", []string{"l2/a"}},
	}
	for _, tt := range tests {
		if got := Keys(t, s, tt.prefix); !slices.Equal(got, tt.want) {
			t.Errorf("List(%s) gives %q, expected %q", tt.prefix, got, tt.want)
		}
	}
	stop, calls := errors.New("stop"), 0
	err := s.List(t.Context(), "l/", func(o store.Object) error {
		calls++
		if o.Size != int64(len(o.Key)) || o.Modified.IsZero() {
			t.Errorf("List gives %+v, but the size is %d", o, len(o.Key))
		}
		return stop
	})
	if !errors.Is(err, stop) || calls != 1 {
		t.Errorf("List went on to %d calls and returned %v", calls, err)
	}
}

func deletePrefix(t *testing.T, s store.Store) {
	for _, key := range []string{"d/b/1", "d/b/2/3", "d/bc", "d/b-old/1", "d/b.gz"} {
		Put(t, s, key, "x")
	}
	neighbours := []string{"d/b-old/1", "d/b.gz", "d/bc"}
	if n, err := store.DeletePrefix(t.Context(), s, "d/b/"); n != 2 || err != nil {
		t.Errorf("DeletePrefix returned %d, %v", n, err)
	}
	if got := Keys(t, s, "d/"); !slices.Equal(got, neighbours) {
		t.Errorf("DeletePrefix left %q, expected %q", got, neighbours)
	}
	if n, err := store.DeletePrefix(t.Context(), s, "d/bc"); n != 1 || err != nil {
		t.Errorf("DeletePrefix of one object returned %d, %v", n, err)
	}
	if n, err := store.DeletePrefix(t.Context(), s, "d/bc"); n != 0 || err != nil {
		t.Errorf("DeletePrefix of nothing returned %d, %v", n, err)
	}
	for _, key := range []string{"", "/"} {
		if _, err := store.DeletePrefix(t.Context(), s, key); err == nil {
			t.Errorf("DeletePrefix(%q) is not refused", key)
		}
	}
	if got := Keys(t, s, "d/"); !slices.Equal(got, neighbours[:2]) {
		t.Errorf("DeletePrefix left %q, expected %q", got, neighbours[:2])
	}
}
