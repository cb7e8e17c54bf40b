package kopiaserver_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/kopiaserver"
	"github.com/rescuecue/rescue/funcs/kopiaserver/kopiaservertest"
	"github.com/rescuecue/rescue/funcs/mover"
)

// login opens the server as a host, and closes it with the test.
func login(t *testing.T, profile *compat.Profile) mover.Server {
	t.Helper()
	r, err := mover.OpenServer(t.Context(), profile, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
	return r
}

// random is a stream of n bytes that are the same each time.
func random(n int64) io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{1}), n)
}

func digest(t *testing.T, r io.Reader) string {
	t.Helper()
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		t.Fatal(err)
	}
	return string(h.Sum(nil))
}

func TestStream(t *testing.T) {
	c := kopiaservertest.Config(t)
	s := kopiaservertest.Start(t, c)
	r := login(t, kopiaservertest.Profile(t, c, s, "one", "one-secret"))
	const size = 30 << 20
	stored, err := r.BackupStream(t.Context(), mover.StreamRequest{Name: "dumps/shop.sql", Content: random(size)})
	if err != nil {
		t.Fatal(err)
	}
	if stored.SnapshotID == "" || stored.RootSize != size || stored.PhysicalSize < size || stored.Path != "dumps" {
		t.Errorf("stored %+v", stored)
	}
	h := sha256.New()
	if err := r.ReadStream(t.Context(), stored.SnapshotID, "dumps/shop.sql", h); err != nil {
		t.Fatal(err)
	}
	if string(h.Sum(nil)) != digest(t, random(size)) {
		t.Error("the stream that comes back is another one")
	}
	again, err := r.BackupStream(t.Context(), mover.StreamRequest{Name: "dumps/shop.sql", Content: random(size)})
	if err != nil || again.PhysicalSize > size/10 || again.SnapshotID == stored.SnapshotID {
		t.Errorf("stored again: %+v, %v", again, err)
	}
	if err := r.Delete(t.Context(), mover.Selector{ID: stored.SnapshotID}); err != nil {
		t.Error(err)
	}
	err = r.ReadStream(t.Context(), stored.SnapshotID, "dumps/shop.sql", io.Discard)
	if mover.CodeOf(err) != mover.CodeNotFound {
		t.Errorf("reading what is deleted: %v", err)
	}
	if err := r.ReadStream(t.Context(), again.SnapshotID, "shop.sql", io.Discard); err != nil {
		t.Errorf("deleting one snapshot broke the other: %v", err)
	}
}

// A stream that breaks leaves no snapshot.
func TestBrokenStream(t *testing.T) {
	c := kopiaservertest.Config(t)
	s := kopiaservertest.Start(t, c)
	r := login(t, kopiaservertest.Profile(t, c, s, "one", "one-secret"))
	broken := io.MultiReader(random(1<<20), iotest.ErrReader(errors.New("the dump died")))
	_, err := r.BackupStream(t.Context(), mover.StreamRequest{Name: "x", Content: broken})
	if err == nil || !strings.Contains(err.Error(), "the dump died") {
		t.Errorf("error %v", err)
	}
	if list, err := r.List(t.Context()); err != nil || len(list) > 0 {
		t.Errorf("it left %+v, %v", list, err)
	}
}

func TestDirectory(t *testing.T) {
	c := kopiaservertest.Config(t)
	s := kopiaservertest.Start(t, c)
	r := login(t, kopiaservertest.Profile(t, c, s, "one", "one-secret"))
	dir, target := t.TempDir(), filepath.Join(t.TempDir(), "new")
	files := map[string]string{"a": "one", "sub/b": "two"}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o640)); err != nil {
			t.Fatal(err)
		}
	}
	stored, err := r.Backup(t.Context(), mover.BackupRequest{Path: dir, Tags: map[string]string{"app": "shop"}})
	if err != nil || stored.FileCount != 2 {
		t.Fatalf("stored %+v, %v", stored, err)
	}
	held, err := r.HoldsStream(t.Context(), stored.SnapshotID, "dumps/a")
	if err != nil || held.Stream || held.Path != dir {
		t.Errorf("it holds %+v, %v", held, err)
	}
	_, err = r.Restore(t.Context(), mover.RestoreRequest{Selector: mover.Selector{ID: stored.SnapshotID}, Target: target, SubPath: held.Path})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		got, err := os.ReadFile(filepath.Join(target, name))
		if err != nil || string(got) != text {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestWhoMayLogIn(t *testing.T) {
	c := kopiaservertest.Config(t)
	s := kopiaservertest.Start(t, c)
	one := kopiaservertest.Profile(t, c, s, "one", "one-secret")
	stored, err := login(t, one).BackupStream(t.Context(), mover.StreamRequest{Name: "x", Content: strings.NewReader("x")})
	if err != nil {
		t.Fatal(err)
	}
	two := login(t, kopiaservertest.Profile(t, c, s, "two", "two-secret"))
	if list, err := two.List(t.Context()); err != nil || len(list) > 0 {
		t.Errorf("another host sees %+v, %v", list, err)
	}
	if err := two.Delete(t.Context(), mover.Selector{ID: stored.SnapshotID}); err == nil {
		t.Error("another host may delete it")
	}
	refused := func(profile *compat.Profile, why string) {
		t.Helper()
		r, err := mover.OpenServer(t.Context(), profile, nil)
		if mover.CodeOf(err) != mover.CodeDenied || !strings.Contains(err.Error(), why) {
			t.Errorf("error %v, expected %q", err, why)
		}
		if err == nil {
			_ = r.Close(t.Context())
		}
	}
	refused(kopiaservertest.Profile(t, c, s, "one", "two-secret"), "does not let shop@one in")
	refused(kopiaservertest.Profile(t, c, s, "three", "three-secret"), "does not let shop@three in")
	other := c
	other.Certificate, _ = kopiaservertest.Certificate(t, "127.0.0.1")
	refused(kopiaservertest.Profile(t, other, s, "one", "one-secret"), "another certificate")

	// The users change while the server runs.
	if err := s.SetUsers(t.Context(), map[string]string{"shop@one": "new-secret", "shop@three": "three-secret"}); err != nil {
		t.Fatal(err)
	}
	refused(one, "does not let shop@one in")
	refused(kopiaservertest.Profile(t, c, s, "two", "two-secret"), "does not let shop@two in")
	login(t, kopiaservertest.Profile(t, c, s, "three", "three-secret"))
	r := login(t, kopiaservertest.Profile(t, c, s, "one", "new-secret"))
	var text bytes.Buffer
	if err := r.ReadStream(t.Context(), stored.SnapshotID, "x", &text); err != nil || text.String() != "x" {
		t.Errorf("with the new password it reads %q, %v", text.String(), err)
	}
}

// The second start finds the repository and its users.
func TestStartAgain(t *testing.T) {
	c := kopiaservertest.Config(t)
	s := kopiaservertest.Start(t, c)
	profile := kopiaservertest.Profile(t, c, s, "one", "one-secret")
	stored, err := login(t, profile).BackupStream(t.Context(), mover.StreamRequest{Name: "x", Content: strings.NewReader("x")})
	if err != nil {
		t.Fatal(err)
	}
	s.Stop()
	if s.Err() != nil {
		t.Errorf("told to stop, it ends with %v", s.Err())
	}
	again := kopiaservertest.Start(t, c)
	r := login(t, kopiaservertest.Profile(t, c, again, "one", "one-secret"))
	if list, err := r.List(t.Context()); err != nil || len(list) != 1 || list[0].ID != stored.SnapshotID {
		t.Errorf("after the restart it has %+v, %v", list, err)
	}
}

func TestStartFails(t *testing.T) {
	o := kopiaservertest.Options(t)
	good := kopiaservertest.Config(t)
	r, err := mover.OpenOrCreate(t.Context(), good.Location)
	if err == nil {
		err = r.Close(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, want string
		change     func(*kopiaserver.Config, *kopiaserver.Options)
	}{
		{"no repository", "rescue repository-server do so with --create", func(c *kopiaserver.Config, o *kopiaserver.Options) { c.Location.Path, o.Create = "none", false }},
		{"wrong password", "encryption key does not fit", func(c *kopiaserver.Config, _ *kopiaserver.Options) { c.Location.Password = "wrong" }},
		{"no certificate", "not in PEM form", func(c *kopiaserver.Config, _ *kopiaserver.Options) { c.Certificate = []byte("x") }},
		{"no program", "needs the kopia program", func(_ *kopiaserver.Config, o *kopiaserver.Options) { o.Program = "no-such-kopia" }},
		{"user name", "kopia server users add", func(c *kopiaserver.Config, _ *kopiaserver.Options) { c.Users = map[string]string{"Ä@x": "y"} }},
		{"port", "before it listened", func(_ *kopiaserver.Config, o *kopiaserver.Options) { o.Listen = "192.0.2.1:1" }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, opt := good, o
			opt.Dir = t.TempDir()
			tt.change(&c, &opt)
			s, err := kopiaserver.Start(t.Context(), c, opt)
			if err == nil {
				s.Stop()
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, expected %q", err, tt.want)
			}
			for _, secret := range []string{"repository-secret", "one-secret", "admin-secret"} {
				if err != nil && strings.Contains(err.Error(), secret) {
					t.Errorf("the error shows %q: %v", secret, err)
				}
			}
		})
	}
}
