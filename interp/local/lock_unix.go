//go:build unix

package local

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// lockState makes sure that one process uses a state directory. The kernel releases
// the lock with the process, however that ends.
func lockState(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = inUse(path)
	}
	if err != nil {
		return nil, closing(err, file)
	}
	if err := errors.Join(file.Truncate(0), writePID(file)); err != nil {
		return nil, closing(err, file)
	}
	return file, nil
}

func writePID(file *os.File) error {
	_, err := fmt.Fprintf(file, "%d\n", os.Getpid())
	return err
}

func inUse(path string) error {
	holder := "another process"
	if data, err := os.ReadFile(path); err == nil && len(data) > 0 {
		holder = "process " + strings.TrimSpace(string(data))
	}
	return fmt.Errorf("the state directory is in use by %s: wait for it to end, or use another directory (lock file %s)", holder, path)
}
