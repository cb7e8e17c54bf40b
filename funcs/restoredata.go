package funcs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rescuecue/rescue/funcs/access"
	"github.com/rescuecue/rescue/funcs/kube"
	"github.com/rescuecue/rescue/funcs/mover"
	"github.com/rescuecue/rescue/funcs/mover/agent"
)

type restoreDataArgs struct {
	podWishes
	Namespace            string            `json:"namespace"`
	Image                string            `json:"image"`
	BackupArtifactPrefix string            `json:"backupArtifactPrefix"`
	BackupTag            string            `json:"backupTag"`
	BackupIdentifier     string            `json:"backupIdentifier"`
	BackupPath           string            `json:"backupPath"`
	RestorePath          string            `json:"restorePath"`
	Pod                  string            `json:"pod"`
	Volumes              map[string]string `json:"volumes"`
	EncryptionKey        string            `json:"encryptionKey"`
	InsecureTLS          bool              `json:"insecureTLS"`
}

// RestoreData restores a snapshot of BackupData or CopyVolumeData into volumes. It
// makes a pod that mounts them, and runs the data mover there.
func RestoreData() Func {
	return fn[restoreDataArgs]{name: "RestoreData", exec: restoreData, access: access.All(access.VolumeDataPod(access.In(access.InWork, "namespace")), access.ReadKey)}
}

func restoreData(ctx context.Context, env *Env, a restoreDataArgs) (Output, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	volumes, err := env.volumesToRestore(a.Pod, a.Volumes)
	if err != nil {
		return nil, err
	}
	ns := env.namespaceOr(a.Namespace)
	repo, err := env.repositoryAt(a.BackupArtifactPrefix, ns, a.InsecureTLS)
	if err != nil {
		return nil, err
	}
	key, err := env.keyForRestore(ctx, a.EncryptionKey, repo)
	if err != nil {
		return nil, err
	}
	job := restoreJob{
		repository: repo,
		key:        key,
		givenKey:   a.EncryptionKey,
		volumes:    volumes,
		from:       mover.Selector{ID: a.BackupIdentifier, Tag: a.BackupTag},
		part:       a.BackupPath,
		target:     cmp.Or(a.RestorePath, "/"),
	}
	return Output{}, env.restore(ctx, dataPod{podWishes: a.podWishes, prefix: "restore-data-", namespace: ns, image: a.Image}, job)
}

// restoreJob says what to restore, and which volumes, claim to path, to.
type restoreJob struct {
	repository
	key, givenKey string
	volumes       map[string]string
	from          mover.Selector
	part, target  string
}

// restore does it in a pod of its own.
func (e *Env) restore(ctx context.Context, pod dataPod, job restoreJob) error {
	req := job.request(agent.OpRestore)
	req.Password, req.Snapshot = job.key, job.from
	req.Target, req.SubPath = job.target, job.part
	pod.mounts = make(map[string]kube.Mount, len(job.volumes))
	for claim, path := range job.volumes {
		pod.mounts[claim] = kube.Mount{Path: path}
	}
	return e.inDataPod(ctx, pod, func(ctx context.Context, at container) error {
		res, err := e.moveData(ctx, at, req)
		if err != nil {
			return e.explainKey(err, job.givenKey, job.repository)
		}
		e.logRestore(res.Restore, job.volumes)
		return nil
	})
}

// check finds what the schema cannot: an empty text counts as absent.
func (a restoreDataArgs) check() error {
	var errs []error
	if (a.BackupTag == "") == (a.BackupIdentifier == "") {
		errs = append(errs, errors.New("give one of backupTag and backupIdentifier, and not both: empty texts do not count"))
	}
	if (a.Pod == "") == (len(a.Volumes) == 0) {
		errs = append(errs, errors.New("give one of pod and volumes, and not both: empty ones do not count"))
	}
	return errors.Join(errs...)
}

// volumesToRestore returns claim to mount path: the given ones, or those of a pod
// of the action's workload as it was when the action started.
func (e *Env) volumesToRestore(pod string, volumes map[string]string) (map[string]string, error) {
	if pod == "" {
		return volumes, nil
	}
	_, w := e.workload()
	if w == nil {
		return nil, errors.New("the argument pod needs an action on a Deployment, StatefulSet or DeploymentConfig: give volumes instead")
	}
	of := w.PersistentVolumeClaims[pod]
	if len(of) == 0 {
		return nil, fmt.Errorf("pod %s of %s/%s had no volumes when the action started: its pods were %s",
			pod, w.Namespace, w.Name, cmp.Or(strings.Join(w.Pods, ", "), "none"))
	}
	return of, nil
}

func (e *Env) logRestore(r *mover.RestoreResult, volumes map[string]string) {
	e.Log.Info("restored", "path", r.Path, "volumes", strings.Join(slices.Sorted(maps.Keys(volumes)), ","), "files", r.FileCount, "size", formatSize(r.Size), "snapshot", r.SnapshotID)
	if r.Unapplied > 0 {
		e.Log.Warn("some owners, permissions or times could not be set, because the pod's user lacks the rights: "+
			"give the pod another user with podOverride if the application needs them", "count", r.Unapplied)
	}
}
