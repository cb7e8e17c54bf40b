package run

import (
	"errors"
	"os"
)

// Alive says whether a process has the run's journal open: whether the run goes on, on
// this machine. A run without a journal is not alive.
func Alive(dir, run string) (bool, error) {
	f, err := os.Open(JournalPath(dir, run))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	return locked(f)
}
