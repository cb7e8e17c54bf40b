package funcs

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/store/cloudtest"
)

func TestLocationDelete(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"pre/a/b", "pre/a/bc", "pre/a/b.d/e", "pre/c/1", "pre/c/2/3", "pre/d"} {
		file := filepath.Join(dir, "bucket", name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	profile := func(endpoint string) *compat.Profile {
		return &compat.Profile{Location: compat.Location{Type: "filesystem", Endpoint: endpoint, Bucket: "bucket", Prefix: "pre", Claim: "backups"}}
	}
	tests := []struct {
		name     string
		profile  *compat.Profile
		artifact string
		log, err string
	}{
		{"one object", profile(dir), "a/b", "path=pre/a/b objects=1", ""},
		{"folder, with the bucket", profile(dir), "bucket/c/", "path=pre/c objects=2", ""},
		{"nothing there", profile(dir), "none", "path=pre/none objects=0", ""},
		{"everything", profile(dir), "/", "", "would mean everything"},
		{"another location", profile(dir), "s3://bucket/a", "", "does not belong to a location of type filesystem"},
		{"no profile", nil, "a", "", "LocationDelete needs a profile"},
	}
	for _, tt := range tests {
		var log bytes.Buffer
		env := &Env{Params: &compat.Params{Profile: tt.profile}, Log: slog.New(slog.NewTextHandler(&log, nil))}
		out, err := LocationDelete().Exec(t.Context(), env, Args{"artifact": tt.artifact})
		if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: %v, expected %q", tt.name, err, tt.err)
		}
		if len(out) > 0 || !strings.Contains(log.String(), tt.log) {
			t.Errorf("%s: outputs %v, log %q", tt.name, out, log.String())
		}
	}
	var left []string
	err := filepath.WalkDir(filepath.Join(dir, "bucket/pre"), func(name string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			left = append(left, strings.TrimPrefix(name, filepath.Join(dir, "bucket/pre")))
		}
		return err
	})
	if got := strings.Join(left, " "); err != nil || got != "/a/b.d/e /a/bc /d" {
		t.Errorf("left are %s, %v", got, err)
	}
}

// tainting keeps what was made known as a secret.
type tainting struct{ values map[string]bool }

func (s tainting) Add(value string)          { s.values[value] = true }
func (s tainting) Find(text string) [][2]int { return nil }

// The keys that a role gives are made known as secrets before a request is signed with them.
func TestLocationDeleteTaintsKeysOfRole(t *testing.T) {
	cloud := cloudtest.TalkativeS3(t)
	known := tainting{map[string]bool{}}
	env := &Env{Params: &compat.Params{Profile: cloud.Profile}, Log: slog.New(slog.DiscardHandler), Secrets: known}
	if _, err := LocationDelete().Exec(t.Context(), env, Args{"artifact": "a"}); err == nil {
		t.Error("the store refuses, and it works all the same")
	}
	for _, key := range cloud.Canaries[:3] {
		if !known.values[key] {
			t.Errorf("%s is not known as a secret", key)
		}
	}
}
