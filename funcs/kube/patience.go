package kube

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/kubernetes"
)

// Patience says how long a pod may take to start. What is 0 has the default.
type Patience struct {
	// Start limits the time until all containers run, whatever the cause. Default
	// 15 minutes, as in Kanister: a big image takes its time.
	Start time.Duration
	// Image is how long an image that cannot be pulled is tried. Default 15
	// seconds, enough for the node's first two attempts.
	Image time.Duration
	// Config is how long a container may wait for a Secret, a ConfigMap or
	// anything else that its spec names, in a volume too. Default 10 seconds.
	Config time.Duration
	// Volume is how long a disk may refuse to be attached or mounted, and a pod's
	// sandbox to be made. Default 7 minutes: after 6, Kubernetes takes a disk away from
	// a node that is lost.
	Volume time.Duration
	// Unschedulable is how long a pod may wait for a node with room. Default 30
	// seconds. When an autoscaler says that it is adding a node, Start counts.
	Unschedulable time.Duration
}

func (p Patience) withDefaults() Patience {
	orElse(&p.Start, 15*time.Minute)
	orElse(&p.Image, 15*time.Second)
	orElse(&p.Config, 10*time.Second)
	orElse(&p.Volume, 7*time.Minute)
	orElse(&p.Unschedulable, 30*time.Second)
	return p
}

func orElse(d *time.Duration, preset time.Duration) {
	if *d == 0 {
		*d = preset
	}
}

// with returns the time that a trouble may last.
func (p Patience) with(trouble *PodError) time.Duration {
	switch trouble.Reason {
	case "InvalidImageName", "ErrImageNeverPull":
		return 0
	case "ErrImagePull", "ImagePullBackOff", "ImageInspectError", "RegistryUnavailable", "SignatureValidationFailed":
		return p.Image
	case corev1.PodReasonUnschedulable:
		return p.Unschedulable
	case corev1.PodReasonSchedulingGated, "CrashLoopBackOff":
		return p.Start // on purpose: by a queue, or by a restartPolicy in podOverride
	case reasonAttach, reasonSandbox:
		return p.Volume
	case reasonMount, reasonMap:
		if !nameless.MatchString(trouble.Message) {
			return p.Volume
		}
	}
	return p.Config
}

// An alarm ends a wait when the pod's trouble has lasted too long. A trouble that
// changes its reason within the same patience (ErrImagePull, ImagePullBackOff)
// goes on.
type alarm struct {
	patience Patience
	ring     func(*PodError)
	// helped tells whether somebody is removing the cause.
	helped func(*PodError) bool

	mu       sync.Mutex
	status   *PodError // what the pod's status says
	events   *PodError // what only its events say
	prepared bool      // what events say is over
	warning  string    // the last warning among the events
	limit    time.Duration
	timer    *time.Timer
}

// note takes the present trouble of the pod's status, nil for none. prepared says that
// its volumes are mounted.
func (a *alarm) note(trouble *PodError, prepared bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.status = trouble
	if a.prepared = a.prepared || prepared; a.prepared {
		a.events = nil
	}
	a.update()
}

// update sets the timer for the present trouble. The caller holds the lock.
func (a *alarm) update() {
	trouble := a.trouble()
	if trouble == nil {
		a.quiet()
		return
	}
	limit := a.patience.with(trouble)
	if a.timer == nil || limit != a.limit {
		a.quiet()
		a.limit = limit
		a.timer = time.AfterFunc(limit, a.expire)
	}
}

// trouble is what to tell. The caller holds the lock.
func (a *alarm) trouble() *PodError { return cmp.Or(a.status, a.events) }

func (a *alarm) expire() {
	trouble := a.present()
	if trouble == nil || a.helped(trouble) {
		return
	}
	if trouble = a.present(); trouble != nil { // it may have passed meanwhile
		a.ring(trouble)
	}
}

func (a *alarm) present() *PodError {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.trouble()
}

// lastWarning is the last warning among the pod's events, as REASON: MESSAGE.
func (a *alarm) lastWarning() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.warning
}

// end stops the alarm for good.
func (a *alarm) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.status, a.events, a.prepared = nil, nil, true
	a.quiet()
}

// quiet stops the timer. The caller holds the lock.
func (a *alarm) quiet() {
	if a.timer != nil {
		a.timer.Stop()
	}
	a.timer = nil
}

// autoscalerReasons are the events by which cluster-autoscaler and Karpenter say
// that a node is on its way.
var autoscalerReasons = []string{"TriggeredScaleUp", "Nominated"}

// scalingUp tells whether an autoscaler is adding a node for the pod. Without the
// right to read events the answer is no.
func scalingUp(ctx context.Context, client kubernetes.Interface, trouble *PodError) bool {
	if trouble.Reason != corev1.PodReasonUnschedulable {
		return false
	}
	return slices.ContainsFunc(listEvents(ctx, client, trouble), func(e corev1.Event) bool {
		return slices.Contains(autoscalerReasons, e.Reason)
	})
}

// lateStart describes a pod that has not started within the whole limit. warning is
// the last one that was seen; without it the events are read once more.
func lateStart(ctx context.Context, client kubernetes.Interface, pod *corev1.Pod, limit time.Duration, warning string) *PodError {
	e := podError(pod, reasonNotStarted, fmt.Sprintf("it has not started within %s", limit))
	if warning == "" {
		for _, event := range listEvents(ctx, client, e) {
			if event.Type == corev1.EventTypeWarning {
				warning = event.Reason + ": " + event.Message
			}
		}
	}
	if warning != "" {
		e.Message += "; " + warning
	}
	return e
}

// listEvents lists the events of a pod, oldest first; none if they cannot be read,
// because they only ever explain.
func listEvents(ctx context.Context, client kubernetes.Interface, of *PodError) []corev1.Event {
	ctx, cancel := context.WithTimeout(ctx, explainLimit)
	defer cancel()
	list, err := client.CoreV1().Events(of.Namespace).List(ctx, metav1.ListOptions{
		FieldSelector: fields.Set{"involvedObject.kind": "Pod", "involvedObject.name": of.Pod}.String(),
	})
	if err != nil {
		return nil
	}
	events := slices.DeleteFunc(list.Items, func(e corev1.Event) bool { return e.InvolvedObject.Name != of.Pod })
	slices.SortStableFunc(events, func(a, b corev1.Event) int { return eventTime(&a).Compare(eventTime(&b)) })
	return events
}
