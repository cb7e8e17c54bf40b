package mover_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// kopiaProgram returns how to call the stock kopia program with an own
// configuration.
func kopiaProgram(t *testing.T) func(args ...string) []byte {
	t.Helper()
	program := os.Getenv("RESCUE_KOPIA")
	if program == "" {
		found, err := exec.LookPath("kopia")
		if err != nil {
			t.Skip("no kopia program: make dist/kopia, or name one of v0.23 or newer in RESCUE_KOPIA")
		}
		program = found
	}
	home := t.TempDir()
	return func(args ...string) []byte {
		t.Helper()
		args = append(args, "--config-file="+filepath.Join(home, "repository.config"), "--log-dir="+filepath.Join(home, "log"))
		cmd := exec.CommandContext(t.Context(), program, args...)
		cmd.Env = append(os.Environ(), "HOME="+home, "KOPIA_PASSWORD="+key, "KOPIA_CHECK_FOR_UPDATES=false", "KOPIA_CACHE_DIRECTORY="+filepath.Join(home, "cache"))
		out, err := cmd.Output()
		if exit, ok := err.(*exec.ExitError); ok {
			t.Fatalf("kopia %v: %v\n%s", args, err, exit.Stderr)
		}
		must(t, err)
		return out
	}
}

// TestStockKopia opens our repository with the kopia program, which must find,
// verify and restore our snapshot, and leave it alone when it expires others.
func TestStockKopia(t *testing.T) {
	kopia := kopiaProgram(t)
	src := filepath.Join(t.TempDir(), "data")
	write(t, filepath.Join(src, "large"), random(1, 3<<20))
	write(t, filepath.Join(src, "sub", "small"), []byte("small"))
	must(t, os.Symlink("large", filepath.Join(src, "link")))
	loc := location(t)
	made := backup(t, openNew(t, loc), src, "mine")

	kopia("repository", "connect", "filesystem", "--path="+filepath.Join(loc.Profile.Location.Endpoint, loc.Path), "--no-persist-credentials")
	var snapshots []struct {
		ID     string
		Source struct{ Host, UserName, Path string }
	}
	must(t, json.Unmarshal(kopia("snapshot", "list", "--all", "--json", "--tags=backupTag:mine"), &snapshots))
	if len(snapshots) != 1 || snapshots[0].ID != made.SnapshotID {
		t.Fatalf("kopia lists %+v, want the snapshot %s", snapshots, made.SnapshotID)
	}
	if s := snapshots[0].Source; s.UserName != "rescue" || s.Host != "shop" || s.Path != src {
		t.Errorf("source %+v, want rescue@shop:%s", s, src)
	}
	kopia("snapshot", "verify", "--verify-files-percent=100")
	kopia("policy", "set", "--global", "--keep-latest=0", "--keep-hourly=0", "--keep-daily=0", "--keep-weekly=0", "--keep-monthly=0", "--keep-annual=0")
	kopia("snapshot", "expire", "--all", "--delete")
	target := filepath.Join(t.TempDir(), "restored")
	kopia("snapshot", "restore", made.SnapshotID, target)
	for _, name := range []string{"large", "sub/small", "link"} {
		want, err := os.ReadFile(filepath.Join(src, name))
		must(t, err)
		got, err := os.ReadFile(filepath.Join(target, name))
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s differs", name)
		}
	}
}

// TestStockKopiaAfterReclaim has the kopia program look for damage in a repository
// whose space was reclaimed.
func TestStockKopiaAfterReclaim(t *testing.T) {
	kopia := kopiaProgram(t)
	loc := location(t)
	r := openNew(t, loc)
	src := t.TempDir()
	var ids []string
	for i := range 4 {
		write(t, filepath.Join(src, "shared"), random(1, 1<<20))
		write(t, filepath.Join(src, "changing"), random(uint64(10+i), 1<<20))
		ids = append(ids, backup(t, r, src, "").SnapshotID)
	}
	remove(t, r, ids[0])
	remove(t, r, ids[2])
	if res := reclaim(t, r); res.Freed < 2<<20 {
		t.Errorf("%d bytes freed, want 2 MiB", res.Freed)
	}
	kopia("repository", "connect", "filesystem", "--path="+filepath.Join(loc.Profile.Location.Endpoint, loc.Path), "--no-persist-credentials")
	kopia("content", "verify", "--full")
	kopia("index", "inspect", "--all")
	kopia("snapshot", "verify", "--verify-files-percent=100")
}
