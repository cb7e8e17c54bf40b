package local

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Exit statuses that Kubernetes users know.
const (
	exitKilled     = 137
	exitStartError = 128
)

// A runningContainer is what an exec needs to join a container.
type runningContainer struct {
	sandbox *sandbox
	process processSpec
}

// A containerPlan is a container with all that its description refers to resolved.
type containerPlan struct {
	sandbox sandboxSpec
	process processSpec
}

// runOnce runs a container from its start to its end.
func (w *podWorker) runOnce(c *corev1.Container) corev1.ContainerStateTerminated {
	plan, err := w.waitForPlan(c)
	if err != nil {
		return corev1.ContainerStateTerminated{ExitCode: exitKilled}
	}
	log, err := w.k.logs.begin(w.pod.UID, c.Name)
	if err != nil {
		return w.startError(c, err)
	}
	end := w.runLogged(c, plan, log)
	if err := log.close(); err != nil {
		w.k.c.report("log of container "+c.Name, err)
	}
	return end
}

// waitForPlan waits for the Secrets and ConfigMaps that the container names.
func (w *podWorker) waitForPlan(c *corev1.Container) (containerPlan, error) {
	for {
		plan, err := w.plan(c)
		if err == nil {
			return plan, nil
		}
		w.setStatus(func(s *corev1.PodStatus) { containerWaits(s, c.Name, "CreateContainerConfigError", err.Error()) })
		if err := w.waitForKick(); err != nil {
			return plan, err
		}
	}
}

func (w *podWorker) plan(c *corev1.Container) (containerPlan, error) {
	volumes, err := w.resolveVolumes()
	if err != nil {
		return containerPlan{}, err
	}
	process, err := w.processOf(c)
	if err != nil {
		return containerPlan{}, err
	}
	spec := sandboxSpec{
		Mode: w.k.c.mode, Base: w.k.c.dirs.base, Program: w.k.c.program,
		Hostname: hostname(w.pod), Hosts: w.hosts(),
		Hide: w.k.c.hidden, Volumes: volumes, Mounts: mountsOf(w.pod, c), WorkDir: c.WorkingDir,
		ReadOnlyRoot: c.SecurityContext != nil && c.SecurityContext.ReadOnlyRootFilesystem != nil && *c.SecurityContext.ReadOnlyRootFilesystem,
	}
	store := w.k.c.dirs.objectStore
	spec.Volumes = append(spec.Volumes, volumeSpec{Name: objectStoreVolume, Dir: store})
	spec.Mounts = append(spec.Mounts, mountSpec{Volume: objectStoreVolume, Target: store})
	return containerPlan{sandbox: spec, process: process}, nil
}

// objectStoreVolume cannot be a name in a pod: it has a dot.
const objectStoreVolume = "rescue.objectstore"

func (w *podWorker) runLogged(c *corev1.Container, plan containerPlan, log *logWriter) corev1.ContainerStateTerminated {
	started := w.k.c.now()
	box, err := startSandbox(w.ctx, plan.sandbox)
	if err != nil {
		return w.startError(c, err)
	}
	defer func() { box.kill(); <-box.done }()
	proc, err := startLogged(box, plan.process, log, c.Stdin)
	if err != nil {
		return w.startError(c, err)
	}
	running := &runningContainer{sandbox: box, process: plan.process}
	id := fmt.Sprintf("local://%s/%s", w.pod.UID, c.Name)
	w.setCurrent(c.Name, running)
	defer w.setCurrent(c.Name, nil)
	w.setStatus(func(s *corev1.PodStatus) { containerRuns(s, c.Name, id, started) })
	stopProbing := w.beginProbing(c, running)
	status := w.waitForEnd(proc)
	stopProbing()
	box.kill()
	<-box.done
	end := corev1.ContainerStateTerminated{
		ExitCode: int32(status.Code), Reason: "Completed", ContainerID: id,
		StartedAt: started, FinishedAt: w.k.c.now(),
	}
	if status.Code != 0 {
		end.Reason = "Error"
		end.Message = w.failureMessage(c, log)
	}
	return end
}

// failureMessage is the end of the log, where the container asks for it.
func (w *podWorker) failureMessage(c *corev1.Container, log *logWriter) string {
	if c.TerminationMessagePolicy != corev1.TerminationMessageFallbackToLogsOnError {
		return ""
	}
	return log.tail()
}

func startLogged(box *sandbox, spec processSpec, log *logWriter, waits bool) (*sandboxProcess, error) {
	stdin, err := openStdin(box, waits)
	if err != nil {
		return nil, err
	}
	stdout, stderr, err := log.streams()
	if err != nil {
		return nil, closing(err, stdin)
	}
	proc, err := box.start(spec, stdin, stdout, stderr)
	return proc, errors.Join(err, stdin.Close(), stdout.Close(), stderr.Close())
}

// openStdin gives an input without content. That of a container with stdin waits for
// somebody who attaches to it; nobody can, so it only ends with the container.
func openStdin(box *sandbox, waits bool) (*os.File, error) {
	if !waits {
		return openNull()
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	go func() {
		<-box.done
		_ = w.Close() // nobody is left to notice
	}()
	return r, nil
}

// waitForEnd waits for the container's process. When the pod is to end, the process
// is asked first and killed then.
func (w *podWorker) waitForEnd(proc *sandboxProcess) exitStatus {
	select {
	case status := <-proc.exited:
		return status
	case <-w.ctx.Done():
	}
	proc.signal(syscall.SIGTERM)
	for {
		left, less := w.graceLeft()
		timer := time.NewTimer(left)
		select {
		case status := <-proc.exited:
			timer.Stop()
			return status
		case <-less:
			timer.Stop()
			continue
		case <-timer.C:
		}
		proc.sandbox.kill()
		return <-proc.exited
	}
}

// startError describes a container whose program never ran.
func (w *podWorker) startError(c *corev1.Container, err error) corev1.ContainerStateTerminated {
	now := w.k.c.now()
	return corev1.ContainerStateTerminated{
		ExitCode: exitStartError, Reason: "StartError", StartedAt: now, FinishedAt: now,
		Message: fmt.Sprintf("failed to start container %q: %v", c.Name, err),
	}
}

func hostname(pod *corev1.Pod) string {
	if own := pod.Spec.HostnameOverride; own != nil {
		return *own
	}
	if pod.Spec.Hostname != "" {
		return pod.Spec.Hostname
	}
	return pod.Name
}

func removeAll(paths ...string) error {
	var errs []error
	for _, path := range paths {
		errs = append(errs, os.RemoveAll(path))
	}
	return errors.Join(errs...)
}
