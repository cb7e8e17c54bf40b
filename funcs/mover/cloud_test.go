package mover_test

import (
	"encoding/json"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/mover"
	"github.com/rescuecue/rescue/funcs/store/cloudtest"
)

// in returns a repository's location in the cloud.
func in(c *cloudtest.Cloud, path string) mover.Location {
	return mover.Location{Profile: c.Profile, Path: c.Profile.Location.Bucket + "/" + path, Password: key, Namespace: "shop"}
}

// cloudRoundTrip does with a cloud what TestReclaimSparesNeighbours does with a
// directory, and returns the snapshot that stays at shop/payments. Without a fence, the
// clean-up of shop takes that for packs of its own: their names start with p.
func cloudRoundTrip(t *testing.T, c *cloudtest.Cloud) string {
	t.Helper()
	src := oddTree(t)
	write(t, filepath.Join(src, "large"), random(4, 5<<20))
	want := tree(t, src)
	nested := openNew(t, in(c, "shop/payments"))
	kept := backup(t, nested, src, "kept")
	upper := openNew(t, in(c, "shop"))
	gone := backup(t, upper, src, "")
	sameTree(t, upper, gone.SnapshotID, want)
	if again := backup(t, upper, src, ""); again.PhysicalSize > 100<<10 {
		t.Errorf("the second backup uploaded %d bytes", again.PhysicalSize)
	} else {
		remove(t, upper, again.SnapshotID)
	}
	remove(t, upper, gone.SnapshotID)
	if res := reclaim(t, upper); res.Freed < 5<<20 {
		t.Errorf("%d bytes freed, want 5 MiB", res.Freed)
	}
	sameTree(t, openNew(t, in(c, "shop/payments")), kept.SnapshotID, want)
	return kept.SnapshotID
}

// cloudMistakes looks at the errors, which must not have the keys in them.
func cloudMistakes(t *testing.T, c *cloudtest.Cloud, wrong *compat.KeyPair) {
	t.Helper()
	for name, tc := range map[string]struct {
		change func(*mover.Location)
		code   mover.Code
	}{
		"wrong password": {func(l *mover.Location) { l.Password = "other" }, mover.CodeWrongKey},
		"no repository":  {func(l *mover.Location) { l.Path = "rescue/nowhere" }, mover.CodeNoRepository},
		"no bucket":      {func(l *mover.Location) { l.Path = "missing/shop" }, mover.CodeUnreachable},
		"wrong key":      {func(l *mover.Location) { l.Profile.Credential.KeyPair = wrong }, mover.CodeDenied},
		"no credential":  {func(l *mover.Location) { l.Profile.Credential = compat.Credential{} }, mover.CodeBadRequest},
	} {
		l, p := in(c, "shop/payments"), *c.Profile
		l.Profile = &p
		tc.change(&l)
		_, err := mover.Open(t.Context(), l)
		if mover.CodeOf(err) != tc.code {
			t.Errorf("%s: %v with code %s, want %s", name, err, mover.CodeOf(err), tc.code)
			continue
		}
		t.Log(name, ": ", err)
		for _, canary := range append(c.Canaries, wrong.Secret) {
			if strings.Contains(err.Error(), canary) {
				t.Errorf("%s: the key is in %v", name, err)
			}
		}
	}
	l := in(c, "shop/payments")
	l.Path = "missing/shop"
	if _, err := mover.OpenOrCreate(t.Context(), l); mover.CodeOf(err) != mover.CodeUnreachable {
		t.Errorf("no bucket to make a repository in: %v", err)
	}
}

func TestRepositoryInGCS(t *testing.T) {
	c := cloudtest.GCS(t, "127.0.0.1")
	id := cloudRoundTrip(t, c)
	cloudMistakes(t, c, cloudtest.OtherServiceAccount(t, c.Profile))

	t.Setenv("STORAGE_EMULATOR_HOST", strings.TrimPrefix(c.Direct, "http://"))
	kopia := kopiaProgram(t)
	kopia("repository", "connect", "gcs", "--bucket=rescue", "--prefix=shop/payments/", "--no-persist-credentials")
	stockRestores(t, kopia, id)
}

func TestRepositoryInAzure(t *testing.T) {
	c := cloudtest.Azure(t, "127.0.0.1")
	id := cloudRoundTrip(t, c)
	pair := *c.Profile.Credential.KeyPair
	pair.Secret = "AAAA" + pair.Secret[4:]
	cloudMistakes(t, c, &pair)

	// The program wants the account in the host's name: a proxy knows where that is.
	t.Setenv("HTTP_PROXY", azureProxy(t, c))
	kopia := kopiaProgram(t)
	loc := in(c, "shop/payments")
	p := *c.Profile
	p.Location.Endpoint = "http://" + p.Credential.KeyPair.ID + ".blob.test"
	loc.Profile = &p
	config := filepath.Join(t.TempDir(), "repository.config")
	text, err := mover.ProgramConfig(loc, mover.Identity{Username: "rescue", Hostname: "shop"}, t.TempDir(), mover.CacheLimits{})
	must(t, err)
	must(t, os.WriteFile(config, text, 0o600))
	kopia("repository", "connect", "from-config", "--file="+config, "--no-persist-credentials")
	stockRestores(t, kopia, id)
}

// azureProxy leads all that it is asked for to the emulator.
func azureProxy(t *testing.T, c *cloudtest.Cloud) string {
	u, err := url.Parse(c.Direct)
	must(t, err)
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Host, r.Out.Host = u.Host, r.In.Host
	}})
	t.Cleanup(proxy.Close)
	return proxy.URL
}

// stockRestores has the kopia program, connected to the repository, look for damage and
// restore the snapshot.
func stockRestores(t *testing.T, kopia func(...string) []byte, id string) {
	t.Helper()
	kopia("snapshot", "verify", "--verify-files-percent=100")
	var all []struct{ ID string }
	must(t, json.Unmarshal(kopia("snapshot", "list", "--all", "--json"), &all))
	if len(all) != 1 || all[0].ID != id {
		t.Fatalf("kopia lists %+v, want the snapshot %s", all, id)
	}
	target := filepath.Join(t.TempDir(), "restored")
	kopia("snapshot", "restore", id+"/large", target)
	got, err := os.ReadFile(target)
	must(t, err)
	if string(got) != string(random(4, 5<<20)) {
		t.Error("what kopia restores differs")
	}
}
