package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/client-go/kubernetes"
)

const (
	// drainLimit bounds the reading of a log after its container has failed,
	// lostLimit after the pod was lost in another way: its container may go on.
	drainLimit = 10 * time.Second
	lostLimit  = time.Second
	// settleLimit is how long the other containers of a job may go on when one of
	// them has failed.
	settleLimit = 2 * time.Second
)

// LogFollower writes the log of a container to w, from its first line until the
// container has ended. funcs.PodLogs is one.
type LogFollower interface {
	Follow(ctx context.Context, namespace, pod, container string, w io.Writer) error
}

// A Runner makes pods, watches over them, and removes them.
type Runner struct {
	Client   kubernetes.Interface
	Logs     LogFollower
	Log      *slog.Logger
	Patience Patience
	// Secrets finds what must not stand in a pod's spec; nil: nothing is secret.
	Secrets SecretFinder
}

// A Job is a pod and those of its containers that do the work. The work is done
// when these have ended; containers that a service mesh adds to the pod do not
// count. The log of the first is the job's log.
type Job struct {
	Pod        *corev1.Pod
	Containers []string
	// Logs take the logs of the other containers, by name, each from a goroutine of
	// its own. Those of init containers come to their ends before the others begin.
	Logs map[string]io.Writer
}

// Run makes the pod, copies the job's log to out as it comes, waits until the work
// is done, and removes the pod, whatever happened.
//
// A failed pod gives a *PodError for each container that failed, see PodErrors. When
// one container fails, the others have a moment to end and are then stopped: they
// may wait for something that it will never send. The Log of an error is empty for
// containers whose log the caller has seen.
func (r *Runner) Run(ctx context.Context, job Job, out io.Writer) error {
	return r.hold(ctx, job, func(ctx context.Context, s *session) error {
		err := s.runToEnd(ctx, out)
		return s.explain(ctx, err, append(slices.Collect(maps.Keys(job.Logs)), job.Containers[0])...)
	})
}

// With makes the pod, waits until its containers run, calls use, and removes the
// pod, whatever happened. When the pod ends before use does, the context of use
// ends, and With returns a *PodError.
func (r *Runner) With(ctx context.Context, job Job, use func(ctx context.Context, pod *corev1.Pod) error) error {
	return r.hold(ctx, job, func(ctx context.Context, s *session) error {
		err := s.guard(ctx, use)
		return s.explain(ctx, err)
	})
}

// hold makes the pod, waits for its start, calls use, and removes the pod. Its Secret is
// there before it, since a container is not started without.
func (r *Runner) hold(ctx context.Context, job Job, use func(context.Context, *session) error) error {
	template, secret, err := r.withSecret(ctx, job.Pod)
	if err != nil {
		return err
	}
	defer secret.remove(ctx)
	pod, err := r.create(ctx, template)
	if err != nil {
		return err
	}
	secret.belong(ctx, pod)
	s := &session{Runner: r, job: job, last: pod}
	defer s.remove(ctx)
	r.Log.Debug("pod created", "namespace", pod.Namespace, "pod", pod.Name)
	s.copyInitLogs(ctx)
	s.last, err = r.Started(ctx, pod, job)
	// What an init container wrote comes before what builds on it.
	s.finishInitLogs(err)
	if err != nil {
		return s.explain(ctx, err)
	}
	return use(ctx, s)
}

// create names the pod itself, so that it is known also when the answer of the API
// server got lost: then the pod is looked for, and made if it is not there. Its command
// must not run twice.
func (r *Runner) create(ctx context.Context, template *corev1.Pod) (*corev1.Pod, error) {
	pods := r.Client.CoreV1().Pods(template.Namespace)
	pod, lost := named(template), false
	for attempt := 0; ; attempt++ {
		made, err := pods.Create(ctx, pod, metav1.CreateOptions{})
		switch {
		case err == nil:
			return made, nil
		case apierrors.IsAlreadyExists(err) && lost:
			return pods.Get(ctx, pod.Name, metav1.GetOptions{})
		case apierrors.IsAlreadyExists(err) && attempt < 5:
			pod = named(template)
			continue
		case maybeCreated(err) && ctx.Err() == nil && !lost:
			lost = true
			made, failed := pods.Get(ctx, pod.Name, metav1.GetOptions{})
			if failed == nil {
				return made, nil
			}
			if apierrors.IsNotFound(failed) {
				continue
			}
		}
		if maybeCreated(err) {
			(&session{Runner: r, last: pod}).remove(ctx)
		}
		return nil, fmt.Errorf("create pod in namespace %s: %w", template.Namespace, err)
	}
}

// named returns the pod with a name that nobody has.
func named(template *corev1.Pod) *corev1.Pod {
	pod := template.DeepCopy()
	pod.Name, pod.GenerateName = template.GenerateName+rand.String(5), ""
	return pod
}

// maybeCreated tells whether an object may exist although creating it failed: the
// answer got lost, or the server gave up waiting for its own storage.
func maybeCreated(err error) bool {
	if neverSent(err) {
		return false
	}
	switch apierrors.ReasonForError(err) {
	case metav1.StatusReasonUnknown, metav1.StatusReasonTimeout, metav1.StatusReasonServerTimeout, metav1.StatusReasonInternalError:
		return true
	}
	return false
}

// AnswerLost tells that a connection broke, perhaps after a request was sent on it:
// whether the server has carried it out is not known. The same request can be sent again
// if the server would then tell that it has.
func AnswerLost(err error) bool {
	var status apierrors.APIStatus
	return err != nil && !errors.As(err, &status) && !isContextError(err) && !neverSent(err)
}

// neverSent tells that the server cannot have got a request.
func neverSent(err error) bool {
	var op *net.OpError
	var known interface{ NeverSent() bool }
	return errors.As(err, &op) && op.Op == "dial" || errors.As(err, &known) && known.NeverSent()
}

// Started waits until the containers of the job run, or have ended, well or badly.
// It fails with a *PodError when the pod cannot start, as Patience says.
func (r *Runner) Started(ctx context.Context, pod *corev1.Pod, job Job) (*corev1.Pod, error) {
	return r.await(ctx, pod, job, func(s podState) bool { return s.started })
}

// Ended waits until the containers of the job have ended. It fails with a
// *PodError when one of them fails, or the pod is lost. There is no limit but ctx.
func (r *Runner) Ended(ctx context.Context, pod *corev1.Pod, job Job) (*corev1.Pod, error) {
	return r.await(ctx, pod, job, func(s podState) bool { return s.ended })
}

func (r *Runner) await(ctx context.Context, pod *corev1.Pod, job Job, enough func(podState) bool) (*corev1.Pod, error) {
	waitCtx, giveUp := context.WithCancelCause(ctx)
	a := r.newAlarm(waitCtx, giveUp)
	stopReading := a.readEvents(waitCtx, r, pod)
	defer func() {
		giveUp(nil)
		stopReading()
		a.end()
	}()
	late := func() { giveUp(lateStart(waitCtx, r.Client, pod, a.patience.Start, a.lastWarning())) }
	start := time.AfterFunc(a.patience.Start, late)
	defer start.Stop()
	last, err := Follow(waitCtx, r.Client.CoreV1().Pods(pod.Namespace), pod, func(p *corev1.Pod) (bool, error) {
		state := judge(p, job.Containers)
		if state.started {
			start.Stop()
			stopReading()
		}
		a.note(state.trouble, isPrepared(p))
		switch {
		case enough(state):
			return true, nil
		case state.failure != nil:
			return false, state.failure
		}
		return false, nil
	})
	return last, verdict(ctx, waitCtx, last, job, err, a.lastWarning())
}

// newAlarm gives up a wait when a trouble has lasted too long.
func (r *Runner) newAlarm(waitCtx context.Context, giveUp context.CancelCauseFunc) *alarm {
	return &alarm{
		patience: r.Patience.withDefaults(),
		ring:     func(e *PodError) { giveUp(e) },
		helped:   func(e *PodError) bool { return scalingUp(waitCtx, r.Client, e) },
	}
}

// verdict finds the cause of an error of Follow. warning is the last one of a pod that
// has not started.
func verdict(ctx, waitCtx context.Context, pod *corev1.Pod, job Job, err error, warning string) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil && warning != "" && !judge(pod, job.Containers).started:
		return stopped(ctx, pod, job, "; the last warning: "+warning)
	case ctx.Err() != nil:
		return stopped(ctx, pod, job, "")
	case errors.Is(err, ErrDeleted):
		return deleted(pod)
	case waitCtx.Err() != nil:
		return context.Cause(waitCtx)
	}
	return err
}

// stopped is the error of a wait that the caller ended: what the pod was doing.
func stopped(ctx context.Context, pod *corev1.Pod, job Job, more string) error {
	return fmt.Errorf("pod %s/%s was stopped: %s%s: %w", pod.Namespace, pod.Name, lastSeen(pod, job.Containers), more, ctx.Err())
}
