//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/mover"
)

// resticKey has what a shell would trip over.
const resticKey = `it's "restic's" $KEY`

// resticEnv is what Kanister sets before it calls restic.
func resticEnv(p *compat.Profile, repository string) string {
	return fmt.Sprintf(`
set -e
export AWS_ACCESS_KEY_ID='%s' AWS_SECRET_ACCESS_KEY='%s'
export RESTIC_PASSWORD='%s' RESTIC_REPOSITORY='s3:%s/%s/%s' RESTIC_CACHE_DIR=/tmp/restic
`, p.Credential.KeyPair.ID, p.Credential.KeyPair.Secret, strings.ReplaceAll(resticKey, "'", `'\''`), p.Location.Endpoint, p.Location.Bucket, repository)
}

// byRestic backs /data up as Kanister does, and returns the short ID.
func (a *app) byRestic(tag string) string {
	a.t.Helper()
	out := a.sh(resticEnv(a.Params.Profile, "web/data") + fmt.Sprintf(`
restic snapshots --last --json >/dev/null 2>&1 || restic init >/dev/null
restic backup --tag %s /data`, tag))
	for line := range strings.Lines(out) {
		var id string
		if n, _ := fmt.Sscanf(line, "snapshot %s saved", &id); n == 1 {
			return id
		}
	}
	a.t.Fatalf("restic made no snapshot:\n%s", out)
	return ""
}

// TestResticRepository reads a repository that was made as Kanister makes them.
func TestResticRepository(t *testing.T) {
	t.Parallel()
	env, log := newEnv(t)
	env.Params.Profile = s3Profile(t)
	a := newApp(t, env, toolsImage(), "")
	with := func(more funcs.Args) funcs.Args {
		args := funcs.Args{"encryptionKey": resticKey}
		for k, v := range more {
			args[k] = v
		}
		return args
	}
	// A directory of another program's making keeps its own time, too.
	a.sh(plainFill)
	want := a.sh(digest)
	first := a.byRestic("firsttag01")
	a.sh("rm -rf /data/cache && echo newer > /data/newer")
	second := a.byRestic("secondtag2")

	a.sh(destroy)
	a.call(funcs.RestoreData(), a.restore(with(funcs.Args{"backupIdentifier": first})))
	if got := a.sh(digest); got != want {
		t.Errorf("restored by ID:\n%s\nbefore the backup:\n%s", got, want)
	}
	a.sh(destroy)
	a.call(funcs.RestoreData(), a.restore(with(funcs.Args{"backupTag": "firsttag01"})))
	if got := a.sh(digest); got != want {
		t.Errorf("restored by tag:\n%s\nbefore the backup:\n%s", got, want)
	}
	stats := a.resticStats(with, first, "restore-size")
	// restic counts directories and links.
	if stats["fileCount"] != "15" || mebibytes(t, stats["size"]) < 4 {
		t.Errorf("stats %v", stats)
	}
	if raw := a.resticStats(with, first, "raw-data"); raw["fileCount"] == "0" || raw["size"] == stats["size"] {
		t.Errorf("raw stats %v", raw)
	}
	a.resticErrors(with, second)

	// Backups are kopia's, beside what restic has left there.
	made := a.call(funcs.BackupData(), a.backup(with(nil)))
	a.sh(destroy)
	a.call(funcs.RestoreData(), a.restore(with(funcs.Args{"backupTag": made["backupTag"]})))
	if got := a.sh(digest); got != want {
		t.Errorf("restored from kopia beside restic:\n%s\nbefore the backup:\n%s", got, want)
	}
	a.sh(destroy)
	a.call(funcs.RestoreData(), a.restore(with(funcs.Args{"backupIdentifier": second})))
	if got := a.sh("cat /data/newer; ls /data/cache 2>/dev/null || true"); got != "newer\n" {
		t.Errorf("restored from restic beside kopia: %q", got)
	}
	a.deleteRestic(with, first)
	a.call(funcs.RestoreData(), a.restore(with(funcs.Args{"backupTag": made["backupTag"]})))
	if strings.Contains(log.String(), "restic's") || strings.Contains(log.String(), env.Params.Profile.Credential.KeyPair.Secret) {
		t.Error("the log shows a secret")
	}
	if n := podsIn(t, env); n != 1 {
		t.Errorf("%d pods, want the application's own", n)
	}
}

func (a *app) resticStats(with func(funcs.Args) funcs.Args, id, mode string) funcs.Output {
	a.t.Helper()
	return a.call(funcs.BackupDataStats(), with(funcs.Args{
		"namespace": a.Namespace, "backupArtifactPrefix": "web/data", "backupID": id, "statsMode": mode,
	}))
}

func (a *app) resticErrors(with func(funcs.Args) funcs.Args, id string) {
	a.t.Helper()
	for name, tc := range map[string]struct {
		args funcs.Args
		code mover.Code
	}{
		"wrong key":    {funcs.Args{"backupIdentifier": id, "encryptionKey": "another"}, mover.CodeWrongKey},
		"unknown ID":   {with(funcs.Args{"backupIdentifier": "0badf00d"}), mover.CodeNotFound},
		"unknown tag":  {with(funcs.Args{"backupTag": "nosuchtag"}), mover.CodeNotFound},
		"nothing":      {with(funcs.Args{"backupTag": "firsttag01", "backupArtifactPrefix": "web/other"}), mover.CodeNoRepository},
		"a part of it": {with(funcs.Args{"backupIdentifier": id, "backupPath": "/data/odd"}), mover.CodeBadRequest},
	} {
		_, err := run(a.t, a.t.Context(), funcs.RestoreData(), a.Env, a.restore(tc.args))
		if mover.CodeOf(err) != tc.code {
			a.t.Errorf("%s: %v, want code %s", name, err, tc.code)
		}
	}
	out := a.call(funcs.CheckRepository(), with(funcs.Args{"backupArtifactPrefix": "web/data"}))
	if out["passwordIncorrect"] != "false" || out["repoUnavailable"] != "false" {
		a.t.Errorf("CheckRepository: %v", out)
	}
}

// deleteRestic deletes both snapshots, one by its ID, and reclaims their space.
func (a *app) deleteRestic(with func(funcs.Args) funcs.Args, first string) {
	a.t.Helper()
	remove := with(funcs.Args{"namespace": a.Namespace, "backupArtifactPrefix": "web/data", "backupID": first})
	a.call(funcs.DeleteData(), remove)
	if _, err := run(a.t, a.t.Context(), funcs.RestoreData(), a.Env, a.restore(with(funcs.Args{"backupIdentifier": first}))); mover.CodeOf(err) != mover.CodeNotFound {
		a.t.Errorf("restore of what is deleted: %v", err)
	}
	a.call(funcs.DeleteData(), remove) // a second time, as a phase may run
	delete(remove, "backupID")
	remove["backupTag"], remove["reclaimSpace"] = "secondtag2", true
	if out := a.call(funcs.DeleteData(), remove); out["spaceFreed"] == "0 B" {
		a.t.Error("restic frees nothing")
	}
	left := a.sh(resticEnv(a.Params.Profile, "web/data") + "restic snapshots --json")
	if strings.TrimSpace(left) != "[]" && strings.TrimSpace(left) != "null" {
		a.t.Errorf("restic still has %s", left)
	}
}
