package funcs

import (
	"cmp"
	"context"
	"strconv"

	"github.com/rescuecue/rescue/funcs/access"
	"github.com/rescuecue/rescue/funcs/mover"
	"github.com/rescuecue/rescue/funcs/mover/agent"
)

type backupDataStatsArgs struct {
	podWishes
	Namespace            string `json:"namespace"`
	BackupArtifactPrefix string `json:"backupArtifactPrefix"`
	BackupID             string `json:"backupID"`
	StatsMode            string `json:"statsMode"`
	// Mode is how Kanister's documentation spells StatsMode.
	Mode          string `json:"mode"`
	EncryptionKey string `json:"encryptionKey"`
	Image         string `json:"image"`
}

// BackupDataStats says how large a snapshot is.
func BackupDataStats() Func {
	return fn[backupDataStatsArgs]{name: "BackupDataStats", exec: backupDataStats, access: access.All(access.DataPod(access.In(access.InWork, "namespace")), access.ReadKey)}
}

func backupDataStats(ctx context.Context, env *Env, a backupDataStatsArgs) (Output, error) {
	ns := env.namespaceOr(a.Namespace)
	repo, err := env.repositoryAt(a.BackupArtifactPrefix, ns, false)
	if err != nil {
		return nil, err
	}
	key, err := env.keyForRestore(ctx, a.EncryptionKey, repo)
	if err != nil {
		return nil, err
	}
	mode := a.mode()
	req := repo.request(agent.OpMeasure)
	req.Password, req.Snapshot, req.Measure = key, mover.Selector{ID: a.BackupID}, mode
	pod := dataPod{podWishes: a.podWishes, prefix: "backup-data-stats-", namespace: ns, image: a.Image}
	var res agent.Result
	err = env.inDataPod(ctx, pod, func(ctx context.Context, at container) (err error) {
		res, err = env.moveData(ctx, at, req)
		return env.explainKey(err, a.EncryptionKey, repo)
	})
	if err != nil {
		return nil, err
	}
	return Output{
		"mode":      string(mode),
		"fileCount": strconv.FormatInt(res.Measured.Count, 10),
		"size":      formatSize(res.Measured.Size),
		"version":   dataVersion,
	}, nil
}

// mode is what to count. statsMode has a default in the schema, so that the other
// spelling wins where it was given.
func (a backupDataStatsArgs) mode() mover.Measure {
	return cmp.Or(mover.Measure(a.Mode), mover.Measure(a.StatsMode), mover.MeasureRestoreSize)
}
