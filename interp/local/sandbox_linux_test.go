package local

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// run runs a shell script in a new sandbox and returns its output and status.
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
	for _, mode := range allModes() {
		t.Run(mode.String(), func(t *testing.T) {
			host := t.TempDir()
			precious := filepath.Join(host, "precious")
			if err := os.WriteFile(precious, []byte("x"), 0o666); err != nil {
				t.Fatal(err)
			}
			volume := t.TempDir()
			spec := sandboxSpec{
				Mode: mode, Base: t.TempDir(), Hostname: "box", Program: "/proc/self/exe",
				Volumes: []volumeSpec{{Name: "v", Dir: volume}, {Name: "s", Files: []fileSpec{{Path: "pw", Mode: 0o400, Data: []byte("secret")}}}},
				Mounts: []mountSpec{{Volume: "v", Target: "/data/deep"}, {Volume: "v", Target: "/var/lib/notthere", SubPath: "sub/x"},
					{Volume: "s", Target: "/etc/creds", ReadOnly: true}, {Volume: "s", Target: "/opt/pw.txt", SubPath: "pw"}},
			}
			exe, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			spec.Program = exe
			out, status := runInSandbox(t, spec, shell(`
				rm -rf `+precious+` /etc/passwd /usr/bin/env 2>/dev/null; echo w > /etc/resolv.conf; touch /root/x /tmp/x /usr/x /home/x
				echo hello > /data/deep/file; echo sub > /var/lib/notthere/f; cat /etc/creds/pw /opt/pw.txt; echo; hostname; cat /proc/1/comm; ls /proc | grep -c '^[0-9]'
				echo x > /etc/creds/pw; echo 1 > /proc/sys/kernel/printk; ls -l /run/rescue/bin; command -v kando; ls /dev; ls /.oldroot; id; grep Cap /proc/self/status; mount | head -50; umount /data/deep; mount -o remount,rw /sys
				exit 3`))
			t.Log(out, status)
			if _, err := os.Stat(precious); err != nil {
				t.Error(err)
			}
			if got, _ := os.ReadFile(filepath.Join(volume, "file")); strings.TrimSpace(string(got)) != "hello" {
				t.Errorf("volume: %q", got)
			}
			if status.Code != 3 {
				t.Error(status)
			}
		})
	}
}
