package funcs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/rescuecue/rescue/funcs/access"
	"github.com/rescuecue/rescue/funcs/kube"
)

// prepareDir is where claims are mounted that the arguments do not name.
const prepareDir = "/mnt/prepare_data"

type prepareDataArgs struct {
	podWishes
	Namespace      string            `json:"namespace"`
	Image          string            `json:"image"`
	Command        []string          `json:"command"`
	Volumes        map[string]string `json:"volumes"`
	ServiceAccount string            `json:"serviceaccount"`
	FailOnError    bool              `json:"failOnError"`
}

// PrepareData runs a command in a pod that mounts volumes of the application.
//
// Without failOnError the phase does not care for the status with which the command
// ends, and takes its outputs also when it failed. A pod that did not get that far
// fails the phase in any case: it could not start, ran out of memory, was evicted or
// deleted. So do malformed outputs.
func PrepareData() Func {
	return fn[prepareDataArgs]{name: "PrepareData", exec: prepareData, access: mountsClaims}
}

func prepareData(ctx context.Context, env *Env, a prepareDataArgs) (Output, error) {
	t, err := a.podTemplate(ctx, env)
	if err != nil {
		return nil, err
	}
	out, err := watchPod(ctx, env, t)
	if out == nil {
		return nil, err
	}
	// Any further error, such as that of a log that broke off, is not the command's.
	if failed, alone := err.(*kube.PodError); alone && !a.FailOnError && failed.ByCommand() && failed.Container == kube.MainContainer {
		err = nil
		env.Log.LogAttrs(ctx, slog.LevelWarn, "the command failed, and the phase goes on because failOnError is false",
			slog.Int("status", failed.ExitCode), slog.String("log", strings.Join(out.tail.Lines(), "\n")))
	}
	return out.result(err)
}

// podTemplate is the template of the pod with its volumes.
func (a prepareDataArgs) podTemplate(ctx context.Context, env *Env) (kube.PodTemplate, error) {
	mounts, err := a.mounts(ctx, env)
	if err != nil {
		return kube.PodTemplate{}, err
	}
	ns := env.namespaceOr(a.Namespace)
	spec := kube.SingleContainer(a.Image, a.Command, cmp.Or(a.ServiceAccount, env.serviceAccountIn(ns)))
	err = kube.MountClaims(ctx, env.Kube, ns, &spec, mounts)
	if apierrors.IsNotFound(err) {
		err = fmt.Errorf("%w\nto go on: the argument volumes has names of claims in the namespace %s as its keys; see `kubectl get pvc -n %s`", err, ns, ns)
	}
	return a.template(env, "prepare-data-job-", ns, spec), err
}

// mounts says where to mount which claims.
func (a prepareDataArgs) mounts(ctx context.Context, env *Env) (map[string]kube.Mount, error) {
	mounts := map[string]kube.Mount{}
	for claim, at := range a.Volumes {
		mounts[claim] = kube.Mount{Path: at}
	}
	if len(mounts) > 0 {
		return mounts, nil
	}
	claims, err := env.claimsOfWorkload(ctx)
	if err != nil {
		return nil, fmt.Errorf("which volumes to mount is not known: %w; give them with the argument volumes, claim to path", err)
	}
	for _, claim := range claims {
		mounts[claim] = kube.Mount{Path: path.Join(prepareDir, claim)}
	}
	return mounts, nil
}

// claimsOfWorkload lists the claims of the action's Deployment or StatefulSet: those
// that its running pods had when the action started. If none ran then, they are those
// of its pod template, and of a StatefulSet those that it made for its pods.
func (e *Env) claimsOfWorkload(ctx context.Context) ([]string, error) {
	kind, w := e.workload()
	if w == nil || kind == kube.KindDeploymentConfig {
		return nil, errors.New("the action's object is no Deployment or StatefulSet")
	}
	ref := kube.WorkloadRef{Kind: kind, Namespace: w.Namespace, Name: w.Name}
	if len(w.Pods) > 0 {
		return someClaims(ref, "its pods mount no claim", claimsIn(w.PersistentVolumeClaims))
	}
	g := kube.Gatherer{Kube: e.Kube, Dynamic: e.Dynamic}
	claims, err := g.TemplateClaims(ctx, ref)
	if err != nil {
		return nil, err
	}
	e.Log.LogAttrs(ctx, slog.LevelInfo, "no pod ran when the action started: the volumes are those of the pod template",
		slog.String("of", ref.String()), slog.Any("claims", claims))
	return someClaims(ref, "no pod of it ran when the action started, and its pod template has no claim that exists", claims)
}

// claimsIn lists the claims of all pods once.
func claimsIn(ofPods map[string]map[string]string) []string {
	all := map[string]bool{}
	for _, claims := range ofPods {
		for claim := range claims {
			all[claim] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

func someClaims(of kube.WorkloadRef, otherwise string, claims []string) ([]string, error) {
	if len(claims) == 0 {
		return nil, fmt.Errorf("%s: %s", of, otherwise)
	}
	return claims, nil
}

func mountsClaims(c access.Call) []access.Need {
	in := access.In(access.InWork, "namespace")
	return access.All(
		access.Pod(in),
		access.On(in, "", "persistentvolumeclaims", "mount the volumes", "get"),
		access.If(access.Not(access.Surely("volumes")), readsTemplateClaims),
	)(c)
}
