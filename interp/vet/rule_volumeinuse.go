package vet

import (
	"fmt"
	"slices"
	"strings"
)

// volumeWriters are the functions that write to the volumes of a pod from another.
var volumeWriters = []string{"RestoreData", "RestoreDataAll", "RestoreDataUsingKopiaServer"}

// volumeInUse warns of restores into a volume while the application runs on it: it
// writes what it has in memory over the restored files.
func volumeInUse(o *outline) {
	for _, a := range o.actions {
		if a.opaque {
			continue
		}
		for i, p := range a.phases {
			if !slices.Contains(volumeWriters, p.function) || slices.ContainsFunc(a.phases[:i], (*outlinePhase).mayStop) || !a.onWorkload() {
				continue
			}
			p.mark(Finding{
				Rule:       ruleVolumeInUse,
				Message:    fmt.Sprintf("%s writes to the volume while the application runs: nothing before it stops the workload", p.function),
				Suggestion: "stop it with ScaleWorkload and replicas 0 first, and start it again afterwards",
			})
		}
	}
}

// mayStop tells whether the phase stops an application, or may do so.
func (p *outlinePhase) mayStop() bool {
	return p.stops() || p.function == "KubeOps" || p.runs("scale") || p.runs("delete") || p.runs("stop")
}

// onWorkload tells whether the action works on something that runs.
func (a *outlineAction) onWorkload() bool {
	if strings.EqualFold(a.kind, "PVC") || strings.EqualFold(a.kind, "Namespace") {
		return false
	}
	return workloadOf(a.kind) != "" || slices.ContainsFunc(a.reads, func(r ref) bool {
		return r.of("statefulSet") || r.of("deployment") || r.of("deploymentConfig")
	})
}
