package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

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
	// Standstill is how long a wait goes on when nothing comes nearer to what was
	// asked for. 0: ScaleStandstill. A deadline of ctx takes its place: whoever set
	// one knows the workload better.
	Standstill time.Duration
}

// ScaleStandstill is how long Scale waits by default while nothing comes nearer to
// what was asked for: no pod more is ready, none less is left. The grace period of
// the workload's pods comes on top. It is as long as Kanister gives a pod to start.
const ScaleStandstill = 15 * time.Minute

// Scale sets the number of replicas, and returns the number before; see
// ReplicasBefore for how a second attempt knows it. It changes nothing when the
// number is right already. With wait it then waits until that
// many replicas are ready and all other pods are gone, also those that were ending
// before. The wait ends with ctx, or after a standstill; the error then says what
// was missing, and what is wrong with the pods.
func (s *Scaler) Scale(ctx context.Context, ref WorkloadRef, replicas int32, wait bool) (before int32, err error) {
	kind, err := workloadsOf(s.Kube, s.Dynamic, ref)
	if err != nil {
		return 0, err
	}
	w, before, err := s.set(ctx, kind, ref, replicas)
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

// set writes the number of replicas, unless it is right already.
func (s *Scaler) set(ctx context.Context, kind workloads, ref WorkloadRef, replicas int32) (w *workload, before int32, err error) {
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
	return w, before, err
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
