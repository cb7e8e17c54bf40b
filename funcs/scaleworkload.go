package funcs

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/rescuecue/rescue/funcs/access"
	"github.com/rescuecue/rescue/funcs/kube"
)

type scaleWorkloadArgs struct {
	Namespace    string `json:"namespace"`
	Name         string `json:"name"`
	Kind         string `json:"kind"`
	Replicas     int32  `json:"replicas"`
	WaitForReady *bool  `json:"waitForReady"`
}

// ScaleWorkload sets the replicas of a Deployment, StatefulSet or DeploymentConfig.
// The workload remembers the number before in an annotation, kube.ReplicasBefore,
// so that a second attempt of the phase has the same output as the first.
func ScaleWorkload() Func {
	return fn[scaleWorkloadArgs]{name: "ScaleWorkload", exec: scaleWorkload, access: scalesWorkload}
}

func scaleWorkload(ctx context.Context, env *Env, a scaleWorkloadArgs) (Output, error) {
	ref, err := a.workload(env)
	if err != nil {
		return nil, err
	}
	scaler := kube.Scaler{Kube: env.Kube, Dynamic: env.Dynamic, Phase: env.phase()}
	before, err := scaler.Scale(ctx, ref, a.Replicas, a.WaitForReady == nil || *a.WaitForReady)
	if err != nil {
		return nil, err
	}
	return Output{"originalReplicaCount": int(before)}, nil
}

// workload is the one that the arguments name, by default the action's object.
func (a scaleWorkloadArgs) workload(env *Env) (kube.WorkloadRef, error) {
	ref := kube.WorkloadRef{Kind: a.Kind, Namespace: a.Namespace, Name: a.Name}
	if kind, object := env.workload(); object != nil {
		ref.Kind = cmp.Or(ref.Kind, kind)
		ref.Namespace = cmp.Or(ref.Namespace, object.Namespace)
		ref.Name = cmp.Or(ref.Name, object.Name)
	}
	if ref.Kind == "" || ref.Namespace == "" || ref.Name == "" {
		return ref, errors.New("which workload to scale is not known: the action's object is no " +
			"Deployment, StatefulSet or DeploymentConfig, so namespace, name and kind must all be given")
	}
	return ref, nil
}

func scalesWorkload(c access.Call) []access.Need {
	kind := cmp.Or(c.Text("kind"), c.Kind)
	in := access.In(access.InTarget, "namespace")
	const why = "scale the workload, and wait for its pods"
	rules := []access.Rule{
		access.On(in, "", "pods", why, "get", "watch"),
		access.Optionally(access.On(in, "", "events", "tell why the workload does not become ready", "list")),
	}
	for _, k := range access.Kinds() {
		if _, unknown := c.Args["kind"].(access.Unknown); unknown || strings.EqualFold(kind, "Any") || strings.EqualFold(k, kind) {
			rules = append(rules, access.Workload(in, k, why, "patch", "watch"))
		}
	}
	return access.All(rules...)(c)
}
