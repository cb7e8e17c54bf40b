package vet

// secretInCommand reports Secrets that are written into a command, which the cluster
// keeps, logs and shows. Most blueprints do, so the rule is off unless asked for.
func secretInCommand(o *outline) {
	o.eachPhase(func(p *outlinePhase) {
		p.commandsWith(ref.secret, Finding{Rule: ruleSecretInCommand, Suggestion: secretAdvice})
	})
}

const secretAdvice = "let the pod read it: in podOverride as env with valueFrom and secretKeyRef, or as a volume"

// commandsWith reports the first value in each command that reads something of a
// kind.
func (p *outlinePhase) commandsWith(kind func(ref) bool, f Finding) {
	for _, name := range scriptArguments {
		p.arg(name).exposes(kind, f, " stands in the command, which the cluster keeps, logs and shows")
	}
}

// exposes reports the first value that reads something of a kind.
func (v *outlineValue) exposes(kind func(ref) bool, f Finding, message string) {
	for _, text := range v.texts() {
		for _, value := range text.values() {
			if name := value.first(kind); name != "" {
				f.Message = name + message
				text.report(value.start, value.end, f)
				return
			}
		}
	}
}
