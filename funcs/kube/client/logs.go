package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/rescuecue/rescue/funcs/kube"
)

const (
	firstPause = 100 * time.Millisecond
	longPause  = 5 * time.Second
)

// Logs follows the logs of containers in a cluster. A stream that ends early (the
// kubelet ends each after some hours, connections break) is taken up again: lines
// are asked for with their times, so that none is lost or comes twice.
type Logs struct {
	client kubernetes.Interface
}

// NewLogs returns Logs for a cluster.
func NewLogs(client kubernetes.Interface) *Logs { return &Logs{client: client} }

// Follow implements funcs.PodLogs. The container must have been started. The log
// is whole when a reading that began after the container's end has reached its
// end.
func (l *Logs) Follow(ctx context.Context, namespace, pod, container string, w io.Writer) error {
	f := logFollow{Logs: l, namespace: namespace, pod: pod, container: container, reader: logReader{out: w}}
	if err := f.look(ctx, 0); err != nil {
		return err
	}
	scoutCtx, callBack := context.WithCancel(ctx)
	scouting := make(chan struct{})
	go func() {
		defer close(scouting)
		f.scout(scoutCtx)
	}()
	defer func() {
		callBack()
		<-scouting
		f.reader.files.close()
	}()
	return f.follow(scoutCtx)
}

func (f *logFollow) follow(ctx context.Context) error {
	pause := firstPause
	for lost := (kube.Outage{}); ; pause = min(2*pause, longPause) {
		whole := f.ended
		progress, err := f.read(ctx)
		switch {
		case err == nil && whole:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case fatal(err):
			return err
		case err == nil || progress:
			lost.End()
		default:
			if _, hopeless := lost.Next(); hopeless {
				return fmt.Errorf("the log could not be read to its end: %w", err)
			}
		}
		if progress {
			pause = firstPause
		}
		// Either the stream was cut off, or the container has ended, and the news
		// is on its way.
		if err := f.look(ctx, pause); err != nil {
			return err
		}
	}
}

// logFollow is one call of Follow.
type logFollow struct {
	*Logs
	namespace, pod, container string
	reader                    logReader
	ended                     bool
	restarts                  int32
	atEnd                     bool // the last stream came to its end
}

// look finds out whether the container has ended, and gives it some time to do so.
func (f *logFollow) look(ctx context.Context, patience time.Duration) error {
	pods := f.client.CoreV1().Pods(f.namespace)
	now, err := pods.Get(ctx, f.pod, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return fmt.Errorf("the pod is gone: %w", err)
	case err != nil && patience == 0:
		return err
	case err != nil:
		return sleep(ctx, patience)
	}
	f.note(now)
	if f.ended || patience == 0 {
		return nil
	}
	waitCtx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err = kube.Follow(waitCtx, pods, now, func(p *corev1.Pod) (bool, error) {
		f.note(p)
		return f.ended, nil
	})
	if err != nil && waitCtx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// note takes the state of the container. A container that was started again has a
// log of its own.
func (f *logFollow) note(pod *corev1.Pod) {
	ended, restarts := kube.ContainerEnded(pod, f.container)
	if restarts != f.restarts {
		f.reader.forget()
	}
	f.ended, f.restarts = ended, restarts
}

// read copies one stream. It tells whether anything new came.
func (f *logFollow) read(ctx context.Context) (bool, error) {
	before := f.reader.passed
	err := f.readOn(ctx)
	if err == nil {
		var stream io.ReadCloser
		if stream, err = f.open(ctx, !f.ended, f.reader.since()); err == nil {
			err = f.copy(stream, f.reader.resume())
		}
	}
	for errors.Is(err, errLeftOut) {
		_, err = f.readNext()
	}
	f.atEnd = err == nil
	return f.reader.passed > before, err
}

// readOn reads, when the container has ended, the files that the last stream did not
// come to: it ended with the file that it was at.
func (f *logFollow) readOn(ctx context.Context) error {
	if !f.ended || !f.atEnd || !f.reader.busy() {
		return nil
	}
	if err := f.glance(ctx); err != nil {
		return err
	}
	for more := true; more; {
		var err error
		if more, err = f.readNext(); err != nil && !errors.Is(err, errLeftOut) {
			return err
		}
	}
	return nil
}

// readNext reads the next file in the stream of its own, if there is one.
func (f *logFollow) readNext() (more bool, err error) {
	last, _ := f.reader.last()
	next, err := f.reader.files.rest(last)
	if next == nil || err != nil {
		return false, err
	}
	err = f.copy(next.stream, f.reader.nextFile(next.at))
	if err == nil && f.reader.files.next.Load() == next.at {
		err = &gapError{time.Unix(0, last)} // it was too late for the stream
	}
	return true, err
}

func (f *logFollow) copy(stream io.ReadCloser, to io.Writer) error {
	_, err := io.Copy(to, stream)
	return errors.Join(err, stream.Close())
}

// fatal tells errors that another attempt would not change. That there is no log is none:
// a kubelet that has just started does not know its pods yet, and whether the pod is gone
// the API server knows.
func fatal(err error) bool {
	var out *outError
	var gap *gapError
	return errors.As(err, &out) || errors.As(err, &gap) || apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err)
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
