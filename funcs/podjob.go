package funcs

import (
	"context"

	corev1 "k8s.io/api/core/v1"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/kube"
)

// podWishes are the arguments that all functions with a pod of their own have.
type podWishes struct {
	PodOverride    map[string]any    `json:"podOverride"`
	PodLabels      map[string]string `json:"podLabels"`
	PodAnnotations map[string]string `json:"podAnnotations"`
}

// template makes the template of a pod. The caller of the action wins over the
// function's podOverride, and loses against its podLabels and podAnnotations: that
// is how Kanister has it.
func (w podWishes) template(env *Env, prefix, namespace string, spec corev1.PodSpec) kube.PodTemplate {
	caller := env.caller()
	return kube.PodTemplate{
		Prefix:      prefix,
		Namespace:   env.namespaceOr(namespace),
		Spec:        env.secured(spec),
		Overrides:   []map[string]any{w.PodOverride, caller.PodOverride},
		Labels:      []map[string]string{caller.PodLabels, w.PodLabels, env.Labels},
		Annotations: []map[string]string{caller.PodAnnotations, w.PodAnnotations},
	}
}

// caller returns what the caller of the action asked for.
func (e *Env) caller() compat.Params {
	if e.Params == nil {
		return compat.Params{}
	}
	return *e.Params
}

// secured takes the service account's token from a pod, if pods are to be secure.
func (e *Env) secured(spec corev1.PodSpec) corev1.PodSpec {
	if e.SecurePods {
		spec.ServiceAccountName, spec.AutomountServiceAccountToken = "default", new(false)
	}
	return spec
}

// namespaceOr returns the namespace that was asked for, or else Rescue's own.
func (e *Env) namespaceOr(asked string) string {
	if asked == "" {
		return e.Namespace
	}
	return asked
}

// serviceAccountIn is the service account for pods in a namespace when the
// function names none.
func (e *Env) serviceAccountIn(namespace string) string {
	if e.namespaceOr(namespace) == e.Namespace {
		return e.ServiceAccount
	}
	return ""
}

// pods returns the runner for pods.
func (e *Env) pods() *kube.Runner {
	r := &kube.Runner{Client: e.Kube, Logs: e.Logs, Log: e.Log, Patience: e.Patience}
	if e.Secrets != nil {
		r.Secrets = e.Secrets
	}
	return r
}

// runPod runs the pod to its end and returns what its container wrote as outputs.
func runPod(ctx context.Context, env *Env, t kube.PodTemplate) (Output, error) {
	out, err := watchPod(ctx, env, t)
	if out == nil {
		return nil, err
	}
	return out.result(err)
}

// watchPod runs the pod to its end and returns what its container wrote, nil if the
// pod could not be made of the template.
func watchPod(ctx context.Context, env *Env, t kube.PodTemplate) (*userOutput, error) {
	pod, err := t.Build()
	if err != nil {
		return nil, err
	}
	out := newPodOutput(ctx, env.Log, kube.MainContainer)
	return out, env.pods().Run(ctx, kube.Job{Pod: pod, Containers: []string{kube.MainContainer}}, out)
}
