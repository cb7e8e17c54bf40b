package vet

import "regexp"

// doubledDollar warns of $$ in the command of a pod: Kubernetes leaves one of them, and a
// shell that was to have its process number has a $.
func doubledDollar(o *outline) {
	o.eachPhase(func(p *outlinePhase) {
		if !podCommands[p.function] {
			return
		}
		for _, name := range scriptArguments {
			for _, text := range p.arg(name).texts() {
				text.doubledDollars()
			}
		}
	})
}

// podCommands are the functions whose commands stand in the spec of a pod.
var podCommands = map[string]bool{"KubeTask": true, "PrepareData": true, "MultiContainerRun": true}

// dollars are several of them, and what follows.
var dollars = regexp.MustCompile(`(\$+)([A-Za-z_0-9({]?)`)

// doubledDollars reports each pair that is not meant to be one. Whoever writes $$(date)
// or four of them knows what Kubernetes does.
func (t *filledText) doubledDollars() {
	seen := map[int]bool{}
	for _, form := range t.forms {
		for _, m := range dollars.FindAllStringSubmatchIndex(form.String(), -1) {
			start, end := m[2], m[3]
			at := form.source(start)
			if end-start != 2 || m[4] < m[5] || seen[at] || form.piece(start).value != nil {
				continue
			}
			seen[at] = true
			t.report(at, at+2, Finding{
				Rule:       ruleDoubledDollar,
				Message:    "Kubernetes makes one $ of $$ in the command of a pod: no shell sees its process number",
				Suggestion: "write $$$$ for it, or take mktemp for a name that nobody else has",
			})
		}
	}
}
