package funcs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/rescuecue/rescue/funcs/access"
	"github.com/rescuecue/rescue/funcs/mover"
)

type deleteDataArgs struct {
	podWishes
	Namespace            string `json:"namespace"`
	BackupArtifactPrefix string `json:"backupArtifactPrefix"`
	BackupID             string `json:"backupID"`
	BackupTag            string `json:"backupTag"`
	EncryptionKey        string `json:"encryptionKey"`
	ReclaimSpace         bool   `json:"reclaimSpace"`
	Image                string `json:"image"`
	InsecureTLS          bool   `json:"insecureTLS"`
}

// DeleteData deletes snapshots of BackupData and CopyVolumeData. It runs the data
// mover in a pod, because the store may not be reachable from elsewhere.
func DeleteData() Func {
	return fn[deleteDataArgs]{name: "DeleteData", exec: deleteData, access: access.All(access.DataPod(access.In(access.InWork, "namespace")), access.ReadKey)}
}

func deleteData(ctx context.Context, env *Env, a deleteDataArgs) (Output, error) {
	ns := env.namespaceOr(a.Namespace)
	doomed, err := a.doomed(env, ns)
	if err != nil {
		return nil, err
	}
	pod := dataPod{podWishes: a.podWishes, prefix: "delete-data-", namespace: ns, image: a.Image}
	return env.deleteSnapshots(ctx, pod, doomed, a.EncryptionKey, a.ReclaimSpace)
}

// doomed pairs the snapshots with their repositories.
func (a deleteDataArgs) doomed(env *Env, ns string) ([]snapshotIn, error) {
	ids, tags := strings.Fields(a.BackupID), strings.Fields(a.BackupTag)
	if (len(ids) == 0) == (len(tags) == 0) {
		return nil, errors.New("give one of backupID and backupTag, and not both: empty texts do not count")
	}
	paths := repositoriesOf(a.BackupArtifactPrefix, len(ids)+len(tags))
	if len(paths) != len(ids)+len(tags) {
		return nil, fmt.Errorf("%d snapshots need as many paths in backupArtifactPrefix, with blanks between them, and %d are there: %q",
			len(ids)+len(tags), len(paths), a.BackupArtifactPrefix)
	}
	doomed := make([]snapshotIn, len(paths))
	for i, path := range paths {
		repo, err := env.repositoryAt(path, ns, a.InsecureTLS)
		if err != nil {
			return nil, err
		}
		doomed[i] = snapshotIn{repository: repo, which: mover.Selector{ID: element(ids, i), Tag: element(tags, i)}}
	}
	return doomed, nil
}

// repositoriesOf returns the paths of the repositories, one for each snapshot. Of a single
// snapshot all of it is the path, as it was at the backup: there may be blanks in it.
func repositoriesOf(prefix string, snapshots int) []string {
	if snapshots == 1 {
		return []string{strings.TrimSpace(prefix)}
	}
	return strings.Fields(prefix)
}

// element returns that of the list, or nothing if there is none.
func element(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return ""
}

// snapshotIn is a snapshot in a repository.
type snapshotIn struct {
	repository
	which mover.Selector
	key   string
	by    string // the program that has deleted it, if that was not rescue
}

func (s snapshotIn) String() string { return s.which.String() + " in " + s.path }

// name is how the blueprint calls the snapshot.
func (s snapshotIn) name() string { return cmp.Or(s.which.ID, s.which.Tag) }
