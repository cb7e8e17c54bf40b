package funcs

import (
	"context"

	"github.com/rescuecue/rescue/funcs/access"
	"github.com/rescuecue/rescue/funcs/mover"
	"github.com/rescuecue/rescue/funcs/mover/agent"
)

type deleteDataUsingKopiaServerArgs struct {
	PodLabels      map[string]string `json:"podLabels"`
	PodAnnotations map[string]string `json:"podAnnotations"`
	Namespace      string            `json:"namespace"`
	Image          string            `json:"image"`
	BackupID       string            `json:"backupID"`
	UserHostname   string            `json:"repositoryServerUserHostname"`
}

// DeleteDataUsingKopiaServer deletes a snapshot behind the action's repository server.
// The data mover runs in a pod of its own.
func DeleteDataUsingKopiaServer() Func {
	return fn[deleteDataUsingKopiaServerArgs]{name: "DeleteDataUsingKopiaServer", exec: deleteDataUsingKopiaServer, access: access.DataPod(access.In(access.InWork, "namespace"))}
}

func deleteDataUsingKopiaServer(ctx context.Context, env *Env, a deleteDataUsingKopiaServerArgs) (Output, error) {
	server, err := env.throughServer(a.UserHostname, a.Namespace)
	if err != nil {
		return nil, err
	}
	req := server.request(agent.OpDelete)
	req.Snapshot = mover.Selector{ID: a.BackupID}
	pod := dataPod{
		podWishes: podWishes{PodLabels: a.PodLabels, PodAnnotations: a.PodAnnotations},
		prefix:    "delete-data-using-kopia-server-", namespace: server.namespace, image: a.Image,
	}
	return Output{}, server.inDataPod(ctx, pod, func(ctx context.Context, at container) error {
		_, err := server.moveData(ctx, at, req)
		return err
	})
}
