package funcs

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rescuecue/rescue/funcs/mover"
)

// podBackup is the backup of one pod. The names of its fields are Kanister's.
type podBackup struct {
	PodName   string
	BackupID  string
	BackupTag string
}

// podBackups are the backups of several pods, by the pod's name.
type podBackups map[string]podBackup

// remain says what a failed phase has left behind.
func (b podBackups) remain() error {
	if len(b) == 0 {
		return nil
	}
	var all []string
	for _, pod := range b.names() {
		all = append(all, fmt.Sprintf("%s (%s)", pod, b[pod].BackupID))
	}
	return &mover.Error{Code: mover.CodeFailed, Text: "the other pods were backed up, and their snapshots stay in the location: " + strings.Join(all, ", ")}
}

// names returns the pods in alphabetical order.
func (b podBackups) names() []string { return slices.Sorted(maps.Keys(b)) }

// parseBackupInfo reads the argument backupInfo.
func parseBackupInfo(text string) (podBackups, error) {
	const what = "backupInfo must be the BackupAllInfo that BackupDataAll returned"
	var info podBackups
	if err := json.Unmarshal([]byte(text), &info); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	if len(info) == 0 {
		return nil, fmt.Errorf("%s: it names no pods", what)
	}
	var errs []error
	for _, pod := range info.names() {
		b := info[pod]
		switch err := checkPodName(pod); {
		case err != nil:
			errs = append(errs, fmt.Errorf("%s: %w", what, err))
		case b.PodName != "" && b.PodName != pod:
			errs = append(errs, fmt.Errorf("%s: under %s stands the backup of the pod %s", what, pod, b.PodName))
		case b.BackupID == "":
			errs = append(errs, fmt.Errorf("%s: pod %s has no BackupID", what, pod))
		}
	}
	return info, errors.Join(errs...)
}
