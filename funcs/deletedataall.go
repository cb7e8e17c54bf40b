package funcs

import (
	"context"

	"github.com/rescuecue/rescue/funcs/access"
	"github.com/rescuecue/rescue/funcs/mover"
)

type deleteDataAllArgs struct {
	podWishes
	Namespace            string `json:"namespace"`
	BackupArtifactPrefix string `json:"backupArtifactPrefix"`
	BackupInfo           string `json:"backupInfo"`
	EncryptionKey        string `json:"encryptionKey"`
	ReclaimSpace         bool   `json:"reclaimSpace"`
	Image                string `json:"image"`
	InsecureTLS          bool   `json:"insecureTLS"`
}

// DeleteDataAll deletes the snapshots that BackupDataAll made, one after the other in
// one pod.
func DeleteDataAll() Func {
	return fn[deleteDataAllArgs]{name: "DeleteDataAll", exec: deleteDataAll, access: access.All(access.DataPod(access.In(access.InWork, "namespace")), access.ReadKey)}
}

func deleteDataAll(ctx context.Context, env *Env, a deleteDataAllArgs) (Output, error) {
	info, err := parseBackupInfo(a.BackupInfo)
	if err != nil {
		return nil, err
	}
	ns := env.namespaceOr(a.Namespace)
	repo, err := env.repositoryAt(a.BackupArtifactPrefix, ns, a.InsecureTLS)
	if err != nil {
		return nil, err
	}
	doomed := make([]snapshotIn, 0, len(info))
	for _, pod := range info.names() {
		doomed = append(doomed, snapshotIn{repository: repo.of(pod), which: mover.Selector{ID: info[pod].BackupID}})
	}
	pod := dataPod{podWishes: a.podWishes, prefix: "delete-data-all-", namespace: ns, image: a.Image}
	return env.deleteSnapshots(ctx, pod, doomed, a.EncryptionKey, a.ReclaimSpace)
}
