package run

import (
	"errors"
	"os"
	"slices"
	"strings"
)

// Journals lists the runs that have a journal in dir, the latest first. A folder that
// does not exist has none.
func Journals(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var runs []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), journalSuffix); ok && e.Type().IsRegular() {
			runs = append(runs, name)
		}
	}
	// A run's name begins with its time.
	slices.Sort(runs)
	slices.Reverse(runs)
	return runs, nil
}
