package funcs

import (
	"context"

	"github.com/rescuecue/rescue/funcs/kube"
)

type kubeTaskArgs struct {
	podWishes
	Namespace string   `json:"namespace"`
	Image     string   `json:"image"`
	Command   []string `json:"command"`
}

// KubeTask runs a command in a pod of its own.
func KubeTask() Func { return fn[kubeTaskArgs]{name: "KubeTask", exec: kubeTask} }

func kubeTask(ctx context.Context, env *Env, a kubeTaskArgs) (Output, error) {
	spec := kube.SingleContainer(a.Image, a.Command, env.serviceAccountIn(a.Namespace))
	return runPod(ctx, env, a.template(env, "kanister-job-", a.Namespace, spec))
}
