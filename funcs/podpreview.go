package funcs

import (
	"cmp"
	"encoding/json"
	"fmt"
	"path"

	corev1 "k8s.io/api/core/v1"

	"github.com/rescuecue/rescue/funcs/kube"
	"github.com/rescuecue/rescue/funcs/mover/agent"
)

// PreviewPod is the pod that a function would make, nil if it makes none. It asks no cluster:
// of Env it reads Params, Namespace, ServiceAccount, SecurePods and ToolsImage. Claims
// are shown as mounted for writing. The arguments may have placeholders; the error says
// which part of them keeps the pod from being shown.
func PreviewPod(name string, env *Env, args Args) (*corev1.Pod, error) {
	form := podForms[name]
	if form == nil {
		return nil, nil
	}
	t, err := form(env, args)
	if err != nil {
		return nil, err
	}
	return t.Build()
}

// podForms make the templates of pods, by the functions that have a single pod of their own.
var podForms = map[string]func(*Env, Args) (kube.PodTemplate, error){
	"KubeTask":                    decoded(kubeTaskPod),
	"MultiContainerRun":           decoded(func(env *Env, a multiContainerRunArgs) (kube.PodTemplate, error) { return a.podTemplate(env) }),
	"PrepareData":                 decoded(prepareDataPod),
	"RestoreData":                 dataPodForm("restore-data-"),
	"RestoreDataUsingKopiaServer": dataPodForm("restore-data-using-kopia-server-"),
	"CopyVolumeData":              dataPodForm("copy-vol-data-"),
	"DeleteData":                  dataPodForm("delete-data-"),
	"DeleteDataAll":               dataPodForm("delete-data-all-"),
	"DeleteDataUsingKopiaServer":  dataPodForm("delete-data-using-kopia-server-"),
	"BackupDataStats":             dataPodForm("backup-data-stats-"),
	"CheckRepository":             dataPodForm("check-repository-"),
	"LocationDelete":              dataPodForm("location-delete-"),
}

// decoded makes a form of one that takes the function's own arguments.
func decoded[A any](form func(*Env, A) (kube.PodTemplate, error)) func(*Env, Args) (kube.PodTemplate, error) {
	return func(env *Env, args Args) (kube.PodTemplate, error) {
		var a A
		if err := args.Decode(&a); err != nil {
			return kube.PodTemplate{}, err
		}
		return form(env, a)
	}
}

func kubeTaskPod(env *Env, a kubeTaskArgs) (kube.PodTemplate, error) {
	return a.podTemplate(env), nil
}

func prepareDataPod(env *Env, a prepareDataArgs) (kube.PodTemplate, error) {
	ns := env.namespaceOr(a.Namespace)
	spec := kube.SingleContainer(a.Image, a.Command, cmp.Or(a.ServiceAccount, env.serviceAccountIn(ns)))
	mounts := map[string]kube.Mount{}
	for claim, at := range a.Volumes {
		mounts[claim] = kube.Mount{Path: at}
	}
	if _, w := env.workload(); len(a.Volumes) == 0 && w != nil {
		for _, claim := range claimsIn(w.PersistentVolumeClaims) {
			mounts[claim] = kube.Mount{Path: path.Join(prepareDir, claim)}
		}
	}
	kube.MountUnseen(&spec, mounts)
	return a.template(env, "prepare-data-job-", ns, spec), nil
}

// dataPodArgs are the arguments of data functions that shape their pod.
type dataPodArgs struct {
	podWishes
	Namespace string            `json:"namespace"`
	Image     string            `json:"image"`
	Pod       string            `json:"pod"`
	Volumes   map[string]string `json:"volumes"`
	Volume    string            `json:"volume"`
	MountPath string            `json:"mountPath"`
}

// dataPodForm is that of the pods in which the data mover runs.
func dataPodForm(prefix string) func(*Env, Args) (kube.PodTemplate, error) {
	return func(env *Env, args Args) (kube.PodTemplate, error) {
		// Not Decode: most arguments say what to do in the pod.
		var a dataPodArgs
		src, err := json.Marshal(args)
		if err == nil {
			err = json.Unmarshal(src, &a)
		}
		if err != nil {
			return kube.PodTemplate{}, fmt.Errorf("arguments: %w", err)
		}
		spec := kube.SingleContainer(env.toolsImage(a.Image), agent.IdleCommand(), env.serviceAccountIn(a.Namespace))
		kube.MountUnseen(&spec, a.mounts(env))
		return a.template(env, prefix, a.Namespace, spec), nil
	}
}

// mounts are those of the claims that the arguments name.
func (a dataPodArgs) mounts(env *Env) map[string]kube.Mount {
	mounts := map[string]kube.Mount{}
	volumes := a.Volumes
	if _, w := env.workload(); len(volumes) == 0 && w != nil {
		volumes = w.PersistentVolumeClaims[a.Pod]
	}
	for claim, at := range volumes {
		mounts[claim] = kube.Mount{Path: at}
	}
	if a.Volume != "" {
		mounts[a.Volume] = kube.Mount{Path: cmp.Or(a.MountPath, path.Join(volumeDataDir, a.Volume))}
	}
	if p := env.caller().Profile; p != nil {
		if all, err := withLocation(mounts, p.Location); err == nil {
			return all
		}
	}
	return mounts
}
