package local

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// runInSandbox runs a process in a new sandbox and returns its output and status.
func runInSandbox(t *testing.T, spec sandboxSpec, p processSpec) (string, exitStatus) {
	t.Helper()
	s, err := startSandbox(context.Background(), spec)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { s.kill(); <-s.done }()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	null, err := openNull()
	if err != nil {
		t.Fatal(err)
	}
	proc, err := s.start(p, null, w, w)
	null.Close()
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(out), <-proc.exited
}

func shell(script string) processSpec {
	return processSpec{
		Args: []string{"sh", "-c", script},
		Env:  []string{"PATH=" + binDir + ":/usr/bin:/bin:/usr/sbin:/sbin"},
		Dir:  "/",
	}
}

func allModes() []sandboxMode {
	if os.Geteuid() == 0 {
		return []sandboxMode{{Overlay: true}, {}, {User: true}}
	}
	return []sandboxMode{{User: true}}
}

func TestSandboxKeepsHostUntouched(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, mode := range allModes() {
		t.Run(mode.String(), func(t *testing.T) {
			volume := t.TempDir()
			spec := sandboxSpec{
				Mode: mode, Base: t.TempDir(), Hostname: "box", Program: exe,
				Volumes: []volumeSpec{{Name: "v", Dir: volume}, {Name: "s", Files: []fileSpec{{Path: "pw", Mode: 0o400, Data: []byte("secret")}}}},
				Mounts: []mountSpec{
					{Volume: "v", Target: "/data/deep"},
					{Volume: "v", Target: "/var/lib/notthere", SubPath: "sub/x"},
					{Volume: "s", Target: "/etc/creds", ReadOnly: true},
					{Volume: "s", Target: "/opt/pw.txt", SubPath: "pw", ReadOnly: true},
				},
			}
			out, status := runInSandbox(t, spec, shell(`exec 2>/dev/null
				echo deep > /data/deep/file; echo sub > /var/lib/notthere/f
				cat /etc/creds/pw /opt/pw.txt; echo; hostname; ls /run/rescue/bin; cat /proc/1/cmdline | tr '\0' ' '; echo
				refused() { "$@" && echo "allowed: $*"; }
				refused sh -c 'echo x > /etc/creds/pw'
				refused sh -c 'echo 1 > /proc/sys/kernel/printk'
				refused umount /data/deep
				refused mount -o remount,rw /sys
				refused mknod /tmp/disk b 254 0
				refused ls /.oldroot
				exit 3`))
			want := "secretsecret\nbox\nkando\nrescue\n/proc/self/exe __container \n"
			if out != want || status.Code != 3 {
				t.Errorf("status %+v, output %q, want %q", status, out, want)
			}
			for path, want := range map[string]string{"file": "deep\n", "sub/x/f": "sub\n"} {
				if got, err := os.ReadFile(filepath.Join(volume, path)); err != nil || string(got) != want {
					t.Errorf("%s holds %q, %v", path, got, err)
				}
			}
		})
	}
}

func TestSubPathCannotLeaveItsVolume(t *testing.T) {
	volume := t.TempDir()
	if err := os.Symlink("/etc", filepath.Join(volume, "out")); err != nil {
		t.Fatal(err)
	}
	_, err := startSandbox(context.Background(), sandboxSpec{
		Mode: allModes()[0], Base: t.TempDir(),
		Volumes: []volumeSpec{{Name: "v", Dir: volume}},
		Mounts:  []mountSpec{{Volume: "v", SubPath: "out", Target: "/data"}},
	})
	if err == nil || !strings.Contains(err.Error(), "subPath out") {
		t.Errorf("got %v", err)
	}
}
