package funcs

import (
	"context"

	"github.com/rescuecue/rescue/funcs/access"
	"github.com/rescuecue/rescue/funcs/mover/agent"
)

type backupDataUsingKopiaServerArgs struct {
	Namespace    string `json:"namespace"`
	Pod          string `json:"pod"`
	Container    string `json:"container"`
	IncludePath  string `json:"includePath"`
	SnapshotTags string `json:"snapshotTags"`
	UserHostname string `json:"repositoryServerUserHostname"`
}

// BackupDataUsingKopiaServer stores a directory of a container behind the action's
// repository server. The data mover runs in that container.
func BackupDataUsingKopiaServer() Func {
	return fn[backupDataUsingKopiaServerArgs]{name: "BackupDataUsingKopiaServer", exec: backupDataUsingKopiaServer, access: access.Exec(access.In(access.InWork, "namespace"))}
}

func backupDataUsingKopiaServer(ctx context.Context, env *Env, a backupDataUsingKopiaServerArgs) (Output, error) {
	server, err := env.throughServer(a.UserHostname, a.Namespace)
	if err != nil {
		return nil, err
	}
	req := server.request(agent.OpBackup)
	if req.Tags, err = snapshotTags(a.SnapshotTags); err != nil {
		return nil, err
	}
	req.Path, req.Origin = a.IncludePath, server.originOf(a.Pod)
	at := container{server.namespace, a.Pod, a.Container}
	res, err := server.moveData(ctx, at, req)
	if err != nil {
		return nil, adviseSidecar(err)
	}
	made := backedUp{BackupResult: *res.Backup}
	env.logBackup(at, made)
	return Output{
		"backupID": made.SnapshotID,
		"size":     kopiaSize(made.RootSize),
		"phySize":  kopiaSize(made.PhysicalSize),
	}, nil
}
