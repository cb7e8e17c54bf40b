package run

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Locks of open file descriptions: the kernel releases them with the process, however
// that ends, and others can look at them without taking them.

// lock takes the file for this process.
func lock(f *os.File) error {
	all := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &all)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return ErrRunning
	}
	return err
}

// locked says whether some process has taken the file.
func locked(f *os.File) (bool, error) {
	all := unix.Flock_t{Type: unix.F_RDLCK, Whence: io.SeekStart}
	err := unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &all)
	return all.Type != unix.F_UNLCK, err
}
