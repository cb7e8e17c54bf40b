package vet

// secretInEnv warns of Secrets and profiles in the plain environment of a pod, where
// whoever may read pods reads them. A run moves them into a Secret of the pod, Kanister
// does not. A profile has no other way into a pod: in CUE, which only we run, that is fine.
func secretInEnv(o *outline) {
	hidden := func(r ref) bool { return r.secret() || !o.native && r.profile() }
	o.eachPhase(func(p *outlinePhase) {
		for _, c := range p.podContainers() {
			if env := c.get("env"); env != nil {
				for _, variable := range env.items {
					variable.get("value").exposes(hidden, Finding{
						Rule:       ruleSecretInEnv,
						Suggestion: "write valueFrom with a secretKeyRef instead of the value",
					}, " stands in the pod's spec, where whoever may read pods reads it")
				}
			}
		}
	})
}
