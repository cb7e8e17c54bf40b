package kube

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
)

// settle waits for the status first, and then for the pods: a status does not
// count pods that are still ending.
func (s *Scaler) settle(ctx context.Context, kind workloads, w *workload, replicas int32) error {
	ctx, watch := s.watchStandstill(ctx, w)
	defer watch.stop()
	err := kind.follow(ctx, w, func(now *workload) (bool, error) {
		w = now
		lacking := now.settled(replicas)
		watch.saw(lacking)
		switch {
		case lacking == "":
			return true, nil
		case now.stuck != "" && replicas > 0:
			return false, fmt.Errorf("%s: %s%s", now.stuck, lacking, s.troubles(ctx, now))
		case now.replicas != replicas:
			return false, fmt.Errorf("somebody else set its replicas to %d: look for an autoscaler or an operator that owns it", now.replicas)
		}
		return false, nil
	})
	if err == nil {
		err = s.settlePods(ctx, w, replicas, watch)
	}
	if err != nil && ctx.Err() != nil && watch.last != "" {
		return watch.explain(context.Cause(ctx), s.troubles(ctx, w))
	}
	return err
}

// settlePods waits until no pod is ending, one after the other.
func (s *Scaler) settlePods(ctx context.Context, w *workload, replicas int32, watch *standstill) error {
	pods, _, err := podsOf(ctx, s.Kube, w, false)
	if err != nil {
		return err
	}
	for i := range pods {
		p := &pods[i]
		if p.DeletionTimestamp == nil && replicas > 0 {
			continue
		}
		watch.saw(fmt.Sprintf("pod %s is still there", p.Name))
		_, err := Follow(ctx, s.Kube.CoreV1().Pods(p.Namespace), p, func(p *corev1.Pod) (bool, error) { return leftover(p), nil })
		if err != nil && !errors.Is(err, ErrDeleted) {
			return err
		}
	}
	return nil
}

// A standstill ends a wait in which nothing comes nearer to its end.
type standstill struct {
	limit time.Duration
	timer *time.Timer // nil: no limit of its own
	end   context.CancelCauseFunc
	last  string
	seen  map[string]bool
}

// watchStandstill returns a context that ends after a standstill, unless ctx has a
// deadline: then that is the limit.
func (s *Scaler) watchStandstill(ctx context.Context, w *workload) (context.Context, *standstill) {
	st := &standstill{limit: s.Standstill, seen: map[string]bool{}}
	orElse(&st.limit, ScaleStandstill)
	st.limit += w.grace
	_, limited := ctx.Deadline()
	ctx, st.end = context.WithCancelCause(ctx)
	if !limited {
		st.timer = time.AfterFunc(st.limit, func() { st.end(&standstillError{st.limit}) })
	}
	return ctx, st
}

// saw notes what is still missing. Only what was never missing before is progress:
// a container that crashes again and again shows the same states in turn.
func (st *standstill) saw(lacking string) {
	st.last = lacking
	if lacking == "" || st.seen[lacking] {
		return
	}
	st.seen[lacking] = true
	if st.timer != nil {
		st.timer.Reset(st.limit)
	}
}

// explain makes one error of why the wait ended, what was missing and why.
func (st *standstill) explain(cause error, troubles string) error {
	hint := ""
	if own := (*standstillError)(nil); errors.As(cause, &own) {
		hint = "\nto go on: mend what is named here and run the action again; give the phase a timeout if the workload needs longer"
	}
	return fmt.Errorf("%w: %s%s%s", cause, st.last, troubles, hint)
}

// standstillError is the cause of a context that watchStandstill has ended.
type standstillError struct{ limit time.Duration }

func (e *standstillError) Error() string { return fmt.Sprintf("no progress for %s", e.limit) }

func (st *standstill) stop() {
	if st.timer != nil {
		st.timer.Stop()
	}
	st.end(nil)
}

// troubles says what is wrong with a workload and its pods, for an error: a line
// each. It reads them once more, in a time of its own.
func (s *Scaler) troubles(ctx context.Context, w *workload) string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), explainLimit)
	defer cancel()
	var b strings.Builder
	if why := cmp.Or(w.failure, s.lastWarning(ctx, w.object)); why != "" {
		fmt.Fprintf(&b, "\n    %s", why)
	}
	pods, _, err := podsOf(ctx, s.Kube, w, false)
	if err != nil {
		return b.String()
	}
	for i := range pods {
		if why := s.troubleOf(ctx, &pods[i]); why != "" {
			fmt.Fprintf(&b, "\n    pod %s: %s", pods[i].Name, why)
		}
	}
	return b.String()
}

// troubleOf says what is wrong with a pod. Trouble with its volumes shows in events only.
func (s *Scaler) troubleOf(ctx context.Context, p *corev1.Pod) string {
	why := notReady(p)
	if p.Status.Phase != corev1.PodPending || p.DeletionTimestamp != nil || trouble(p, containerNames(p)) != nil {
		return why
	}
	return cmp.Or(s.lastWarning(ctx, p), why)
}

// explainLimit bounds the reading of what explains an error.
const explainLimit = 5 * time.Second

// notReady says why a pod is not as it should be, or that it is not gone; "" if it
// is ready.
func notReady(p *corev1.Pod) string {
	if p.DeletionTimestamp != nil {
		return "it is ending" + heldBy(p)
	}
	if e := trouble(p, containerNames(p)); e != nil {
		return fmt.Sprintf("%s: %s%s", e.Reason, e.Message, lastExit(p, e.Container))
	}
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady && c.Status != corev1.ConditionTrue {
			return fmt.Sprintf("it is %s and not ready: %s", strings.ToLower(string(p.Status.Phase)), c.Message)
		}
	}
	return ""
}

// heldBy names what keeps a deleted pod.
func heldBy(p *corev1.Pod) string {
	if len(p.Finalizers) == 0 {
		return fmt.Sprintf(", and has until %s to do so", p.DeletionTimestamp.UTC().Format(time.TimeOnly+" MST"))
	}
	return ": it waits for its finalizers " + strings.Join(p.Finalizers, ", ")
}

// lastExit says how a container that is started again and again ended.
func lastExit(p *corev1.Pod, container string) string {
	c := containerStatus(p.Status.ContainerStatuses, container)
	if c == nil || c.LastTerminationState.Terminated == nil {
		return ""
	}
	t := c.LastTerminationState.Terminated
	return fmt.Sprintf("; it ended with status %d (%s)", t.ExitCode, t.Reason)
}

func containerNames(p *corev1.Pod) []string {
	names := make([]string, len(p.Spec.Containers))
	for i, c := range p.Spec.Containers {
		names[i] = c.Name
	}
	return names
}

// lastWarning is the last warning event of an object: of a workload, what its controller
// could not do, such as making pods against a quota. Without the right to read events it
// is empty.
func (s *Scaler) lastWarning(ctx context.Context, of metav1.Object) string {
	list, err := s.Kube.CoreV1().Events(of.GetNamespace()).List(ctx, metav1.ListOptions{
		FieldSelector: fields.Set{"involvedObject.uid": string(of.GetUID()), "type": corev1.EventTypeWarning}.String(),
	})
	if err != nil {
		return ""
	}
	var last *corev1.Event
	for i := range list.Items {
		e := &list.Items[i]
		if e.InvolvedObject.UID == of.GetUID() && e.Type == corev1.EventTypeWarning && (last == nil || !eventTime(e).Before(eventTime(last))) {
			last = e
		}
	}
	if last == nil {
		return ""
	}
	return last.Reason + ": " + last.Message
}
