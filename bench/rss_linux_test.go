package bench

import (
	"os"
	"syscall"
)

// maxRSS is the peak memory of a process that has ended, in KiB.
func maxRSS(s *os.ProcessState) int64 {
	if usage, ok := s.SysUsage().(*syscall.Rusage); ok {
		return usage.Maxrss
	}
	return 0
}
