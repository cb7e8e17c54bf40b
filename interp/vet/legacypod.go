package vet

import (
	"fmt"

	"github.com/rescuecue/rescue/compat"
)

// podVolumes are the functions whose pods have no volumes but those of the
// override and the ones named here.
var podVolumes = map[string][]string{"KubeTask": nil, "MultiContainerRun": {"shared"}}

// podOverride finds mounts of volumes that the pod does not have.
func (p *legacyPhase) podOverride() {
	volumes, checked := podVolumes[p.phase.Func]
	override := p.phase.Arg("podOverride")
	if !checked || override == nil || override.Value.Kind != compat.Map {
		return
	}
	known := append([]string(nil), volumes...)
	if list := override.Value.Get("volumes"); list != nil {
		for _, v := range list.Items {
			name, ok := v.Get("name").Text()
			if !ok || isTemplate(name) {
				return
			}
			known = append(known, name)
		}
	}
	for _, containers := range []string{"containers", "initContainers"} {
		if list := override.Value.Get(containers); list != nil {
			p.mounts(list, known)
		}
	}
}

func (p *legacyPhase) mounts(containers *compat.Value, known []string) {
	for _, container := range containers.Items {
		mounts := container.Get("volumeMounts")
		if mounts == nil {
			continue
		}
		for _, m := range mounts.Items {
			name, ok := m.Get("name").Text()
			if !ok || isTemplate(name) || contains(known, name) {
				continue
			}
			f := Finding{Rule: ruleUnknownVolume, Message: fmt.Sprintf("the pod has no volume %q", name)}
			p.value(m.Get("name"), p.path+".args.podOverride", f.hint(name, "volumes", known))
		}
	}
}
