package kube

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

// textLogs are the logs of containers, by name.
type textLogs map[string]string

func (l textLogs) Follow(_ context.Context, _, _, container string, w io.Writer) error {
	_, err := io.WriteString(w, l[container])
	return err
}

// cluster is a fake cluster whose pods get statuses as soon as they are there. It
// notes with which grace periods they are deleted.
type cluster struct {
	*fake.Clientset
	mu     sync.Mutex
	graces []int64
	pod    string // name of the last pod that was created
}

func newCluster(t *testing.T, statuses ...corev1.PodStatus) *cluster {
	t.Helper()
	c := &cluster{Clientset: fake.NewClientset()}
	c.PrependReactor("create", "pods", func(a clienttesting.Action) (bool, runtime.Object, error) {
		pod := a.(clienttesting.CreateAction).GetObject().(*corev1.Pod)
		c.pod, pod.Status, pod.Spec.NodeName = pod.Name, statuses[0], "node1"
		if len(statuses) > 1 {
			go c.later(t, pod.DeepCopy(), statuses[1:])
		}
		return false, nil, nil
	})
	c.PrependReactor("delete", "pods", func(a clienttesting.Action) (bool, runtime.Object, error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.graces = append(c.graces, *a.(clienttesting.DeleteActionImpl).DeleteOptions.GracePeriodSeconds)
		return false, nil, nil
	})
	return c
}

// later waits until the runner watches the pod, and then goes through the statuses.
func (c *cluster) later(t *testing.T, pod *corev1.Pod, statuses []corev1.PodStatus) {
	for !c.watched() && t.Context().Err() == nil {
		time.Sleep(time.Millisecond)
	}
	for _, status := range statuses {
		pod.Status = status
		_, err := c.CoreV1().Pods(pod.Namespace).UpdateStatus(context.Background(), pod, metav1.UpdateOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			t.Error(err)
		}
	}
}

func (c *cluster) watched() bool {
	for _, a := range c.Actions() {
		if a.GetVerb() == "watch" && a.GetResource().Resource == "pods" {
			return true
		}
	}
	return false
}

func (c *cluster) runner(logs LogFollower) *Runner {
	return &Runner{Client: c, Logs: logs, Log: slog.New(slog.DiscardHandler)}
}

// left counts the pods.
func (c *cluster) left(t *testing.T) int {
	t.Helper()
	list, err := c.CoreV1().Pods("ns").List(context.Background(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return len(list.Items)
}

func job(containers ...string) Job {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{GenerateName: "job-", Namespace: "ns"}}
	pod.Spec.RestartPolicy = corev1.RestartPolicyNever
	for _, c := range containers {
		pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: c, Image: "i"})
	}
	return Job{Pod: pod, Containers: containers}
}

func status(phase corev1.PodPhase, containers ...corev1.ContainerStatus) corev1.PodStatus {
	return corev1.PodStatus{Phase: phase, ContainerStatuses: containers}
}

func TestRunGrace(t *testing.T) {
	for name, c := range map[string]struct {
		last  corev1.PodStatus
		grace int64
	}{
		"all has ended":       {status(corev1.PodSucceeded, ended("main", 0, "Completed")), 0},
		"the sidecar runs on": {status(corev1.PodRunning, ended("main", 0, "Completed"), running("proxy")), 1},
	} {
		t.Run(name, func(t *testing.T) {
			cl := newCluster(t, status(corev1.PodPending), status(corev1.PodRunning, running("main")), c.last)
			var out bytes.Buffer
			if err := cl.runner(textLogs{"main": "hello\n"}).Run(t.Context(), job("main"), &out); err != nil {
				t.Fatal(err)
			}
			if out.String() != "hello\n" || cl.left(t) != 0 || len(cl.graces) != 1 || cl.graces[0] != c.grace {
				t.Errorf("output %q, %d pods left, deleted with %v", out.String(), cl.left(t), cl.graces)
			}
		})
	}
}

// pipeLogs are the logs of containers; the log of one that waits at a pipe only ends
// with its reader.
type pipeLogs struct {
	textLogs
	waits string
}

func (l pipeLogs) Follow(ctx context.Context, namespace, pod, container string, w io.Writer) error {
	if err := l.textLogs.Follow(ctx, namespace, pod, container, w); err != nil || container != l.waits {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

// TestRunOneOfTwoFails: the other container would wait for ever. Logs that are not
// read as they come are read for the error, without outputs.
func TestRunOneOfTwoFails(t *testing.T) {
	both := status(corev1.PodRunning, running("output"), running("background"))
	const disk = "disk full\n###Phase-output###: {\"key\":\"k\",\"value\":\"secret\"}\n"
	for name, c := range map[string]struct {
		then  corev1.PodStatus
		waits string
		want  string
	}{
		"the second": {
			status(corev1.PodRunning, running("output"), ended("background", 5, "Error")), "output",
			"container background: ended with status 5\nthe last lines of its log:\n    disk full",
		},
		"the first": {
			status(corev1.PodRunning, ended("output", 3, "Error"), running("background")), "background",
			"container output: ended with status 3",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // waiting takes no time
				cl := newCluster(t, both, c.then)
				start := time.Now()
				var out bytes.Buffer
				err := cl.runner(pipeLogs{textLogs{"output": "reading\n", "background": disk}, c.waits}).Run(t.Context(), job("output", "background"), &out)
				if failed := PodErrors(err); len(failed) != 1 || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
					t.Errorf("error %v", err)
				}
				if took := time.Since(start); took > 2*settleLimit || out.String() != "reading\n" || cl.left(t) != 0 {
					t.Errorf("it took %s, output %q, %d pods left", took, out.String(), cl.left(t))
				}
			})
		})
	}
}

// TestRunBothFail: the error that came first is told first, whichever was seen first.
func TestRunBothFail(t *testing.T) {
	at := func(s corev1.ContainerStatus, second int64) corev1.ContainerStatus {
		s.State.Terminated.FinishedAt = metav1.Unix(second, 0)
		return s
	}
	synctest.Test(t, func(t *testing.T) {
		cl := newCluster(t, status(corev1.PodRunning, running("output"), running("background")),
			status(corev1.PodRunning, at(ended("output", 4, "Error"), 9), running("background")),
			status(corev1.PodRunning, at(ended("output", 4, "Error"), 9), at(ended("background", 5, "OOMKilled"), 8)))
		err := cl.runner(textLogs{}).Run(t.Context(), job("output", "background"), io.Discard)
		failed := PodErrors(err)
		if len(failed) != 2 || failed[0].Container != "background" || failed[1].Container != "output" {
			t.Errorf("error %v", err)
		}
	})
}

// TestRunLogs: the logs of all containers go where they should; that one of a
// container without outputs cannot be read harms nobody.
func TestRunLogs(t *testing.T) {
	all := status(corev1.PodSucceeded, ended("output", 0, "Completed"), ended("background", 0, "Completed"))
	all.InitContainerStatuses = []corev1.ContainerStatus{ended("init", 0, "Completed")}
	cl := newCluster(t, all)
	var out, background, prepare bytes.Buffer
	j := job("output", "background")
	j.Logs = map[string]io.Writer{"init": &prepare, "background": &background}
	logs := textLogs{"output": "taken\n", "background": "made\n", "init": "ready\n"}
	if err := cl.runner(logs).Run(t.Context(), j, &out); err != nil {
		t.Fatal(err)
	}
	if got := out.String() + background.String() + prepare.String(); got != "taken\nmade\nready\n" {
		t.Errorf("logs %q", got)
	}
	var warned bytes.Buffer
	r := cl.runner(logs)
	r.Log = slog.New(slog.NewTextHandler(&warned, nil))
	j.Logs = map[string]io.Writer{"background": brokenWriter{}}
	if err := r.Run(t.Context(), j, &out); err != nil || !strings.Contains(warned.String(), "container=background error=\"no room\"") {
		t.Errorf("error %v, log:\n%s", err, &warned)
	}
	if err := r.Run(t.Context(), j, brokenWriter{}); err == nil || !strings.Contains(err.Error(), "no room") || cl.left(t) != 0 {
		t.Errorf("without the job's log: error %v, %d pods left", err, cl.left(t))
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("no room") }

func TestWith(t *testing.T) {
	up := status(corev1.PodRunning, running("main"))
	broken := errors.New("it did not work")
	for name, c := range map[string]struct {
		then []corev1.PodStatus
		use  func(ctx context.Context) error
		want []string
	}{
		"success": {use: func(context.Context) error { return nil }},
		"failure": {use: func(context.Context) error { return broken }, want: []string{"it did not work"}},
		"the pod ends": {
			then: []corev1.PodStatus{status(corev1.PodSucceeded, ended("main", 0, "Completed"))},
			use: func(ctx context.Context) error {
				<-ctx.Done()
				return fmt.Errorf("copy: %w", ctx.Err())
			},
			want: []string{"the pod ended while it was needed"},
		},
		"the pod runs out of memory": {
			then: []corev1.PodStatus{status(corev1.PodFailed, ended("main", 137, "OOMKilled"))},
			use: func(ctx context.Context) error {
				<-ctx.Done()
				return broken
			},
			want: []string{"OOMKilled", "last words", "it did not work"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			cl := newCluster(t, append([]corev1.PodStatus{up}, c.then...)...)
			err := cl.runner(textLogs{"main": "last words\n"}).With(t.Context(), job("main"), func(ctx context.Context, pod *corev1.Pod) error {
				if !strings.HasPrefix(pod.Name, "job-") || len(pod.Name) != len("job-")+5 {
					t.Errorf("the pod is named %q", pod.Name)
				}
				return c.use(ctx)
			})
			if (err == nil) != (c.want == nil) || errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
			for _, want := range c.want {
				if err != nil && !strings.Contains(err.Error(), want) {
					t.Errorf("error without %q: %v", want, err)
				}
			}
			if cl.left(t) != 0 {
				t.Error("the pod is left")
			}
		})
	}
}

func TestRunCreateFails(t *testing.T) {
	pods := schema.GroupResource{Resource: "pods"}
	lost := errors.New("connection reset")
	for name, c := range map[string]struct {
		err     error
		times   int  // how often it comes
		made    bool // all the same
		deletes int
		want    string // "" for success
	}{
		"refused":                         {err: apierrors.NewForbidden(pods, "p", errors.New("quota")), times: 1, want: "quota"},
		"name taken":                      {err: apierrors.NewAlreadyExists(pods, "p"), times: 1, deletes: 1},
		"the server was not there":        {err: &net.OpError{Op: "dial", Err: errors.New("connection refused")}, times: 1, want: "connection refused"},
		"the request got lost":            {err: lost, times: 1, deletes: 1},
		"the answer got lost":             {err: lost, times: 1, made: true, deletes: 1},
		"requests get lost":               {err: lost, times: 9, want: "connection reset"},
		"gateway timeout":                 {err: apierrors.NewTimeoutError("too slow", 1), times: 1, made: true, deletes: 1},
		"server timeout":                  {err: apierrors.NewServerTimeout(pods, "create", 1), times: 1, made: true, deletes: 1},
		"internal error":                  {err: apierrors.NewInternalError(errors.New("etcd is away")), times: 9, want: "etcd is away"},
		"internal error, but it is there": {err: apierrors.NewInternalError(errors.New("etcd is away")), times: 1, made: true, deletes: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				done := status(corev1.PodSucceeded, ended("main", 0, "Completed"))
				cl := newCluster(t, done)
				cl.PrependReactor("create", "pods", func(a clienttesting.Action) (bool, runtime.Object, error) {
					if c.times--; c.times < 0 {
						return false, nil, nil
					}
					if c.made {
						pod := a.(clienttesting.CreateAction).GetObject().(*corev1.Pod).DeepCopy()
						pod.Status = done
						if err := cl.Tracker().Add(pod); err != nil {
							t.Error(err)
						}
					}
					return true, nil, c.err
				})
				err := cl.runner(textLogs{}).Run(t.Context(), job("main"), io.Discard)
				if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) || len(cl.graces) != c.deletes || cl.left(t) != 0 {
					t.Errorf("error %v, %d deletes, %d pods left", err, len(cl.graces), cl.left(t))
				}
			})
		})
	}
}

// TestRunNeverStarts: the last warning says why.
func TestRunNeverStarts(t *testing.T) {
	cl := newCluster(t, status(corev1.PodPending))
	cl.PrependReactor("list", "events", func(clienttesting.Action) (bool, runtime.Object, error) {
		list := &corev1.EventList{Items: []corev1.Event{{
			InvolvedObject: corev1.ObjectReference{Name: cl.pod}, Type: corev1.EventTypeWarning,
			Reason: "FailedMount", Message: "volume is in use",
		}}}
		return true, list, nil
	})
	r := cl.runner(textLogs{})
	r.Patience.Start = time.Nanosecond
	err := r.Run(t.Context(), job("main"), io.Discard)
	if err == nil || !strings.Contains(err.Error(), "FailedMount: volume is in use") || cl.left(t) != 0 {
		t.Errorf("error %v, %d pods left", err, cl.left(t))
	}
}

// TestMountClaims mounts each claim for a function that writes and for one that
// only reads.
func TestMountClaims(t *testing.T) {
	const rwo, rwx, rwop, rox = corev1.ReadWriteOnce, corev1.ReadWriteMany, corev1.ReadWriteOncePod, corev1.ReadOnlyMany
	type modes []corev1.PersistentVolumeAccessMode
	for name, c := range map[string]struct {
		modes       modes
		write, read bool // whether it is mounted read-only
	}{
		"writable":            {modes: modes{rwo}},
		"writable by many":    {modes: modes{rwx}},
		"both":                {modes: modes{rwo, rox}, read: true},
		"both, by many":       {modes: modes{rox, rwx}, read: true},
		"both, by one pod":    {modes: modes{rox, rwop}, read: true},
		"never writable":      {modes: modes{rox}, write: true, read: true},
		"nothing is said yet": {},
	} {
		t.Run(name, func(t *testing.T) {
			client := fake.NewClientset(&corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "data"},
				Spec: corev1.PersistentVolumeClaimSpec{AccessModes: c.modes}})
			for reading, want := range map[bool]bool{false: c.write, true: c.read} {
				spec := SingleContainer("i", nil, "")
				if err := MountClaims(t.Context(), client, "ns", &spec, map[string]Mount{"data": {Path: "/d", ReadOnly: reading}}); err != nil {
					t.Fatal(err)
				}
				volume, mount := spec.Volumes[0].PersistentVolumeClaim.ReadOnly, spec.Containers[0].VolumeMounts[0].ReadOnly
				if volume != want || mount != want {
					t.Errorf("for reading %t: volume read-only %t, mount %t, want %t", reading, volume, mount, want)
				}
			}
		})
	}
}

// TestMountClaimsPlaces: volumes are named in the order of the claims' names.
func TestMountClaimsPlaces(t *testing.T) {
	claim := func(name string) *corev1.PersistentVolumeClaim {
		return &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name}}
	}
	client := fake.NewClientset(claim("data"), claim("shared"))
	spec := SingleContainer("i", nil, "")
	if err := MountClaims(t.Context(), client, "ns", &spec, map[string]Mount{"shared": {Path: "/s"}, "data": {Path: "/d"}}); err != nil {
		t.Fatal(err)
	}
	sameJSON(t, spec.Volumes, fromYAML[[]corev1.Volume](t, `[
		{name: vol-0, persistentVolumeClaim: {claimName: data}},
		{name: vol-1, persistentVolumeClaim: {claimName: shared}}]`))
	sameJSON(t, spec.Containers[0].VolumeMounts, fromYAML[[]corev1.VolumeMount](t, `[
		{name: vol-0, mountPath: /d}, {name: vol-1, mountPath: /s}]`))
	err := MountClaims(t.Context(), client, "ns", &spec, map[string]Mount{"absent": {Path: "/a"}})
	if err == nil || !strings.Contains(err.Error(), "volume ns/absent") {
		t.Errorf("error %v", err)
	}
}
