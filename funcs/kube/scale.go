package kube

import (
	"context"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/retry"
)

// A Scaler sets the replicas of workloads.
type Scaler struct {
	Kube    kubernetes.Interface
	Dynamic dynamic.Interface
}

// Scale sets the number of replicas, and returns the number before. It changes
// nothing when the number is right already. With wait it then waits until that
// many replicas are ready and all other pods are gone, also those that were ending
// before. There is no limit but ctx; the error then says what was missing.
func (s *Scaler) Scale(ctx context.Context, ref WorkloadRef, replicas int32, wait bool) (before int32, err error) {
	kind, err := workloadsOf(s.Kube, s.Dynamic, ref)
	if err != nil {
		return 0, err
	}
	var w *workload
	err = retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		w, err = kind.get(ctx, ref.Name)
		if err != nil {
			return err
		}
		if before = w.replicas; before == replicas {
			return nil
		}
		w, err = kind.patch(ctx, ref.Name, replicasPatch(w, replicas))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("scale %s: %w", ref, err)
	}
	if !wait {
		return before, nil
	}
	if err := s.settle(ctx, kind, w, replicas); err != nil {
		return before, fmt.Errorf("scale %s to %d: %w", ref, replicas, err)
	}
	return before, nil
}

// replicasPatch is refused by the server if somebody else has changed the workload
// since: the number before would be wrong otherwise. A patch, unlike an update,
// leaves fields alone that this program does not know.
func replicasPatch(w *workload, replicas int32) []byte {
	return fmt.Appendf(nil, `{"metadata":{"resourceVersion":%q},"spec":{"replicas":%d}}`,
		w.object.GetResourceVersion(), replicas)
}

// settle waits for the status first, and then for the pods: a status does not
// count pods that are still ending.
func (s *Scaler) settle(ctx context.Context, kind workloads, w *workload, replicas int32) error {
	var lacking string
	err := kind.follow(ctx, w, func(now *workload) (bool, error) {
		w, lacking = now, now.settled(replicas)
		switch {
		case lacking == "":
			return true, nil
		case now.stuck != "" && replicas > 0:
			return false, fmt.Errorf("%s: %s", now.stuck, lacking)
		case now.replicas != replicas:
			return false, fmt.Errorf("somebody else set its replicas to %d: look for an autoscaler or an operator that owns it", now.replicas)
		}
		return false, nil
	})
	if err == nil {
		lacking, err = s.settlePods(ctx, w, replicas)
	}
	if err != nil && ctx.Err() != nil && lacking != "" {
		return fmt.Errorf("%w: %s%s", ctx.Err(), lacking, s.troubles(ctx, w))
	}
	return err
}

// settlePods waits until no pod is ending, one after the other.
func (s *Scaler) settlePods(ctx context.Context, w *workload, replicas int32) (lacking string, err error) {
	pods, _, err := podsOf(ctx, s.Kube, w, false)
	if err != nil {
		return "", err
	}
	for i := range pods {
		p := &pods[i]
		if p.DeletionTimestamp == nil && replicas > 0 {
			continue
		}
		lacking = fmt.Sprintf("pod %s is still ending", p.Name)
		_, err := Follow(ctx, s.Kube.CoreV1().Pods(p.Namespace), p, func(p *corev1.Pod) (bool, error) { return leftover(p), nil })
		if err != nil && !errors.Is(err, ErrDeleted) {
			return lacking, err
		}
	}
	return "", nil
}

// troubles says what is wrong with the pods of a workload, for an error.
func (s *Scaler) troubles(ctx context.Context, w *workload) string {
	pods, _, err := podsOf(context.WithoutCancel(ctx), s.Kube, w, true)
	if err != nil {
		return ""
	}
	var b strings.Builder
	for i := range pods {
		if e := trouble(&pods[i], containerNames(&pods[i])); e != nil {
			fmt.Fprintf(&b, "\n    pod %s: %s: %s", e.Pod, e.Reason, e.Message)
		}
	}
	return b.String()
}

func containerNames(p *corev1.Pod) []string {
	names := make([]string, len(p.Spec.Containers))
	for i, c := range p.Spec.Containers {
		names[i] = c.Name
	}
	return names
}
