package local

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// pseudoTypes are file systems without files of a user.
var pseudoTypes = []string{
	"autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts",
	"devtmpfs", "efivarfs", "fusectl", "hugetlbfs", "mqueue", "nsfs", "proc", "pstore",
	"rpc_pipefs", "securityfs", "sysfs", "tracefs",
}

// coveredDirs get file systems of the container's own, so that what the host has
// mounted below them does not matter. The last ones hold the file systems of other
// containers, which are nobody else's business.
var coveredDirs = []string{
	"/proc", "/sys", "/dev", "/tmp", "/run",
	"/var/lib/containerd", "/var/lib/containers", "/var/lib/docker", "/var/lib/kubelet",
}

// fileMounts lists the mount points that a container's root is made of, the root
// first and parents before children. base and what is below it are left out.
func fileMounts(mountinfo, base string) ([]string, error) {
	f, err := os.Open(mountinfo)
	if err != nil {
		return nil, err
	}
	mounts, err := parseMounts(f, append([]string{base}, coveredDirs...))
	if err != nil {
		return nil, closing(fmt.Errorf("%s: %w", mountinfo, err), f)
	}
	return mounts, f.Close()
}

func parseMounts(r io.Reader, covered []string) ([]string, error) {
	seen := map[string]bool{"/": true}
	mounts := []string{"/"}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		point, fstype, err := parseMount(lines.Text())
		if err != nil {
			return nil, err
		}
		if seen[point] || slices.Contains(pseudoTypes, fstype) || below(point, covered) {
			continue
		}
		seen[point] = true
		mounts = append(mounts, point)
	}
	slices.Sort(mounts)
	return mounts, lines.Err()
}

// parseMount reads one line of /proc/PID/mountinfo; proc_pid_mountinfo(5) has the format.
func parseMount(line string) (point, fstype string, err error) {
	left, right, found := strings.Cut(line, " - ")
	fields, kind := strings.Fields(left), strings.Fields(right)
	if !found || len(fields) < 5 || len(kind) < 1 {
		return "", "", fmt.Errorf("not a line of mountinfo: %q", line)
	}
	return unescapeMount(fields[4]), kind[0], nil
}

// unescapeMount undoes the octal escapes of blanks and backslashes.
func unescapeMount(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

func below(path string, dirs []string) bool {
	for _, dir := range dirs {
		if path == dir || strings.HasPrefix(path, filepath.Clean(dir)+"/") {
			return true
		}
	}
	return false
}
