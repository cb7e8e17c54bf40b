package local

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// keptCapabilities are what root in a container needs for its own files and
// processes. Mounting, devices, the network and the kernel are not among them.
var keptCapabilities = map[int]bool{
	unix.CAP_AUDIT_WRITE:      true,
	unix.CAP_CHOWN:            true,
	unix.CAP_DAC_OVERRIDE:     true,
	unix.CAP_FOWNER:           true,
	unix.CAP_FSETID:           true,
	unix.CAP_KILL:             true,
	unix.CAP_NET_BIND_SERVICE: true,
	unix.CAP_SETFCAP:          true,
	unix.CAP_SETGID:           true,
	unix.CAP_SETPCAP:          true,
	unix.CAP_SETUID:           true,
	unix.CAP_SYS_CHROOT:       true,
}

// limitPrivileges takes from what this thread starts all other capabilities, and
// the way to gain any by running a program.
func limitPrivileges() error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("set no_new_privs: %w", err)
	}
	for c := 0; c <= unix.CAP_LAST_CAP; c++ {
		if keptCapabilities[c] {
			continue
		}
		// An older kernel does not know the last ones.
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(c), 0, 0, 0); err != nil && err != unix.EINVAL {
			return fmt.Errorf("drop capability %d: %w", c, err)
		}
	}
	return nil
}

// inUserNamespace tells whether this process is root in the kernel's own eyes. The
// first user namespace maps all numbers to themselves.
func inUserNamespace() bool {
	data, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return true
	}
	fields := strings.Fields(string(data))
	return len(fields) < 3 || fields[2] == "1"
}
