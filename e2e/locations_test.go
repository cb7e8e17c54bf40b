//go:build e2e

package e2e

import (
	"encoding/base64"
	"net"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/mover"
	"github.com/rescuecue/rescue/funcs/store/cloudtest"
)

// thisHost is an address of this machine that pods reach, too: RESCUE_E2E_HOST, or that
// of the S3 server if it is here.
func thisHost(t *testing.T) string {
	t.Helper()
	host := os.Getenv("RESCUE_E2E_HOST")
	if u, err := url.Parse(os.Getenv("RESCUE_E2E_S3_ENDPOINT")); host == "" && err == nil {
		host = u.Hostname()
	}
	if host == "" {
		t.Skip("no address of this machine that pods reach: set RESCUE_E2E_HOST")
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Skipf("%s is no address of this machine that pods reach: set RESCUE_E2E_HOST: %v", host, err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	return host
}

func TestLocationGCS(t *testing.T) {
	t.Parallel()
	useCloud(t, cloudtest.GCS(t, thisHost(t)))
}

func TestLocationAzure(t *testing.T) {
	t.Parallel()
	useCloud(t, cloudtest.Azure(t, thisHost(t)))
}

// TestLocationS3Role has a server whose certificate only the profile vouches for, and
// keys that expire all the time.
func TestLocationS3Role(t *testing.T) {
	t.Parallel()
	cloud := cloudtest.NewS3(t, thisHost(t), s3Profile(t))
	useCloud(t, cloud.Cloud)
	if n := cloud.Sessions(); n < 10 {
		t.Errorf("keys were renewed only %d times", n)
	}
}

// useCloud does all that reaches a location: from a sidecar, from pods, and from here.
func useCloud(t *testing.T, c *cloudtest.Cloud) {
	env, log := newEnv(t)
	env.Params.Profile = c.Profile
	a := newApp(t, env, toolsImage(), "")
	pods := watchPods(t, env)
	a.roundTrip()
	neighboursStay(a)
	wrongPlaces(a)
	for where, text := range map[string]string{"pods": pods(), "events": events(t, env), "log": log.String()} {
		for _, canary := range c.Canaries {
			if strings.Contains(text, canary) || strings.Contains(text, base64.StdEncoding.EncodeToString([]byte(canary))) {
				t.Errorf("a key stands in the %s", where)
			}
		}
	}
	kandoInCloud(t, env)
}

// neighboursStay cleans the repository at web/data up and then deletes it. That below it
// and that whose path starts as its own does must not suffer.
func neighboursStay(a *app) {
	a.t.Helper()
	want := a.sh(digest)
	ids := map[string]any{}
	for _, prefix := range []string{"web/data/payments", "web/data-kept", "web/data"} {
		ids[prefix] = a.call(funcs.BackupData(), a.backup(funcs.Args{"backupArtifactPrefix": prefix}))["backupID"]
	}
	restores := func(prefix string) {
		a.t.Helper()
		a.sh("rm -rf /data/odd /data/link")
		a.call(funcs.RestoreData(), a.restore(funcs.Args{"backupArtifactPrefix": prefix, "backupIdentifier": ids[prefix]}))
		if got := a.sh(digest); got != want {
			a.t.Errorf("from %s:\n%s\nbefore the backup:\n%s", prefix, got, want)
		}
	}
	a.call(funcs.DeleteData(), funcs.Args{
		"namespace": a.Namespace, "backupArtifactPrefix": "web/data", "backupID": ids["web/data"], "reclaimSpace": true, "image": toolsImage(),
	})
	restores("web/data/payments")
	a.call(funcs.LocationDelete(), funcs.Args{"artifact": "web/data"})
	restores("web/data-kept")
	_, err := run(a.t, a.t.Context(), funcs.RestoreData(), a.Env, a.restore(funcs.Args{"backupTag": "x", "backupArtifactPrefix": "web/data/payments"}))
	if mover.CodeOf(err) != mover.CodeNoRepository {
		a.t.Errorf("a repository that was deleted: %v", err)
	}
}

// wrongPlaces looks at the errors of a profile that names no bucket or no server.
func wrongPlaces(a *app) {
	a.t.Helper()
	good := a.Params.Profile
	defer func() { a.Params.Profile = good }()
	for name, change := range map[string]func(*compat.Location){
		"no bucket": func(l *compat.Location) { l.Bucket = "missing" },
		"no server": func(l *compat.Location) { l.Endpoint = "http://127.0.0.1:9" },
	} {
		p := *good
		change(&p.Location)
		a.Params.Profile = &p
		_, err := run(a.t, a.t.Context(), funcs.BackupData(), a.Env, a.backup(nil))
		if mover.CodeOf(err) != mover.CodeUnreachable {
			a.t.Errorf("%s: %v", name, err)
		}
		a.t.Log(err)
	}
}

// kandoInCloud pushes, pulls and deletes in a pod. The object takes several requests.
func kandoInCloud(t *testing.T, env *funcs.Env) {
	t.Helper()
	out, err := task(t, env, `
		head -c 40000000 /dev/urandom > /tmp/data
		cat /tmp/data | kando location push --profile "$1" --path dumps/a/b -
		echo small > /tmp/small
		kando location push --profile "$1" --path dumps/a/bc /tmp/small
		kando location pull --profile "$1" --path dumps/a/b - | cmp - /tmp/data
		kando location delete --profile "$1" --path dumps/a/b
		if kando location pull --profile "$1" --path dumps/a/b /tmp/absent; then exit 1; fi
		kando location pull --profile "$1" --path dumps/a/bc /tmp/back
		cmp /tmp/back /tmp/small
		kando output done yes`, render(t, env, "{{ toJson .Profile }}"))
	if err != nil || out["done"] != "yes" {
		t.Errorf("kando: %v, %v", out, err)
	}
}

// TestClaimNotMounted has a sidecar in which the location's directory is one of its own.
func TestClaimNotMounted(t *testing.T) {
	t.Parallel()
	env, _ := newEnv(t)
	newClaim(t, env, "backups")
	env.Params.Profile = &compat.Profile{Location: compat.Location{
		Type: compat.LocationFilesystem, Endpoint: "/etc", Bucket: "rescue", Claim: "backups",
	}}
	a := newApp(t, env, toolsImage(), "")
	for dir, want := range map[string]string{"/etc": "is one of this container's own", "/backups": "does not exist here"} {
		env.Params.Profile.Location.Endpoint = dir
		_, err := run(t, t.Context(), funcs.BackupData(), env, a.backup(nil))
		if mover.CodeOf(err) != mover.CodeUnreachable || !strings.Contains(err.Error(), want) ||
			!strings.Contains(err.Error(), "mount the claim backups at "+dir) {
			t.Errorf("%s: %v", dir, err)
		}
	}
	if left := a.sh("find /etc -name '*kopia*'"); left != "" {
		t.Errorf("written into the container: %s", left)
	}
}
