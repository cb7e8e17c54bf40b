package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/retry"
)

// ReplicasBefore is the annotation by which a workload remembers its replicas from
// before a scaling. Its value is PHASE=NUMBER, PHASE being Scaler.Phase.
//
// Nothing removes it: also a run that is taken up after a crash, when the scaling
// had long settled, must find the number. The next phase that scales the workload
// overwrites it.
const ReplicasBefore = "rescue.dev/replicas-before"

// A Scaler sets the replicas of workloads.
type Scaler struct {
	Kube    kubernetes.Interface
	Dynamic dynamic.Interface
	// Phase names the phase of the run that scales, RUN/PHASE. Each attempt of one
	// phase then gets the number of replicas from before the first. Empty: every
	// call is the first.
	Phase string
}

// Scale sets the number of replicas, and returns the number before; see
// ReplicasBefore for how a second attempt knows it. It changes nothing when the
// number is right already. With wait it then waits until that
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
		if before, err = s.before(w); err != nil || w.replicas == replicas {
			return err
		}
		patch, err := s.replicasPatch(w, before, replicas)
		if err != nil {
			return err
		}
		w, err = kind.patch(ctx, ref.Name, patch)
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

// before is the number of replicas before the first attempt of the phase.
func (s *Scaler) before(w *workload) (int32, error) {
	noted, ours := strings.CutPrefix(w.object.GetAnnotations()[ReplicasBefore], s.Phase+"=")
	if s.Phase == "" || !ours {
		return w.replicas, nil
	}
	n, err := strconv.ParseInt(noted, 10, 32)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("its annotation %s is %q, which has no number of replicas: correct or remove it",
			ReplicasBefore, w.object.GetAnnotations()[ReplicasBefore])
	}
	return int32(n), nil
}

// replicasPatch is refused by the server if somebody else has changed the workload
// since: the number before would be wrong otherwise. A patch, unlike an update,
// leaves fields alone that this program does not know.
func (s *Scaler) replicasPatch(w *workload, before, replicas int32) ([]byte, error) {
	metadata := map[string]any{"resourceVersion": w.object.GetResourceVersion()}
	if s.Phase != "" {
		metadata["annotations"] = map[string]string{ReplicasBefore: fmt.Sprintf("%s=%d", s.Phase, before)}
	}
	return json.Marshal(map[string]any{"metadata": metadata, "spec": map[string]any{"replicas": replicas}})
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
