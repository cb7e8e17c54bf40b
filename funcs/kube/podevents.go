package kube

import (
	"context"
	"regexp"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
)

// Reasons of events that tell of trouble before any container is made. A pod's status
// says nothing of it.
const (
	reasonMount   = "FailedMount"
	reasonMap     = "FailedMapVolume"
	reasonAttach  = "FailedAttachVolume"
	reasonSandbox = "FailedCreatePodSandBox"
)

var (
	troubleReasons = []string{reasonMount, reasonMap, reasonAttach, reasonSandbox}
	// progressReasons are of events that come when all volumes are mounted.
	progressReasons = []string{"Pulling", "Pulled", "Created", "Started"}
	// attachedReason comes when the disk is there, but not mounted yet.
	attachedReason = "SuccessfulAttachVolume"
)

// nameless matches what the node says of a Secret or ConfigMap, or a key of one, that
// does not exist. Nothing else: a CSI driver that is "not found" is only late.
var nameless = regexp.MustCompile(`(?:secret|configmap) "[^"]*" not found|references non-existent (?:secret|config) key`)

// eventsAfter is when events are asked for: most pods have started by then. None is
// missed, because a watch begins with those that are there.
const eventsAfter = time.Second

// podEvents reads the events of one pod.
type podEvents struct {
	client kubernetes.Interface
	pod    *corev1.Pod
	// see is shown each event, and again each time that it repeats.
	see    func(*corev1.Event)
	latest time.Time // of the events seen
	outage Outage
}

// follow reads until ctx ends. Events only ever explain: when they may not be read,
// that is all.
func (p *podEvents) follow(ctx context.Context) {
	for pause := eventsAfter; Sleep(ctx, pause) == nil; {
		err := p.stream(ctx)
		if err != nil && refused(err) {
			return
		}
		var hopeless bool
		if pause, hopeless = p.outage.Next(); hopeless {
			return
		}
	}
}

// stream reads on one watch until it ends.
func (p *podEvents) stream(ctx context.Context) error {
	w, err := p.client.CoreV1().Events(p.pod.Namespace).Watch(ctx, metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector("involvedObject.uid", string(p.pod.UID)).String(),
	})
	if err != nil {
		return err
	}
	defer w.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case event, open := <-w.ResultChan():
			if !open {
				return nil
			}
			if event.Type == watch.Error {
				return apierrors.FromObject(event.Object)
			}
			p.outage.End()
			p.take(event)
		}
	}
}

// take passes an event on. A watch begins with old events in any order: one that is
// older than what is known already is no news.
func (p *podEvents) take(from watch.Event) {
	e, ok := from.Object.(*corev1.Event)
	if !ok || from.Type == watch.Deleted || e.InvolvedObject.Name != p.pod.Name || e.InvolvedObject.UID != p.pod.UID {
		return
	}
	if at := eventTime(e); !at.Before(p.latest) {
		p.latest = at
		p.see(e)
	}
}

// eventTime is when an event happened last.
func eventTime(e *corev1.Event) time.Time {
	switch {
	case e.Series != nil:
		return e.Series.LastObservedTime.Time
	case !e.LastTimestamp.IsZero():
		return e.LastTimestamp.Time
	case !e.EventTime.IsZero():
		return e.EventTime.Time
	}
	return e.CreationTimestamp.Time
}

// readEvents notes the events of a pod until the returned function is called. Warnings
// go to the log, each once: somebody may be waiting for the pod.
func (a *alarm) readEvents(ctx context.Context, r *Runner, pod *corev1.Pod) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	events := podEvents{client: r.Client, pod: pod, see: func(e *corev1.Event) {
		before := a.lastWarning()
		a.noteEvent(pod, e)
		if now := a.lastWarning(); now != before {
			r.Log.Info("a pod has trouble to start", "namespace", pod.Namespace, "pod", pod.Name, "warning", now)
		}
	}}
	go func() {
		defer close(done)
		events.follow(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

// noteEvent takes an event of the pod.
func (a *alarm) noteEvent(pod *corev1.Pod, e *corev1.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if e.Type == corev1.EventTypeWarning {
		a.warning = e.Reason + ": " + e.Message
	}
	switch {
	case a.prepared:
		return
	case slices.Contains(troubleReasons, e.Reason):
		a.events = moreTelling(a.events, podError(pod, e.Reason, e.Message))
	case slices.Contains(progressReasons, e.Reason):
		a.events = nil
	case e.Reason == attachedReason && a.events != nil && a.events.Reason == reasonAttach:
		a.events = nil
	default:
		return
	}
	a.update()
}

// moreTelling prefers the cause of a trouble to the node's remark that the volume is
// not there yet, which comes after it again and again.
func moreTelling(before, now *PodError) *PodError {
	if before != nil && before.Reason == reasonAttach && now.Reason == reasonMount {
		return before
	}
	return now
}

// isPrepared tells whether the volumes of a pod are mounted: what events told of them
// is over. Clusters before Kubernetes 1.29 do not say so.
func isPrepared(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReadyToStartContainers && c.Status == corev1.ConditionTrue
	})
}
