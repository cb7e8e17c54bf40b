package vet

import (
	"fmt"
	"strings"
)

// repeatedClaim warns of pods that mount one claim by two volumes: kubelet takes them for
// one, and waits for the other until the phase's time is over.
func repeatedClaim(o *outline) {
	o.eachPhase(func(p *outlinePhase) {
		for _, pod := range p.pods {
			volumes := pod.get("volumes")
			if volumes == nil {
				continue
			}
			first := p.ownClaims()
			for _, v := range volumes.items {
				p.repeats(v, first)
			}
		}
	})
}

// repeats reports a volume whose claim is that of an earlier one.
func (p *outlinePhase) repeats(volume *outlineValue, first map[string]string) {
	claim := volume.get("persistentVolumeClaim").get("claimName")
	if claim == nil || claim.text == nil || claim.text.spelled() == "" {
		return
	}
	name, _ := volume.get("name").literal()
	earlier, known := first[claim.text.spelled()]
	if !known {
		first[claim.text.spelled()] = fmt.Sprintf("the volume %q", name)
		return
	}
	rule := rulePodOverride
	if p.function == "KubeOps" {
		rule = ruleResourceSpec
	}
	claim.text.mark(Finding{
		Rule:       rule,
		Severity:   Warning,
		Message:    fmt.Sprintf("%s has this claim already: a pod with two volumes of one claim may never start", earlier),
		Suggestion: "mount the one volume at both places",
	})
}

// ownClaims are the claims that the function itself mounts.
func (p *outlinePhase) ownClaims() map[string]string {
	claims := map[string]string{}
	if volumes := p.arg("volumes"); volumes != nil && p.function != "KubeOps" {
		for _, f := range volumes.fields {
			claims[f.name] = "the argument volumes"
		}
	}
	return claims
}

// spelled is the text with what is put into it by its names: the same for texts that come
// out the same. It is empty where there are no names.
func (t *filledText) spelled() string {
	if s, ok := t.literal(); ok {
		return s
	}
	if len(t.forms) != 1 {
		return ""
	}
	var b strings.Builder
	form, text := t.forms[0], t.forms[0].String()
	for i, p := range form.pieces {
		end := len(text)
		if i+1 < len(form.pieces) {
			end = form.pieces[i+1].at
		}
		if p.value == nil {
			b.WriteString(text[p.at:end])
			continue
		}
		if len(p.value.names) != 1 || len(p.value.calls) > 0 {
			return ""
		}
		b.WriteString("\x00" + p.value.names[0] + "\x00")
	}
	return b.String()
}
