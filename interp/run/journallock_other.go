//go:build unix && !linux

package run

import (
	"errors"
	"os"
	"syscall"
	"time"
)

// Here one can only look at a lock by holding it for a moment. So one who wants it waits
// for longer than that before he takes it for another's.
const (
	lockTries = 50
	lockPause = 20 * time.Millisecond
)

// lock takes the file for this process. The kernel releases it with the process, however
// that ends.
func lock(f *os.File) error {
	for try := 1; ; try++ {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return err
		}
		if try == lockTries {
			return ErrRunning
		}
		time.Sleep(lockPause)
	}
}

// locked says whether some process has taken the file.
func locked(f *os.File) (bool, error) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return true, nil
	}
	return false, err
}
