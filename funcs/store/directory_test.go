package store_test

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/store"
	"github.com/rescuecue/rescue/funcs/store/storetest"
)

func directoryProfile(dir, bucket string) *compat.Profile {
	return &compat.Profile{Location: compat.Location{Type: compat.LocationFilesystem, Endpoint: dir, Bucket: bucket}}
}

func open(t *testing.T, p *compat.Profile) store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestDirectory(t *testing.T) {
	dir := t.TempDir()
	storetest.Run(t, open(t, directoryProfile(dir, "a/b")))
	left, err := os.ReadDir(filepath.Join(dir, "a/b/.rescue-partial"))
	if err != nil || len(left) != 0 {
		t.Errorf("unfinished files were left: %v, %v", left, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "a/b/d/b")); !os.IsNotExist(err) {
		t.Errorf("an empty folder was left: %v", err)
	}
}

func TestDirectoryKeysStayWithin(t *testing.T) {
	dir := t.TempDir()
	s := open(t, directoryProfile(dir, "in"))
	if err := os.Symlink(dir, filepath.Join(dir, "in/link")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "outside"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"", ".", "..", "../outside", "a/../../outside", "/outside", "link/outside", "a//b", "a/", ".rescue-partial/x"} {
		if _, err := s.Put(t.Context(), key, strings.NewReader("new")); err == nil {
			t.Errorf("Put(%q) is not refused", key)
		}
		if _, err := s.Get(t.Context(), key, io.Discard); err == nil {
			t.Errorf("Get(%q) is not refused", key)
		}
		if err := s.Delete(t.Context(), key); err == nil {
			t.Errorf("Delete(%q) is not refused", key)
		}
	}
	if got, err := os.ReadFile(filepath.Join(dir, "outside")); string(got) != "x" {
		t.Errorf("a file outside changed to %q, %v", got, err)
	}
	if got := storetest.Keys(t, s, ""); got != nil {
		t.Errorf("there are %q", got)
	}
}

func TestDirectoryConcurrent(t *testing.T) {
	s := open(t, directoryProfile(t.TempDir(), ""))
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 50 {
				storetest.Put(t, s, "same/folder/x", "content")
				if err := s.Delete(t.Context(), "same/folder/x"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	claim := directoryProfile(dir+"/none", "")
	claim.Location.Claim = "backups"
	keyless := &compat.Profile{Location: compat.Location{Type: compat.LocationS3, Bucket: "b"}}
	opaque := &compat.Profile{Location: keyless.Location, Credential: compat.Credential{Type: "secret", Secret: &compat.Secret{Type: "Opaque"}}}
	tests := []struct {
		name    string
		profile *compat.Profile
		err     string
	}{
		{"no profile", nil, "there is no profile"},
		{"gcs", &compat.Profile{Location: compat.Location{Type: "gcs"}}, "the location has no bucket"},
		{"azure", &compat.Profile{Location: compat.Location{Type: "azure"}}, "the location has no bucket"},
		{"kopia", &compat.Profile{Location: compat.Location{Type: "kopia"}}, "a location of type kopia holds no objects"},
		{"typo", &compat.Profile{Location: compat.Location{Type: "s3"}}, `location type "s3" is not known`},
		{"no directory", directoryProfile(dir+"/none", ""), "/none does not exist; make it first"},
		{"claim", claim, "is in the claim backups, which only pods that mount it can reach"},
		{"relative", directoryProfile("here", ""), `"here" is not the absolute path of a directory`},
		{"out of it", directoryProfile(dir, "../x"), `location bucket "../x" is not a folder below the endpoint`},
		{"a file", directoryProfile(file, ""), "open the location's directory"},
		{"a file as folder", directoryProfile(dir, "file"), "make the location's folder"},
		{"no bucket", &compat.Profile{Location: compat.Location{Type: compat.LocationS3}}, "the location has no bucket"},
		{"no key", keyless, "the profile has no credential"},
		{"no key pair", opaque, `needs a secret of type secrets.kanister.io/aws, found "Opaque"`},
	}
	for _, tt := range tests {
		s, err := store.Open(t.Context(), tt.profile)
		if err == nil || !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: %v, %v; expected %s", tt.name, s, err, tt.err)
		}
	}
}

func TestDirectoryFolderIsNoObject(t *testing.T) {
	s := open(t, directoryProfile(t.TempDir(), ""))
	storetest.Put(t, s, "a/b", "x")
	if err := s.Delete(t.Context(), "a"); err != nil {
		t.Error(err)
	}
	if _, err := s.Put(t.Context(), "a", strings.NewReader("x")); err == nil {
		t.Error("an object replaced a folder of others")
	}
	if got := storetest.Keys(t, s, ""); !slices.Equal(got, []string{"a/b"}) {
		t.Errorf("there are %q", got)
	}
}
