package kube

import (
	"fmt"
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
	if hint := advice[e.Reason]; hint != "" {
		fmt.Fprintf(&b, "\nto go on: %s", hint)
	}
	return b.String()
}

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
	adviceNode   = "run the action again; if it happens again, look at the node with `kubectl describe node`"
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
