package funcs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/rescuecue/rescue/compat"
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
func RestoreData() Func { return fn[restoreDataArgs]{name: "RestoreData", exec: restoreData} }

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
	req := repo.request(agent.OpRestore)
	req.Password = key
	req.Snapshot = mover.Selector{ID: a.BackupIdentifier, Tag: a.BackupTag}
	req.Target, req.SubPath = cmp.Or(a.RestorePath, "/"), a.BackupPath
	return Output{}, env.inDataPod(ctx, a.podWishes, "restore-data-", ns, a.Image, volumes, func(ctx context.Context, at container) error {
		res, err := env.moveData(ctx, at, req)
		if err != nil {
			return env.explainKey(err, a.EncryptionKey, repo)
		}
		env.logRestore(res.Restore)
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

// inDataPod calls use with the container of a pod that mounts the volumes, claim to
// path, for writing, and the location's own volume if it has one.
func (e *Env) inDataPod(ctx context.Context, w podWishes, prefix, namespace, image string, volumes map[string]string, use func(context.Context, container) error) error {
	mounts, err := withLocation(volumes, e.Params.Profile.Location)
	if err != nil {
		return err
	}
	spec := kube.SingleContainer(image, agent.IdleCommand(), e.serviceAccountIn(namespace))
	if err := kube.MountClaims(ctx, e.Kube, namespace, &spec, mounts); err != nil {
		return err
	}
	pod, err := w.template(e, prefix, namespace, spec).Build()
	if err != nil {
		return err
	}
	job := kube.Job{Pod: pod, Containers: []string{kube.MainContainer}}
	err = e.pods().With(ctx, job, func(ctx context.Context, pod *corev1.Pod) error {
		return use(ctx, container{pod.Namespace, pod.Name, kube.MainContainer})
	})
	return adviseImage(err, image)
}

// withLocation adds the volume of a filesystem location, where the pods expect it.
func withLocation(volumes map[string]string, l compat.Location) (map[string]kube.Mount, error) {
	all := make(map[string]kube.Mount, len(volumes)+1)
	for claim, path := range volumes {
		all[claim] = kube.Mount{Path: path}
	}
	if l.Type != compat.LocationFilesystem || l.Claim == "" {
		return all, nil
	}
	all[l.Claim] = kube.Mount{Path: l.Endpoint}
	for claim, path := range volumes {
		if claim == l.Claim {
			return nil, fmt.Errorf("volume %s is the location of the backups, and cannot be restored to", claim)
		}
		if strings.TrimRight(path, "/") == strings.TrimRight(l.Endpoint, "/") {
			return nil, fmt.Errorf("volume %s is mounted at %s, which is also the directory of the location", claim, path)
		}
	}
	return all, nil
}

func (e *Env) logRestore(r *mover.RestoreResult) {
	e.Log.Info("restored", "path", r.Path, "files", r.FileCount, "size", formatSize(r.Size), "snapshot", r.SnapshotID)
	if r.Unapplied > 0 {
		e.Log.Warn("some owners, permissions or times could not be set, because the pod's user lacks the rights: "+
			"give the pod another user with podOverride if the application needs them", "count", r.Unapplied)
	}
}

// adviseImage tells what to do about an image without the data mover, which shows
// when the pod's command cannot be started.
func adviseImage(err error, image string) error {
	var pod *kube.PodError
	started := mover.CodeOf(err) == mover.CodeNoProgram
	if errors.As(err, &pod) && strings.Contains(pod.Message, "executable file not found") {
		started = true
	}
	if !started {
		return err
	}
	return &mover.Error{Code: mover.CodeNoProgram, Text: fmt.Sprintf(
		"the image %s has no program `rescue`, which moves the data: give Rescue's tools image as the argument image. "+
			"(This version cannot yet use the kopia program of Kanister's tools image.)", image), Err: err}
}
