package funcs

import (
	"cmp"
	"context"
	"errors"

	"github.com/rescuecue/rescue/compat"
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
func ScaleWorkload() Func { return fn[scaleWorkloadArgs]{name: "ScaleWorkload", exec: scaleWorkload} }

func scaleWorkload(ctx context.Context, env *Env, a scaleWorkloadArgs) (Output, error) {
	object := workloadOf(env.Params)
	ref := kube.WorkloadRef{
		Kind:      cmp.Or(a.Kind, object.Kind),
		Namespace: cmp.Or(a.Namespace, object.Namespace),
		Name:      cmp.Or(a.Name, object.Name),
	}
	if ref.Kind == "" || ref.Namespace == "" || ref.Name == "" {
		return nil, errors.New("which workload to scale is not known: the action's object is no " +
			"Deployment, StatefulSet or DeploymentConfig, so namespace, name and kind must all be given")
	}
	scaler := kube.Scaler{Kube: env.Kube, Dynamic: env.Dynamic}
	before, err := scaler.Scale(ctx, ref, a.Replicas, a.WaitForReady == nil || *a.WaitForReady)
	if err != nil {
		return nil, err
	}
	return Output{"originalReplicaCount": int(before)}, nil
}

// workloadOf names the workload that the action works on; empty if it is another
// kind of object.
func workloadOf(p *compat.Params) kube.WorkloadRef {
	if p == nil {
		return kube.WorkloadRef{}
	}
	for _, w := range []struct {
		kind string
		is   *compat.Workload
	}{
		{kube.KindDeployment, p.Deployment},
		{kube.KindStatefulSet, p.StatefulSet},
		{kube.KindDeploymentConfig, p.DeploymentConfig},
	} {
		if w.is != nil {
			return kube.WorkloadRef{Kind: w.kind, Namespace: w.is.Namespace, Name: w.is.Name}
		}
	}
	return kube.WorkloadRef{}
}
