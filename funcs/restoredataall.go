package funcs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rescuecue/rescue/funcs/access"
	"github.com/rescuecue/rescue/funcs/mover"
)

type restoreDataAllArgs struct {
	podWishes
	Namespace            string `json:"namespace"`
	Image                string `json:"image"`
	BackupArtifactPrefix string `json:"backupArtifactPrefix"`
	BackupInfo           string `json:"backupInfo"`
	RestorePath          string `json:"restorePath"`
	Pods                 string `json:"pods"`
	EncryptionKey        string `json:"encryptionKey"`
	InsecureTLS          bool   `json:"insecureTLS"`
}

// RestoreDataAll restores what BackupDataAll saved. For each pod it makes one that
// mounts that pod's volumes, and runs the data mover there.
func RestoreDataAll() Func {
	return fn[restoreDataAllArgs]{name: "RestoreDataAll", exec: restoreDataAll, access: access.All(access.VolumeDataPod(access.In(access.InWork, "namespace")), access.ReadKey)}
}

func restoreDataAll(ctx context.Context, env *Env, a restoreDataAllArgs) (Output, error) {
	ns := env.namespaceOr(a.Namespace)
	jobs, err := a.jobs(ctx, env, ns)
	if err != nil {
		return nil, err
	}
	pods := make([]string, 0, len(jobs))
	for pod := range jobs {
		pods = append(pods, pod)
	}
	slices.Sort(pods)
	return Output{}, env.eachPod(ctx, pods, func(ctx context.Context, env *Env, pod string) error {
		return env.restore(ctx, dataPod{podWishes: a.podWishes, prefix: "restore-data-all-", namespace: ns, image: a.Image}, jobs[pod])
	})
}

// jobs says what to restore, by pod. All mistakes show here, before anything is
// restored.
func (a restoreDataAllArgs) jobs(ctx context.Context, env *Env, ns string) (map[string]restoreJob, error) {
	info, err := parseBackupInfo(a.BackupInfo)
	if err != nil {
		return nil, err
	}
	pods, err := a.chosen(env, info)
	if err != nil {
		return nil, err
	}
	repo, err := env.repositoryAt(a.BackupArtifactPrefix, ns, a.InsecureTLS)
	if err != nil {
		return nil, err
	}
	jobs := make(map[string]restoreJob, len(pods))
	var errs []error
	for _, pod := range pods {
		volumes, err := env.volumesToRestore(pod, nil)
		errs = append(errs, err)
		key, err := env.keyForRestore(ctx, a.EncryptionKey, repo.of(pod))
		errs = append(errs, err)
		jobs[pod] = restoreJob{
			repository: repo.of(pod),
			key:        key,
			givenKey:   a.EncryptionKey,
			volumes:    volumes,
			from:       mover.Selector{ID: info[pod].BackupID},
			target:     cmp.Or(a.RestorePath, "/"),
		}
	}
	return jobs, errors.Join(errs...)
}

// chosen returns the pods to restore. Each must have a backup. Unless they are named,
// each backup must also have its pod: a restore without it would leave data out.
func (a restoreDataAllArgs) chosen(env *Env, info podBackups) ([]string, error) {
	pods, err := env.podsOrAll(a.Pods)
	if err != nil {
		return nil, err
	}
	var missing, extra []string
	for _, pod := range pods {
		if _, ok := info[pod]; !ok {
			missing = append(missing, pod)
		}
	}
	for _, pod := range info.names() {
		if strings.TrimSpace(a.Pods) == "" && !slices.Contains(pods, pod) {
			extra = append(extra, pod)
		}
	}
	var errs []error
	if len(missing) > 0 {
		errs = append(errs, fmt.Errorf("backupInfo has no backup of %s: it has those of %s. "+
			"The pods of a Deployment change their names; restore those with RestoreData and its argument volumes",
			strings.Join(missing, ", "), strings.Join(info.names(), ", ")))
	}
	if len(extra) > 0 {
		errs = append(errs, fmt.Errorf("backupInfo has backups of pods that did not run when the action started: %s. "+
			"Scale the workload as it was, or name the pods to restore in the argument pods", strings.Join(extra, ", ")))
	}
	return pods, errors.Join(errs...)
}
