package funcs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/kube"
)

// A Rehearsal asks the cluster, before a run, whether it would take what a function is going
// to do. It changes nothing.
type Rehearsal struct {
	// Reads are the arguments that must be known for it.
	Reads []string
	ask   func(context.Context, *Env, Args) error
}

// RehearsalOf is that of a function; ok is false if it has none.
func RehearsalOf(name string) (r Rehearsal, ok bool) {
	r, ok = rehearsals[name]
	return r, ok
}

// Ask asks the cluster. The error says what it would refuse, or what is not there; a Doubt
// says what may be refused. Of the arguments it takes those that it reads. Of Env it reads
// the clients, Params and Log.
func (r Rehearsal) Ask(ctx context.Context, env *Env, args Args) error {
	known := Args{}
	for name, value := range args {
		if slices.Contains(r.Reads, name) {
			known[name] = value
		}
	}
	return r.ask(ctx, env, known)
}

// Certain tells of an error of a Rehearsal whether nothing that happens before in the
// cluster could mend it.
func Certain(err error) bool { return apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) }

// rehearsals are by the names of the functions. What only makes pods has none: see
// PreviewPod.
var rehearsals = map[string]Rehearsal{
	"CreateCSISnapshot":       {[]string{"pvc", "namespace", "snapshotClass"}, rehearsed(rehearseSnapshot)},
	"CreateCSISnapshotStatic": {[]string{"driver", "snapshotClass"}, rehearsed(rehearseClass)},
	"KubeExec":                {[]string{"namespace", "pod", "container"}, rehearsed(rehearseExec)},
	"KubeExecAll":             {[]string{"namespace", "pods", "containers"}, rehearsed(rehearseExecAll)},
	"KubeOps":                 {[]string{"operation", "namespace", "spec", "objectReference"}, rehearsed(rehearseKubeOps)},
	"RestoreCSISnapshot":      {[]string{"name", "pvc", "namespace", "storageClass", "restoreSize"}, rehearsed(rehearseRestore)},
	"ScaleWorkload":           {[]string{"namespace", "name", "kind"}, rehearsed(rehearseScale)},
	"Wait":                    {[]string{"conditions"}, rehearsed(rehearseWait(compat.ParseWait))},
	"WaitV2":                  {[]string{"conditions"}, rehearsed(rehearseWait(compat.ParseWaitV2))},
}

// rehearsed decodes the arguments.
func rehearsed[A any](ask func(context.Context, *Env, A) error) func(context.Context, *Env, Args) error {
	return func(ctx context.Context, env *Env, args Args) error {
		var a A
		if err := args.Decode(&a); err != nil {
			return err
		}
		return ask(ctx, env, a)
	}
}

// rehearseSnapshot looks at the claim and at the class.
func rehearseSnapshot(ctx context.Context, env *Env, a createCSISnapshotArgs) error {
	_, err := snapshotSource(ctx, env, a)
	return err
}

func rehearseClass(ctx context.Context, env *Env, a createCSISnapshotStaticArgs) error {
	_, err := env.snapshots().Class(ctx, a.SnapshotClass, a.Driver, "the argument driver")
	return err
}

// rehearseScale looks whether the workload is there.
func rehearseScale(ctx context.Context, env *Env, a scaleWorkloadArgs) error {
	ref, err := a.workload(env)
	if err != nil {
		return err
	}
	return kube.FindWorkload(ctx, env.Kube, env.Dynamic, ref)
}

// dryRun makes requests that the server checks and does not carry out.
var dryRun = []string{metav1.DryRunAll}

func rehearseKubeOps(ctx context.Context, env *Env, a kubeOpsArgs) error {
	switch {
	case a.Operation == "create":
		return rehearseCreate(ctx, env, a)
	case a.ObjectReference == nil:
		return fmt.Errorf("operation %s needs an objectReference", a.Operation)
	case a.Operation == "delete":
		return rehearseDelete(ctx, env, *a.ObjectReference, a.Namespace)
	case a.Operation == "patch":
		return rehearsePatch(ctx, env, *a.ObjectReference, a.Spec)
	}
	return nil // its schema knows no other
}

// rehearseCreate has the server check all objects but those that need others of the same
// spec: a namespace, or a definition of their kind.
func rehearseCreate(ctx context.Context, env *Env, a kubeOpsArgs) error {
	manifests, err := readManifests(a.Spec)
	if err != nil {
		return err
	}
	creations, err := planCreations(ctx, env, manifests, cmp.Or(a.Namespace, metav1.NamespaceDefault))
	if err != nil {
		return err
	}
	made := map[string]bool{} // namespaces
	var errs []error
	for _, c := range creations {
		if c.crd != nil || made[c.namespace] {
			continue
		}
		made[c.name] = made[c.name] || c.Kind == "Namespace" && c.Group == ""
		_, err := c.client.Create(ctx, c.object.DeepCopy(), metav1.CreateOptions{FieldManager: createManager, DryRun: dryRun})
		if err != nil {
			errs = append(errs, fmt.Errorf("create %s: %w", c, err))
		}
	}
	return errors.Join(errs...)
}

func rehearseDelete(ctx context.Context, env *Env, ref objectReference, namespace string) error {
	t, err := env.target(ctx, ref, cmp.Or(namespace, metav1.NamespaceDefault))
	if err != nil {
		return err
	}
	if err = t.client.Delete(ctx, t.name, metav1.DeleteOptions{DryRun: dryRun}); err != nil {
		return fmt.Errorf("delete %s: %w", t, err)
	}
	return nil
}

func rehearsePatch(ctx context.Context, env *Env, ref objectReference, spec string) error {
	patch, err := readPatch(spec)
	if err != nil {
		return err
	}
	t, err := env.target(ctx, ref, "")
	if err != nil {
		return err
	}
	_, err = t.patch(ctx, patch, metav1.PatchOptions{DryRun: dryRun})
	return err
}
