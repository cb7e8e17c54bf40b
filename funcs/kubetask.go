package funcs

import (
	"context"

	"github.com/rescuecue/rescue/funcs/access"
	"github.com/rescuecue/rescue/funcs/kube"
)

type kubeTaskArgs struct {
	podWishes
	Namespace string   `json:"namespace"`
	Image     string   `json:"image"`
	Command   []string `json:"command"`
}

// KubeTask runs a command in a pod of its own.
func KubeTask() Func {
	return fn[kubeTaskArgs]{name: "KubeTask", exec: kubeTask, access: access.Pod(access.In(access.InWork, "namespace"))}
}

func kubeTask(ctx context.Context, env *Env, a kubeTaskArgs) (Output, error) {
	return runPod(ctx, env, a.podTemplate(env))
}

// podTemplate is the template of the pod.
func (a kubeTaskArgs) podTemplate(env *Env) kube.PodTemplate {
	spec := kube.SingleContainer(a.Image, a.Command, env.serviceAccountIn(a.Namespace))
	return a.template(env, "kanister-job-", a.Namespace, spec)
}
