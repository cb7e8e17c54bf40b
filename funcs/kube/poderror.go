package kube

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// PodError says why a pod could not do its work.
type PodError struct {
	Namespace, Pod string
	// Container is the one that failed, empty if the whole pod did.
	Container string
	// Reason is one word, as Kubernetes gives it: OOMKilled, ImagePullBackOff,
	// Evicted, Unschedulable …
	Reason string
	// Message is the longer explanation, if there is one.
	Message string
	// ExitCode is the status of the container's command, if Exited.
	ExitCode int
	Exited   bool
	// Log are the last lines of the container's log.
	Log []string
}

func (e *PodError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "pod %s/%s", e.Namespace, e.Pod)
	if e.Container != "" {
		fmt.Fprintf(&b, ", container %s", e.Container)
	}
	fmt.Fprintf(&b, ": %s", e.what())
	if e.Message != "" {
		fmt.Fprintf(&b, ": %s", e.Message)
	}
	if len(e.Log) > 0 {
		fmt.Fprintf(&b, "\nthe last lines of its log:\n    %s", strings.Join(e.Log, "\n    "))
	}
	if hint := e.advice(); hint != "" {
		fmt.Fprintf(&b, "\nto go on: %s", hint)
	}
	return b.String()
}

// ByCommand tells whether nothing but the container's own command made it fail: it
// ran, and ended with a status other than 0.
func (e *PodError) ByCommand() bool {
	return e.Exited && (e.Reason == "Error" || e.Reason == "")
}

// PodErrors returns the *PodErrors that err is made of.
func PodErrors(err error) []*PodError {
	switch e := err.(type) {
	case *PodError:
		return []*PodError{e}
	case interface{ Unwrap() []error }:
		var all []*PodError
		for _, part := range e.Unwrap() {
			all = append(all, PodErrors(part)...)
		}
		return all
	}
	if inner := errors.Unwrap(err); inner != nil {
		return PodErrors(inner)
	}
	return nil
}

func isPodError(err error) bool { return len(PodErrors(err)) > 0 }

// exited tells whether err says that a container ended badly.
func exited(err error) bool {
	return slices.ContainsFunc(PodErrors(err), func(e *PodError) bool { return e.Exited })
}

func isContextError(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// advice says how to go on, if that is not plain from the command's own words.
func (e *PodError) advice() string {
	switch {
	case e.Reason == "Evicted" && strings.Contains(e.Message, "EmptyDir"):
		return "raise the size limit of the volume: sharedVolumeSizeLimit, or sizeLimit in podOverride"
	case !e.ByCommand():
		return advice[e.Reason]
	case e.ExitCode == 127:
		return "check that the image has the program that the script calls"
	case e.ExitCode == 126:
		return "check that the file which the script calls is a program, and may be executed"
	case e.ExitCode == statusKilled:
		return "the command was killed: if it was by the node, give the container a higher memory limit with resources in podOverride"
	case len(e.Log) == 0:
		return "the command wrote nothing: let a shell run it with -x, which shows what it does"
	}
	return ""
}

// Statuses of a command that a signal ended, as shells count them.
const (
	statusKilled     = 128 + 9
	statusBrokenPipe = 128 + 13
)

// what is the reason, with the exit status where there is one.
func (e *PodError) what() string {
	switch {
	case !e.Exited:
		return e.Reason
	case e.Reason == "Error" || e.Reason == "":
		return fmt.Sprintf("ended with status %d", e.ExitCode)
	default:
		return fmt.Sprintf("%s (ended with status %d)", e.Reason, e.ExitCode)
	}
}

const (
	adviceImage = "check the image's name and tag, that the registry can be reached from the nodes, " +
		"and imagePullSecrets in podOverride if it asks for a login"
	adviceConfig = "check the names of Secrets, ConfigMaps and volumes in podOverride, and the command"
	adviceVolume = "check that what the volumes of podOverride name exists in the pod's namespace, with the keys that they name; " +
		"for a disk, see `kubectl describe pvc` and `kubectl get volumeattachments`"
	adviceNode = "run the action again; if it happens again, look at the node with `kubectl describe node`"
)

// advice says how to go on, by reason.
var advice = map[string]string{
	"ErrImagePull":               adviceImage,
	"ImagePullBackOff":           adviceImage,
	"ImageInspectError":          adviceImage,
	"InvalidImageName":           "correct the image's name in the blueprint",
	"ErrImageNeverPull":          "load the image onto the nodes, or set imagePullPolicy: IfNotPresent in podOverride",
	"CreateContainerConfigError": adviceConfig,
	"CreateContainerError":       adviceConfig,
	"RunContainerError":          adviceConfig,
	"StartError":                 "check that the image has the program that the command names",
	"ContainerCannotRun":         "check that the image has the program that the command names",
	reasonMount:                  adviceVolume,
	reasonMap:                    adviceVolume,
	reasonAttach:                 "find out which pod or node still has the disk: see `kubectl get volumeattachments`, and end that pod first",
	reasonSandbox:                "look at the network plugin of the node: see `kubectl describe node`",
	"Unschedulable":              "free capacity, or correct nodeSelector, tolerations or resource requests in podOverride",
	"OOMKilled":                  "give the container a higher memory limit with resources in podOverride",
	"Evicted":                    "the node was short of resources: set requests for memory and ephemeral-storage in podOverride",
	"OutOfmemory":                adviceNode,
	"OutOfcpu":                   adviceNode,
	"NodeLost":                   adviceNode,
	"NodeShutdown":               adviceNode,
	"Preempting":                 "give the pod a higher priorityClassName in podOverride",
	reasonDeleted:                "run the action again; find out who deleted the pod from the API server's audit log",
	reasonNotStarted:             "see `kubectl get events` in the namespace",
	"DeadlineExceeded":           "raise activeDeadlineSeconds in podOverride",
}
