package funcs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/rescuecue/rescue/funcs/access"
)

type backupDataAllArgs struct {
	Namespace            string `json:"namespace"`
	Pods                 string `json:"pods"`
	Container            string `json:"container"`
	IncludePath          string `json:"includePath"`
	BackupArtifactPrefix string `json:"backupArtifactPrefix"`
	EncryptionKey        string `json:"encryptionKey"`
	InsecureTLS          bool   `json:"insecureTLS"`
}

// BackupDataAll does what BackupData does, for several pods at once. Each pod has a
// repository of its own.
func BackupDataAll() Func {
	return fn[backupDataAllArgs]{name: "BackupDataAll", exec: backupDataAll, access: access.All(access.Exec(access.In(access.InWork, "namespace")), access.MakeKey)}
}

func backupDataAll(ctx context.Context, env *Env, a backupDataAllArgs) (Output, error) {
	pods, err := env.podsOrAll(a.Pods)
	if err != nil {
		return nil, err
	}
	ns := env.namespaceOr(a.Namespace)
	repo, err := env.repositoryAt(a.BackupArtifactPrefix, ns, a.InsecureTLS)
	if err != nil {
		return nil, err
	}
	made := podBackups{}
	var mu sync.Mutex
	err = env.eachPod(ctx, pods, func(ctx context.Context, env *Env, pod string) error {
		job := backupJob{repository: repo.of(pod), givenKey: a.EncryptionKey, path: a.IncludePath, origin: env.originOf(pod)}
		res, err := env.backup(ctx, container{ns, pod, a.Container}, job)
		if err != nil {
			return adviseSidecar(err)
		}
		mu.Lock()
		defer mu.Unlock()
		made[pod] = podBackup{PodName: pod, BackupID: res.SnapshotID, BackupTag: res.tag}
		return nil
	})
	if err != nil {
		return nil, errors.Join(err, made.remain())
	}
	info, err := json.Marshal(made)
	if err != nil {
		return nil, fmt.Errorf("BackupAllInfo: %w", err)
	}
	return Output{"BackupAllInfo": string(info), "version": dataVersion}, nil
}
