package local

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rescuecue/rescue/funcs"
)

// forgetEnv makes the test binary open a cluster in that directory without having
// called ContainerMain.
const forgetEnv = "RESCUE_TEST_FORGET"

// TestMain calls this in the process that forgot.
func forgetContainerMain(dir string) {
	_, err := Open(dir, Options{})
	fmt.Println("error:", err)
}

// TestOpenNeedsContainerMain: the program would start itself, and wait for an answer
// for ever.
func TestOpenNeedsContainerMain(t *testing.T) {
	cmd := exec.CommandContext(deadline(t), os.Args[0])
	cmd.Env = append(os.Environ(), forgetEnv+"="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "error: this program cannot start containers: call local.ContainerMain") {
		t.Errorf("%v, %s", err, out)
	}
}

// TestClustersSideBySide: two clusters of one process know nothing of each other.
func TestClustersSideBySide(t *testing.T) {
	var envs [2]*funcs.Env
	var clusters [2]*Cluster
	for i := range envs {
		clusters[i], envs[i] = openCluster(t, t.TempDir())
		if err := clusters[i].Apply([]byte(claimManifest)); err != nil {
			t.Fatal(err)
		}
		createPod(t, envs[i], podWith("p", fmt.Sprintf("echo %d > /data/who; exec sleep infinity", i), withClaim))
	}
	for i, env := range envs {
		awaitPod(t, env, "default", "p", running)
		if got, want := execOutput(t, env, "p", "sh", "-c", "until test -s /data/who; do sleep 0.05; done; cat /data/who"), fmt.Sprintln(i); got != want {
			t.Errorf("cluster %d has the file of another: %q", i, got)
		}
	}
	// What ends one cluster leaves the other one running.
	closeCluster(t, clusters[0])
	if got := execOutput(t, envs[1], "p", "cat", "/data/who"); got != "1\n" {
		t.Errorf("got %q", got)
	}
	if _, err := envs[1].Kube.CoreV1().Pods("default").Get(deadline(t), "p", metav1.GetOptions{}); err != nil {
		t.Error(err)
	}
}
