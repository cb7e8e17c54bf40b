package vet

import "slices"

// placeRules are the rules of outlines that look at one place each.
func placeRules() []func(*outline) {
	return []func(*outline){
		shellSyntax, foldedScript, shellErrexit, shellPipefail, shellInjection, unquotedValue, doubledDollar,
		secretInCommand, secretInEnv, profileInCommand, imageTag, deprecatedFunction, copyVolumeData, kastenName,
		resourceSpec, repeatedClaim,
	}
}

// wholeRules are those that ask for what is missing elsewhere in the blueprint. They
// are quiet while something is wrong: it may be just that.
func wholeRules() []func(*outline) {
	return []func(*outline){stoppedWorkload, volumeInUse, unusedOutput, unusedArtifact, missingCounterpart}
}

// check applies the rules to the outline, after those that gave the findings.
func (o *outline) check(findings []Finding) {
	broken := anyError(findings)
	o.strayArtifacts = slices.ContainsFunc(findings, func(f Finding) bool { return f.Rule == ruleUnknownArtifact })
	for _, rule := range placeRules() {
		rule(o)
	}
	if broken {
		return
	}
	for _, rule := range wholeRules() {
		rule(o)
	}
}
