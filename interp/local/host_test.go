package local

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rescuecue/rescue/funcs"
)

// holdEnv makes the test binary open the cluster in that directory and keep it,
// as a process to kill.
const holdEnv = "RESCUE_TEST_HOLD"

func TestContainerCannotChangeTheHost(t *testing.T) {
	// Neither in /tmp nor in the user's directory, which containers find empty.
	host, err := os.MkdirTemp(".", "host")
	if err != nil {
		t.Skip("needs a directory outside of /tmp to write to: ", err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(host); err != nil {
			t.Error(err)
		}
	})
	host, err = filepath.Abs(host)
	if err != nil {
		t.Fatal(err)
	}
	precious := filepath.Join(host, "precious")
	if err := os.WriteFile(precious, []byte("untouched"), 0o666); err != nil {
		t.Fatal(err)
	}
	state := t.TempDir()
	_, env := openCluster(t, state)
	script := fmt.Sprintf(`cd / && rm -rf %[1]s/* %[2]s/objects; echo x > %[3]s; echo x > %[1]s/new
		mount -o remount,rw /; umount %[1]s; echo 1 > /proc/sys/kernel/sysrq; cat /dev/kmsg; ls %[2]s/objects`, host, state, precious)
	createPod(t, env, podWith("p", script))
	awaitPod(t, env, "default", "p", ended)
	got, err := os.ReadFile(precious)
	if err != nil || string(got) != "untouched" {
		t.Errorf("the file is %q, %v", got, err)
	}
	entries, err := os.ReadDir(host)
	if err != nil || len(entries) != 1 {
		t.Errorf("the directory holds %v, %v", entries, err)
	}
	if log := logOf(t, env, "p", ""); strings.Contains(log, "core_v1") {
		t.Errorf("the container sees the state directory:\n%s", log)
	}
}

func TestContainersWriteToTheObjectStore(t *testing.T) {
	dir := t.TempDir()
	profile, err := DefaultProfile(dir)
	if err != nil {
		t.Fatal(err)
	}
	store := profile.Location.Endpoint
	_, env := openCluster(t, dir)
	createPod(t, env, podWith("p", "echo backup > "+store+"/b"))
	awaitPod(t, env, "default", "p", ended)
	if got, err := os.ReadFile(filepath.Join(store, "b")); err != nil || string(got) != "backup\n" {
		t.Errorf("the store holds %q, %v", got, err)
	}
}

func TestOneProcessPerDirectory(t *testing.T) {
	dir := t.TempDir()
	openCluster(t, dir)
	_, err := Open(dir, Options{})
	if want := fmt.Sprintf("in use by process %d", os.Getpid()); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}

// TestMain calls this in the process that is to be killed.
func holdCluster(dir string) {
	c, err := Open(dir, Options{})
	if err == nil {
		env := &funcs.Env{}
		c.Env(env)
		err = c.Apply([]byte(fmt.Sprintf(holdManifest, filepath.Base(dir))))
	}
	if err == nil {
		err = c.Ready(context.Background())
	}
	fmt.Println("ready:", err)
	select {}
}

const holdManifest = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: hold}
spec:
  selector: {matchLabels: {app: hold}}
  template:
    metadata: {labels: {app: hold}}
    spec:
      containers:
      - {name: app, image: any, command: [sh, -c, 'setsid sh -c "sleep infinity; : %[1]s" & sleep infinity; : %[1]s']}
`

func TestNothingOutlivesAKilledProcess(t *testing.T) {
	dir, err := os.MkdirTemp("", "killed")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), holdEnv+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "ready: <nil>\n" {
		t.Fatalf("%q, %v", line, err)
	}
	marker := ": " + filepath.Base(dir)
	awaitProcesses(t, marker, func(n int) bool { return n >= 2 })
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the process was to be killed")
	}
	awaitProcesses(t, marker, func(n int) bool { return n == 0 })
	c, env := openCluster(t, dir)
	if err := c.Ready(deadline(t)); err != nil {
		t.Fatal(err)
	}
	pods := podsOf(t, env, "default", "app=hold")
	if len(pods) != 1 || pods[0].Status.ContainerStatuses[0].RestartCount != 1 {
		t.Errorf("pods %+v", pods)
	}
	if err := env.Kube.CoreV1().Pods("default").Delete(deadline(t), pods[0].Name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	closeCluster(t, c)
	if left := processesWith(t, marker); len(left) != 0 {
		t.Errorf("processes left: %v", left)
	}
}

// processesWith lists the processes of this machine whose command line has text.
func processesWith(t *testing.T, text string) []int {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(data, []byte(text)) {
			continue // The process has ended meanwhile, or is another one.
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// awaitProcesses waits until the number of processes with text is as wanted: a
// container is ready when its first one has started.
func awaitProcesses(t *testing.T, text string, wanted func(n int) bool) {
	t.Helper()
	ctx := deadline(t)
	for n := len(processesWith(t, text)); !wanted(n); n = len(processesWith(t, text)) {
		select {
		case <-ctx.Done():
			t.Fatalf("%d processes", n)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// TestUnprivileged runs the other tests as a user without rights.
func TestUnprivileged(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("the tests run as an ordinary user anyway")
	}
	dir, err := os.MkdirTemp("", "unprivileged")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	const nobody = 65534
	program := filepath.Join(dir, "local.test")
	if err := copyProgram(os.Args[0], program); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	tests := []string{
		"TestPodRunsToItsEnd", "TestVolumesOutliveTheCluster", "TestExec", "TestContainersOfAPod", "TestSandboxKeepsHostUntouched",
		"TestReadOnlyRoot", "TestReadOnlyClaim", "TestEmptyDirOverItsLimit", "TestClustersSideBySide",
		"TestContainersWriteToTheObjectStore", "TestPodGetsItsSettings", "TestStatefulSetKeepsItsVolumes", "TestRunAsUser", "TestContainerCannotChangeTheHost",
	}
	cmd := exec.Command(program, "-test.v", "-test.run", "^("+strings.Join(tests, "|")+")$")
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "TMPDIR=" + dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	if bytes.Contains(out, []byte("does not let rescue isolate containers")) {
		t.Skipf("this machine allows ordinary users no user namespaces:\n%s", out)
	}
	if err != nil || bytes.Contains(out, []byte("no tests to run")) {
		t.Errorf("%v\n%s", err, out)
	}
	for _, name := range tests {
		if !bytes.Contains(out, []byte("--- PASS: "+name)) {
			t.Errorf("%s did not pass", name)
		}
	}
}

func copyProgram(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return closing(err, in)
	}
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	if err := in.Close(); err != nil {
		return err
	}
	if err := out.Chmod(0o755); err != nil {
		return err
	}
	return out.Close()
}

func TestRunAsUser(t *testing.T) {
	_, env := openCluster(t, t.TempDir())
	user, group := int64(4711), int64(4712)
	createPod(t, env, podWith("p", "id -u; id -g; touch /data/mine && echo wrote; kill -0 1 2>/dev/null || echo not root", func(p *corev1.Pod) {
		p.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsUser: &user, RunAsGroup: &group}
		withClaim(p)
		p.Spec.Volumes[0].VolumeSource = corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}
	}))
	awaitPod(t, env, "default", "p", ended)
	log := strings.Split(logOf(t, env, "p", ""), "\n")
	if !slices.Equal(log[:3], []string{"4711", "4712", "wrote"}) {
		t.Errorf("log %q", log)
	}
}
