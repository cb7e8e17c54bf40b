package funcs

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/rescuecue/rescue/funcs/access"
	"github.com/rescuecue/rescue/funcs/kube"
)

// The containers of MultiContainerRun, and the volume that they share.
const (
	outputContainer     = "output"
	backgroundContainer = "background"
	initContainer       = "init"
	sharedVolume        = "shared"
	defaultSharedDir    = "/tmp/"
	// defaultContainer is the annotation by which kubectl picks a container.
	defaultContainer = "kubectl.kubernetes.io/default-container"
)

type multiContainerRunArgs struct {
	podWishes
	Namespace             string   `json:"namespace"`
	BackgroundImage       string   `json:"backgroundImage"`
	BackgroundCommand     []string `json:"backgroundCommand"`
	OutputImage           string   `json:"outputImage"`
	OutputCommand         []string `json:"outputCommand"`
	InitImage             string   `json:"initImage"`
	InitCommand           []string `json:"initCommand"`
	SharedVolumeMedium    string   `json:"sharedVolumeMedium"`
	SharedVolumeSizeLimit string   `json:"sharedVolumeSizeLimit"`
	SharedVolumeDir       string   `json:"sharedVolumeDir"`
}

// MultiContainerRun runs two commands in two containers of a pod that share a
// volume. The phase ends when both have ended. When one of them fails, the other has
// a moment to end, and is then stopped: it may wait at a pipe for ever.
func MultiContainerRun() Func {
	return fn[multiContainerRunArgs]{name: "MultiContainerRun", exec: multiContainerRun, access: access.Pod(access.In(access.InWork, "namespace"))}
}

func multiContainerRun(ctx context.Context, env *Env, a multiContainerRunArgs) (Output, error) {
	t, err := a.podTemplate(env)
	if err != nil {
		return nil, err
	}
	pod, err := t.Build()
	if err != nil {
		return nil, err
	}
	job := kube.Job{Pod: pod, Containers: []string{outputContainer, backgroundContainer}, Logs: map[string]io.Writer{}}
	out, others := newPodOutput(ctx, env.Log, outputContainer), a.otherLogs(ctx, env)
	for _, log := range others {
		job.Logs[log.container] = log
	}
	err = env.pods().Run(ctx, job, out)
	for _, log := range others {
		log.finishWithout(ctx, env.Log)
		log.addTo(err)
	}
	return out.result(err)
}

// otherLogs takes the logs of the containers whose outputs do not count.
func (a multiContainerRunArgs) otherLogs(ctx context.Context, env *Env) []*userOutput {
	logs := []*userOutput{newPodOutput(ctx, env.Log, backgroundContainer)}
	if a.InitImage != "" {
		logs = append(logs, newPodOutput(ctx, env.Log, initContainer))
	}
	return logs
}

// podTemplate is the template of the pod.
func (a multiContainerRunArgs) podTemplate(env *Env) (kube.PodTemplate, error) {
	shared, err := a.shared()
	if err != nil {
		return kube.PodTemplate{}, err
	}
	callers, err := forEachContainer(env.caller().PodOverride, a.InitImage != "")
	if err != nil {
		return kube.PodTemplate{}, err
	}
	t := a.template(env, "kanister-job-", a.Namespace, a.spec(shared, env.serviceAccountIn(a.Namespace)))
	t.First = outputContainer
	t.Overrides = []map[string]any{a.PodOverride, callers}
	// As in Kanister, which lets the user's label win in all other pods.
	t.Labels = append(t.Labels, map[string]string{kube.LabelCreatedBy: kube.CreatedBy})
	t.Annotations = append([]map[string]string{{defaultContainer: outputContainer}}, t.Annotations...)
	return t, nil
}

// shared is the source of the volume that the containers share.
func (a multiContainerRunArgs) shared() (*corev1.EmptyDirVolumeSource, error) {
	dir := &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMedium(a.SharedVolumeMedium)}
	if a.SharedVolumeSizeLimit == "" {
		return dir, nil
	}
	limit, err := resource.ParseQuantity(a.SharedVolumeSizeLimit)
	if err != nil || limit.Sign() < 0 {
		return nil, fmt.Errorf("sharedVolumeSizeLimit: %q is not an amount: write it as 500Mi or 2Gi", a.SharedVolumeSizeLimit)
	}
	dir.SizeLimit = &limit
	return dir, nil
}

// spec is the generated pod. There is no image pull policy in it, so that of the
// cluster counts: Always for the tag latest, else IfNotPresent.
func (a multiContainerRunArgs) spec(shared *corev1.EmptyDirVolumeSource, serviceAccount string) corev1.PodSpec {
	mounts := []corev1.VolumeMount{{Name: sharedVolume, MountPath: cmp.Or(a.SharedVolumeDir, defaultSharedDir)}}
	container := func(name, image string, command []string) corev1.Container {
		return corev1.Container{Name: name, Image: image, Command: command, VolumeMounts: mounts}
	}
	spec := corev1.PodSpec{
		Containers: []corev1.Container{
			container(outputContainer, a.OutputImage, a.OutputCommand),
			container(backgroundContainer, a.BackgroundImage, a.BackgroundCommand),
		},
		Volumes:            []corev1.Volume{{Name: sharedVolume, VolumeSource: corev1.VolumeSource{EmptyDir: shared}}},
		RestartPolicy:      corev1.RestartPolicyNever,
		ServiceAccountName: serviceAccount,
	}
	if a.InitImage != "" {
		spec.InitContainers = []corev1.Container{container(initContainer, a.InitImage, a.InitCommand)}
	}
	return spec
}

// forEachContainer makes the caller's podOverride fit: what it says about the one
// container of other functions goes for each container here that it does not name.
// The caller's own stays as it is, because later phases read it.
func forEachContainer(override map[string]any, withInit bool) (map[string]any, error) {
	if override == nil {
		return nil, nil
	}
	out, err := cloneJSON(override)
	if err != nil {
		return nil, fmt.Errorf("podOverride of the action: %w", err)
	}
	all, ok := out["containers"].([]any)
	if !ok {
		return out, nil // nothing about containers, or a mistake that Build explains
	}
	generic, named := takeNamed(all, kube.MainContainer)
	if generic == nil {
		return out, nil
	}
	for _, name := range []string{outputContainer, backgroundContainer} {
		named = addNamed(named, generic, name)
	}
	out["containers"] = named
	if withInit {
		inits, _ := out["initContainers"].([]any)
		out["initContainers"] = addNamed(inits, generic, initContainer)
	}
	return out, nil
}

// takeNamed takes the entry of a name out of a list of containers.
func takeNamed(list []any, name string) (taken map[string]any, rest []any) {
	for _, item := range list {
		if entry, ok := item.(map[string]any); ok && entry["name"] == name {
			taken = entry
			continue
		}
		rest = append(rest, item)
	}
	return taken, rest
}

// addNamed adds a copy of entry under the name, if the list has none of that name.
func addNamed(list []any, entry map[string]any, name string) []any {
	if own, _ := takeNamed(list, name); own != nil {
		return list
	}
	copied := make(map[string]any, len(entry))
	for k, v := range entry {
		copied[k] = v // what is below is only read
	}
	copied["name"] = name
	return append(list, copied)
}

// cloneJSON copies a value as JSON has it.
func cloneJSON(v map[string]any) (map[string]any, error) {
	src, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(src))
	dec.UseNumber() // numbers keep their digits
	var out map[string]any
	err = dec.Decode(&out)
	return out, err
}
