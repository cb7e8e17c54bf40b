package funcs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/kube"
	"github.com/rescuecue/rescue/funcs/mover"
	"github.com/rescuecue/rescue/funcs/mover/agent"
)

// dataPod is a pod in which the data mover runs.
type dataPod struct {
	podWishes
	prefix    string // of its name
	namespace string
	image     string                // empty: the tools image
	mounts    map[string]kube.Mount // by claim
}

// inDataPod makes the pod, which also mounts the location's own volume if it has one,
// calls use with its container, and removes it, whatever happened.
func (e *Env) inDataPod(ctx context.Context, p dataPod, use func(context.Context, container) error) error {
	mounts, err := withLocation(p.mounts, e.Params.Profile.Location)
	if err != nil {
		return err
	}
	image := e.toolsImage(p.image)
	spec := kube.SingleContainer(image, agent.IdleCommand(), e.serviceAccountIn(p.namespace))
	if err := kube.MountClaims(ctx, e.Kube, p.namespace, &spec, mounts); err != nil {
		return err
	}
	pod, err := p.template(e, p.prefix, p.namespace, spec).Build()
	if err != nil {
		return err
	}
	job := kube.Job{Pod: pod, Containers: []string{kube.MainContainer}}
	err = e.pods().With(ctx, job, func(ctx context.Context, pod *corev1.Pod) error {
		return use(ctx, container{pod.Namespace, pod.Name, kube.MainContainer})
	})
	return adviseImage(err, image)
}

// toolsImage returns the image that was asked for, or else that of the tools.
func (e *Env) toolsImage(asked string) string {
	return cmp.Or(asked, e.ToolsImage, DefaultToolsImage)
}

// locationNamespace is where pods go that only need the location: Rescue's own
// namespace, but that of the action's object if the location is a claim, which is
// where the other pods mount it.
func (e *Env) locationNamespace() string {
	if p := e.Params; p.Profile.Location.Type == compat.LocationFilesystem && p.Profile.Location.Claim != "" {
		_, w := e.workload()
		switch {
		case w != nil:
			return w.Namespace
		case p.PVC != nil:
			return p.PVC.Namespace
		case p.Namespace != nil:
			return p.Namespace.Name
		}
	}
	return e.Namespace
}

// withLocation adds the volume of a filesystem location, where the pods expect it.
func withLocation(mounts map[string]kube.Mount, l compat.Location) (map[string]kube.Mount, error) {
	if l.Type != compat.LocationFilesystem || l.Claim == "" {
		return mounts, nil
	}
	for claim, mount := range mounts {
		if claim == l.Claim {
			return nil, fmt.Errorf("volume %s is the location of the backups, and cannot hold the data as well", claim)
		}
		if strings.TrimRight(mount.Path, "/") == strings.TrimRight(l.Endpoint, "/") {
			return nil, fmt.Errorf("volume %s is mounted at %s, which is also the directory of the location", claim, mount.Path)
		}
	}
	all := map[string]kube.Mount{l.Claim: {Path: l.Endpoint}}
	maps.Copy(all, mounts)
	return all, nil
}

// adviseImage tells what to do about an image without the data mover, which shows
// when the pod's command cannot be started.
func adviseImage(err error, image string) error {
	var pod *kube.PodError
	missing := mover.CodeOf(err) == mover.CodeNoProgram
	if errors.As(err, &pod) && strings.Contains(pod.Message, "executable file not found") {
		missing = true
	}
	if !missing {
		return err
	}
	return &mover.Error{Code: mover.CodeNoProgram, Text: fmt.Sprintf(
		"the image %s cannot move data: give Rescue's tools image as the argument image, or one with a shell and the program `kopia`, such as Kanister's", image), Err: err}
}
