package funcs

import (
	"context"
	"errors"

	"github.com/rescuecue/rescue/funcs/access"
	"github.com/rescuecue/rescue/funcs/kube"
	"github.com/rescuecue/rescue/funcs/mover"
	"github.com/rescuecue/rescue/funcs/mover/agent"
)

type restoreDataUsingKopiaServerArgs struct {
	podWishes
	Namespace        string            `json:"namespace"`
	Image            string            `json:"image"`
	BackupIdentifier string            `json:"backupIdentifier"`
	RestorePath      string            `json:"restorePath"`
	Pod              string            `json:"pod"`
	Volumes          map[string]string `json:"volumes"`
	UserHostname     string            `json:"repositoryServerUserHostname"`
}

// RestoreDataUsingKopiaServer restores a snapshot from behind the action's repository
// server into volumes. What the snapshot holds goes straight into the restore path,
// as kopia has it. It makes a pod that mounts the volumes, and runs the data mover
// there.
func RestoreDataUsingKopiaServer() Func {
	return fn[restoreDataUsingKopiaServerArgs]{name: "RestoreDataUsingKopiaServer", exec: restoreDataUsingKopiaServer, access: access.VolumeDataPod(access.In(access.InWork, "namespace"))}
}

func restoreDataUsingKopiaServer(ctx context.Context, env *Env, a restoreDataUsingKopiaServerArgs) (Output, error) {
	if (a.Pod == "") == (len(a.Volumes) == 0) {
		return nil, errors.New("give one of pod and volumes, and not both: empty ones do not count")
	}
	server, err := env.throughServer(a.UserHostname, a.Namespace)
	if err != nil {
		return nil, err
	}
	volumes, err := server.volumesToRestore(a.Pod, a.Volumes)
	if err != nil {
		return nil, err
	}
	pod := dataPod{
		podWishes: a.podWishes, prefix: "restore-data-using-kopia-server-",
		namespace: server.namespace, image: a.Image, mounts: map[string]kube.Mount{},
	}
	for claim, path := range volumes {
		pod.mounts[claim] = kube.Mount{Path: path}
	}
	return Output{}, server.inDataPod(ctx, pod, func(ctx context.Context, at container) error {
		return server.restoreInto(ctx, at, mover.Selector{ID: a.BackupIdentifier}, a.RestorePath, volumes)
	})
}

// restoreInto restores the content of a snapshot into a directory.
func (s served) restoreInto(ctx context.Context, at container, from mover.Selector, target string, volumes map[string]string) error {
	find := s.request(agent.OpStats)
	find.Snapshot = from
	found, err := s.moveData(ctx, at, find)
	if err != nil {
		return err
	}
	req := s.request(agent.OpRestore)
	req.Snapshot, req.Target, req.SubPath = from, target, found.Snapshots[0].Path
	res, err := s.moveData(ctx, at, req)
	if err != nil {
		return err
	}
	s.logRestore(res.Restore, volumes)
	return nil
}
