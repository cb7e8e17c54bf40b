package funcs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A Doubt is the error of a Rehearsal that has seen no reason why the cluster should refuse
// anything, but could not make sure either.
type Doubt string

// Error implements error.
func (d Doubt) Error() string { return string(d) }

// findings are what a rehearsal that looks at several things has found.
type findings struct {
	errs   []error
	doubts []string
}

func (f *findings) add(err error) {
	if doubt := Doubt(""); errors.As(err, &doubt) {
		f.doubts = append(f.doubts, err.Error())
		return
	}
	f.errs = append(f.errs, err)
}

// err is what is sure, or else what is in doubt.
func (f *findings) err() error {
	if err := errors.Join(f.errs...); err != nil || len(f.doubts) == 0 {
		return err
	}
	return Doubt(strings.Join(f.doubts, "; "))
}

// notSeen words the error of looking at something that a run itself can do without.
func notSeen(what string, err error) error {
	if apierrors.IsForbidden(err) {
		return Doubt(fmt.Sprintf("whether there is %s could not be seen: %v", what, err))
	}
	return fmt.Errorf("%s: %w", what, err)
}

// rehearseExec looks whether the pod and the container are there.
func rehearseExec(ctx context.Context, env *Env, a kubeExecArgs) error {
	return rehearseExecIn(ctx, env, env.namespaceOr(a.Namespace), a.Pod, []string{a.Container})
}

// rehearseExecAll looks whether the pods and the containers are there.
func rehearseExecAll(ctx context.Context, env *Env, a kubeExecAllArgs) error {
	var found findings
	for _, pod := range strings.Fields(a.Pods) {
		found.add(rehearseExecIn(ctx, env, env.namespaceOr(a.Namespace), pod, strings.Fields(a.Containers)))
	}
	return found.err()
}

func rehearseExecIn(ctx context.Context, env *Env, namespace, name string, containers []string) error {
	pod, err := env.Kube.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return notSeen(fmt.Sprintf("pod %s/%s", namespace, name), err)
	}
	for _, container := range containers {
		if names := containersOf(pod); container != "" && !slices.Contains(names, container) {
			return fmt.Errorf("pod %s/%s has no container %q; it has %s", namespace, name, container, strings.Join(names, ", "))
		}
	}
	if pod.Status.Phase != corev1.PodRunning || pod.DeletionTimestamp != nil {
		return Doubt(fmt.Sprintf("pod %s/%s does not run now, and a command runs only in one that does", namespace, name))
	}
	return nil
}

// containersOf are the names of all containers that a command can run in.
func containersOf(pod *corev1.Pod) []string {
	var names []string
	for _, c := range slices.Concat(pod.Spec.Containers, pod.Spec.InitContainers) {
		names = append(names, c.Name)
	}
	for _, c := range pod.Spec.EphemeralContainers {
		names = append(names, c.Name)
	}
	return names
}

// rehearseRestore looks at the snapshot and at the storage class, and has the server check
// the claim. Unlike the run, it does not wait for a snapshot that is still being taken.
func rehearseRestore(ctx context.Context, env *Env, a restoreCSISnapshotArgs) error {
	size, err := a.check()
	if err != nil {
		return err
	}
	snap, err := env.snapshots().Get(ctx, a.Namespace, a.Name)
	if err != nil {
		return err
	}
	if err := a.fits(size, snap); err != nil {
		return err
	}
	if err := checkProvisioner(ctx, env, a.StorageClass, snap); err != nil {
		return err
	}
	claims := env.Kube.CoreV1().PersistentVolumeClaims(a.Namespace)
	_, err = claims.Create(ctx, a.claim(size), metav1.CreateOptions{DryRun: dryRun})
	if apierrors.IsAlreadyExists(err) {
		// The run waits for the end of one that is being deleted.
		if there, getErr := claims.Get(ctx, a.PVC, metav1.GetOptions{}); getErr == nil && there.DeletionTimestamp != nil {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("create PersistentVolumeClaim %s/%s: %w", a.Namespace, a.PVC, err)
	}
	return nil
}

// rehearseWait looks whether the objects of the conditions are there. One that is not yet is
// waited for in the run.
func rehearseWait(parse conditionParser) func(context.Context, *Env, waitArgs) error {
	return func(ctx context.Context, env *Env, a waitArgs) error {
		w := &waiter{}
		var err error
		if w.anyOf, w.allOf, err = a.Conditions.compile(parse); err != nil {
			return err
		}
		if err := w.resolve(ctx, env); err != nil {
			return err
		}
		var found findings
		for _, o := range w.objects {
			found.add(o.rehearse(ctx))
		}
		return found.err()
	}
}

func (o *waitObject) rehearse(ctx context.Context) error {
	_, err := o.client.Get(ctx, o.name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return Doubt(fmt.Sprintf("%s is not there now: the phase waits for it", o))
	case err != nil:
		return fmt.Errorf("conditions.%s: %s: %w", o.conditions[0].place, o, err)
	}
	return nil
}
