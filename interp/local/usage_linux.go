package local

import (
	"io/fs"
	"syscall"

	"golang.org/x/sys/unix"
)

// diskUsage is what a file takes up: one with holes takes less than its size.
func diskUsage(info fs.FileInfo) int64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Blocks * 512
	}
	return info.Size()
}

// machineMemory is the machine's memory in bytes, 0 if it does not tell.
func machineMemory() int64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0
	}
	return int64(info.Totalram) * int64(info.Unit)
}
