//go:build e2e

package e2e

import (
	"cmp"
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/mover"
)

// kopiaImage has the kopia program and a shell, and no rescue, as Kanister's own tools
// image.
func kopiaImage() string {
	return cmp.Or(os.Getenv("RESCUE_E2E_KOPIA_IMAGE"), "localhost/rescue-e2e-kopia:dev")
}

// plainFill makes what the kopia program keeps as well: it knows no hard links, holes
// and names that are not UTF-8.
const plainFill = `
set -e
cd /data
seq 1 200000 > numbers
head -c 3000000 /dev/urandom > random
mkdir -p empty/deeper odd cache
for n in ' space ' 'new
line' .kopiaignore; do echo "$n" > "odd/$n"; done
echo '*' > odd/.kopiaignore
echo 'Signature: 8a477f597d28d172789f06886806bc55' > cache/CACHEDIR.TAG
echo kept > cache/kept
ln -sf numbers link
ln -sf /nowhere dangling
: > nothing
chmod 4711 numbers; chmod 0 nothing; chown 1234:4321 random; chmod 1777 empty
touch -d '1999-12-31 23:59:59' random
`

// plainDigest leaves out the times of directories: kopia has those of their newest files.
const plainDigest = `
cd /data
find . -type d | sort | while IFS= read -r f; do stat -c '%N %f %u:%g' "$f"; done
find . ! -type d | sort | while IFS= read -r f; do stat -c '%N %f %u:%g %Y' "$f" || true; done
find . -type f -print0 | sort -z | xargs -0 md5sum
`

// destroy leaves a file that a restore has to replace.
const destroy = "cd /data && rm -rf ./* && echo changed > numbers"

// sameAfter restores and compares.
func (a *app) sameAfter(what, want string, args funcs.Args) {
	a.t.Helper()
	a.sh(destroy)
	a.call(funcs.RestoreData(), a.restore(args))
	if got := a.sh(plainDigest); got != want {
		a.t.Errorf("%s:\n%s\nbefore the backup:\n%s", what, got, want)
	}
}

// TestKopiaProgram has an application whose sidecar knows kopia and not Rescue. What the
// program has stored is restored by Rescue and by the program, and the other way round.
func TestKopiaProgram(t *testing.T) {
	t.Parallel()
	env, log := newEnv(t)
	env.Params.Profile = s3Profile(t)
	testKopiaProgram(t, newApp(t, env, kopiaImage(), ""))
	secret := env.Params.Profile.Credential.KeyPair.Secret
	if secret == "" || strings.Contains(log.String(), secret) || strings.Contains(log.String(), "the-key") {
		t.Error("the log shows a secret")
	}
}

func TestKopiaProgramToAVolume(t *testing.T) {
	t.Parallel()
	env, _ := newEnv(t)
	env.Params.Profile = &compat.Profile{Location: compat.Location{
		Type: compat.LocationFilesystem, Endpoint: "/backups", Bucket: "rescue", Claim: "backups",
	}}
	testKopiaProgram(t, newApp(t, env, kopiaImage(), "backups"))
}

func testKopiaProgram(t *testing.T, a *app) {
	key := funcs.Args{"encryptionKey": "the-key it's"}
	with := func(more funcs.Args) funcs.Args {
		all := funcs.Args{"namespace": a.Namespace, "backupArtifactPrefix": "web/data", "image": kopiaImage()}
		for _, args := range []funcs.Args{key, more} {
			for k, v := range args {
				all[k] = v
			}
		}
		return all
	}
	a.sh(plainFill)
	want := a.sh(plainDigest)
	out := a.call(funcs.BackupData(), a.backup(key))
	t.Logf("outputs %v", out)
	if out["fileCount"] != "8" || mebibytes(t, out["size"]) < 4 || mebibytes(t, out["phySize"]) < 2.8 {
		t.Errorf("outputs %v", out)
	}
	again := a.call(funcs.BackupData(), a.backup(key))
	if strings.HasSuffix(again["phySize"].(string), "MiB") || again["fileCount"] != "8" {
		t.Errorf("the second backup has the outputs %v", again)
	}
	a.sameAfter("restored by rescue", want, with(funcs.Args{"image": toolsImage(), "backupIdentifier": out["backupID"]}))
	a.sameAfter("restored by kopia", want, with(funcs.Args{"backupTag": again["backupTag"]}))
	if left := a.sh("ls -A /tmp"); left != "" {
		t.Errorf("the sidecar keeps %q", left)
	}

	copied := with(funcs.Args{"volume": a.claim, "dataArtifactPrefix": "web/data", "mountPath": "/data", "image": toolsImage()})
	delete(copied, "backupArtifactPrefix")
	byRescue := a.call(funcs.CopyVolumeData(), copied)
	a.sameAfter("stored by rescue, restored by kopia", want, with(funcs.Args{"backupIdentifier": byRescue["backupID"]}))
	copied["image"] = kopiaImage()
	byKopia := a.call(funcs.CopyVolumeData(), copied)
	if byKopia["fileCount"] != byRescue["fileCount"] || byKopia["size"] != byRescue["size"] {
		t.Errorf("the same volume by rescue: %v, by kopia: %v", byRescue, byKopia)
	}

	stats := a.call(funcs.BackupDataStats(), with(funcs.Args{"backupID": out["backupID"]}))
	if stats["fileCount"] != "8" || stats["size"] != out["size"] {
		t.Errorf("stats %v, backup %v", stats, out)
	}
	a.checks(with, "false", "false", nil)
	a.checks(with, "true", "false", funcs.Args{"encryptionKey": "another"})
	a.checks(with, "false", "true", funcs.Args{"backupArtifactPrefix": "web/nothing"})
	a.programErrors(with)

	freed := a.call(funcs.DeleteData(), with(funcs.Args{"backupID": out["backupID"], "reclaimSpace": true}))
	if freed["spaceFreed"] != "0 B" {
		t.Errorf("freed %v by a program that cannot", freed)
	}
	a.call(funcs.DeleteData(), with(funcs.Args{"backupTag": again["backupTag"]}))
	for _, made := range []funcs.Output{byRescue, byKopia} {
		freed = a.call(funcs.DeleteData(), with(funcs.Args{"backupTag": made["backupTag"], "reclaimSpace": true, "image": toolsImage()}))
	}
	if freed["spaceFreed"] == "0 B" {
		t.Error("rescue frees nothing where kopia has written")
	}
	if n := podsIn(t, a.Env); n != 1 {
		t.Errorf("%d pods, want the application's own", n)
	}
}

// checks runs CheckRepository.
func (a *app) checks(with func(funcs.Args) funcs.Args, wrongKey, missing string, more funcs.Args) {
	a.t.Helper()
	args := with(more)
	delete(args, "namespace")
	out := a.call(funcs.CheckRepository(), args)
	if out["passwordIncorrect"] != wrongKey || out["repoUnavailable"] != missing {
		a.t.Errorf("CheckRepository with %v: %v", more, out)
	}
}

func (a *app) programErrors(with func(funcs.Args) funcs.Args) {
	a.t.Helper()
	_, err := run(a.t, a.t.Context(), funcs.BackupData(), a.Env, a.backup(funcs.Args{"encryptionKey": "another"}))
	if mover.CodeOf(err) != mover.CodeWrongKey {
		a.t.Errorf("wrong key: %v", err)
	}
	_, err = run(a.t, a.t.Context(), funcs.RestoreData(), a.Env, a.restore(with(funcs.Args{"backupIdentifier": "0badf00d"})))
	if mover.CodeOf(err) != mover.CodeNotFound {
		a.t.Errorf("unknown snapshot: %v", err)
	}
	_, err = run(a.t, a.t.Context(), funcs.RestoreData(), a.Env, a.restore(with(funcs.Args{"backupTag": "t", "backupArtifactPrefix": "web/nothing"})))
	if mover.CodeOf(err) != mover.CodeNoRepository {
		a.t.Errorf("no repository: %v", err)
	}
	if a.exportTo != "" {
		return
	}
	env := *a.Env
	p, params := *a.Params.Profile, *a.Params
	p.Credential.KeyPair = &compat.KeyPair{ID: p.Credential.KeyPair.ID, Secret: "wrong"}
	params.Profile, env.Params = &p, &params
	_, err = run(a.t, a.t.Context(), funcs.BackupData(), &env, a.backup(funcs.Args{"encryptionKey": "k"}))
	if mover.CodeOf(err) != mover.CodeDenied {
		a.t.Errorf("wrong secret key: %v", err)
	}
	p.Location.Endpoint = "http://127.0.0.1:9"
	_, err = run(a.t, a.t.Context(), funcs.BackupData(), &env, a.backup(funcs.Args{"encryptionKey": "k"}))
	if mover.CodeOf(err) != mover.CodeUnreachable {
		a.t.Errorf("no store: %v", err)
	}
}

// TestCancelledKopiaProgramStops looks at what is left in the sidecar.
func TestCancelledKopiaProgramStops(t *testing.T) {
	t.Parallel()
	env, _ := newEnv(t)
	env.Params.Profile = s3Profile(t)
	a := newApp(t, env, kopiaImage(), "")
	a.sh("cd /data && for i in 1 2 3 4 5 6; do head -c 200000000 /dev/urandom > $i; done")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := run(t, ctx, funcs.BackupData(), env, a.backup(funcs.Args{"encryptionKey": "k"}))
		ended <- err
	}()
	a.await("the backup to run", func(processes string) bool {
		if len(ended) > 0 {
			t.Fatalf("it ended at once: %v", <-ended)
		}
		return strings.Contains(processes, "snapshot create")
	})
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want a cancelled backup", err)
	}
	a.await("the program to end", func(processes string) bool { return !strings.Contains(processes, "kopia") })
	a.await("the files to go", func(string) bool { return a.sh("ls -A /tmp") == "" })
	out := a.call(funcs.BackupData(), a.backup(funcs.Args{"encryptionKey": "k"}))
	if out["fileCount"] != "6" {
		t.Errorf("the next backup has the outputs %v", out)
	}
}

// await waits for what the processes of the sidecar show.
func (a *app) await(what string, there func(processes string) bool) {
	a.t.Helper()
	var seen string
	err := wait.PollUntilContextTimeout(a.t.Context(), 200*time.Millisecond, 2*time.Minute, true, func(context.Context) (bool, error) {
		seen = a.sh("ps -o args")
		return there(seen), nil
	})
	if err != nil {
		a.t.Fatalf("waited for %s: %v\n%s", what, err, seen)
	}
}

// TestKopiaProgramThroughAServer stores by the program behind a repository server.
func TestKopiaProgramThroughAServer(t *testing.T) {
	t.Parallel()
	env, _ := newEnv(t)
	env.Params.RepositoryServer = newRepositoryServer(t, env)
	a := newApp(t, env, kopiaImage(), "")
	a.sh(plainFill)
	want := a.sh(plainDigest)
	out := a.call(funcs.BackupDataUsingKopiaServer(), funcs.Args{
		"namespace": a.Namespace, "pod": a.pod, "container": a.container, "includePath": "/data", "snapshotTags": "app:web",
	})
	t.Logf("outputs %v", out)
	for _, image := range []string{toolsImage(), kopiaImage()} {
		a.sh(destroy)
		a.call(funcs.RestoreDataUsingKopiaServer(), funcs.Args{
			"namespace": a.Namespace, "image": image, "restorePath": "/data", "backupIdentifier": out["backupID"], "pod": a.pod,
		})
		if got := a.sh(plainDigest); got != want {
			t.Errorf("restored with %s:\n%s\nbefore the backup:\n%s", image, got, want)
		}
	}
	a.call(funcs.DeleteDataUsingKopiaServer(), funcs.Args{"namespace": a.Namespace, "image": kopiaImage(), "backupID": out["backupID"]})
	_, err := run(t, t.Context(), funcs.DeleteDataUsingKopiaServer(), env, funcs.Args{"namespace": a.Namespace, "image": kopiaImage(), "backupID": out["backupID"]})
	if mover.CodeOf(err) != mover.CodeNotFound {
		t.Errorf("deleting it again: %v", err)
	}
}
