//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The file-based application of TestTimeLog, by its blueprint in CUE.
func TestExampleTimeLog(t *testing.T) {
	t.Parallel()
	env, _ := newEnv(t)
	e := &example{
		t: t, env: env, location: s3Profile(t), rescue: buildRescue(t), dir: t.TempDir(),
		blueprint: "../examples/timelog", kind: "deployment", name: "time-logger", sharesRepository: true,
	}
	e.profile = filepath.Join(e.dir, "profile.yaml")
	if err := os.WriteFile(e.profile, []byte(profileYAML(e.location)), 0o600); err != nil {
		t.Fatal(err)
	}
	e.deploy("../examples/timelog/app.yaml", server{})
	e.restrict()
	b := bench{t: t, env: env}
	b.exec("cd /var/log/time-log; mkdir empty; for i in 1 2 3 4 5 6 7 8 9; do echo entry $i > $i.log; done; " +
		"head -c 3000000 /dev/urandom > 'large file.bin'; ln -s 1.log latest; chmod 600 2.log")
	older := filepath.Join(e.dir, "older.json")
	if err := os.Rename(e.run("backup"), older); err != nil {
		t.Fatal(err)
	}
	e.survives(22, b.fingerprint, func() { b.exec("rm -rf /var/log/time-log/*") })
	// What was deleted was one backup, and not the repository with all others.
	e.run("restore", "--artifacts", older)
}

// Two volumes, by the snapshots of their CSI driver.
func TestExampleCSI(t *testing.T) {
	t.Parallel()
	c := newCSI(t)
	e := newExample(t, "csi", server{image: image()})
	e.options = append(e.options, "snapshotClass="+c.snapshot.GetName(), "storageClass="+c.storage.Name)
	fill := "mkdir -p /data/sub; for i in 1 2 3; do echo $HOSTNAME $i > /data/sub/$i; done; chmod 600 /data/sub/2"
	for pod := range 2 {
		e.exec(pod, fill)
	}
	fingerprint := func() string {
		script := "cd /data; find . | sort; find . -type f | sort | while read -r f; do stat -c '%A %n' $f; cat $f; done"
		return e.exec(0, script) + e.exec(1, script)
	}
	e.survives(2*11, fingerprint, func() {
		e.exec(0, "rm -r /data/sub")
		e.exec(1, "echo younger > /data/sub/1")
	})
	left, err := e.env.Snapshots.SnapshotV1().VolumeSnapshots(e.env.Namespace).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range left.Items {
		names = append(names, s.Name)
	}
	if len(names) > 0 {
		t.Errorf("snapshots are left: %s", strings.Join(names, ", "))
	}
}
