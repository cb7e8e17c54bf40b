package vet

// A Rule is one kind of mistake that vet finds.
type Rule struct {
	Name     string
	Severity Severity
	// Summary says in one sentence what the rule finds.
	Summary string
}

// Names of the rules. They are stable: reports and ignore comments use them.
const (
	ruleSyntax             = "syntax"
	ruleNoBlueprint        = "no-blueprint"
	ruleFileSize           = "file-size"
	ruleDuplicateKey       = "duplicate-key"
	ruleUnknownField       = "unknown-field"
	ruleStructure          = "structure"
	ruleUnknownKind        = "unknown-kind"
	ruleUnknownFunction    = "unknown-function"
	ruleUnknownArgument    = "unknown-argument"
	ruleMissingArgument    = "missing-argument"
	ruleArgumentType       = "argument-type"
	ruleArgumentChoice     = "argument-choice"
	ruleArgumentAlias      = "argument-alias"
	ruleNullArgument       = "null-argument"
	ruleDuplicatePhase     = "duplicate-phase"
	ruleRepeatedPhase      = "repeated-phase"
	ruleUnknownPhase       = "unknown-phase"
	rulePhaseOrder         = "phase-order"
	ruleUnknownOutput      = "unknown-output"
	ruleUnknownInput       = "unknown-input"
	ruleUnknownAction      = "unknown-action"
	ruleUnknownArtifact    = "unknown-artifact"
	ruleUnknownObject      = "unknown-object"
	ruleUnknownReference   = "unknown-reference"
	ruleReferenceCycle     = "reference-cycle"
	ruleTemplateSyntax     = "template-syntax"
	ruleTemplateFunction   = "template-function"
	ruleUnknownVolume      = "unknown-volume"
	ruleDateOfText         = "date-of-text"
	ruleOptionPath         = "option-path"
	ruleEscapedQuotes      = "escaped-quotes"
	ruleUndeclaredInput    = "undeclared-input"
	ruleUndeclaredKind     = "undeclared-kind"
	ruleStoppedPods        = "stopped-pods"
	ruleUnnamedPhase       = "unnamed-phase"
	ruleLocationURL        = "location-url"
	ruleKanisterRelease    = "kanister-release"
	ruleSecretBytes        = "secret-bytes"
	ruleUnsafeTemplate     = "unsafe-template"
	ruleRemovedFunction    = "removed-function"
	ruleOldImage           = "old-image"
	ruleWaitCondition      = "wait-condition"
	ruleResourceSpec       = "resource-spec"
	rulePodOverride        = "pod-override"
	ruleUnknownContainer   = "unknown-container"
	ruleMissingInput       = "missing-input"
	ruleUnusedInput        = "unused-input"
	ruleObjectKind         = "object-kind"
	ruleObjectReference    = "object-reference"
	ruleFunctionVersion    = "function-version"
	ruleUnknownBlueprint   = "unknown-blueprint"
	ruleShellSyntax        = "shell-syntax"
	ruleDeprecatedFunction = "deprecated-function"
	ruleCopyVolumeData     = "copy-volume-data"
	ruleStoppedWorkload    = "stopped-workload"
	ruleVolumeInUse        = "volume-in-use"
	ruleUnusedOutput       = "unused-output"
	ruleUnusedArtifact     = "unused-artifact"
	ruleMissingCounterpart = "missing-counterpart"
	ruleShellErrexit       = "shell-errexit"
	ruleShellPipefail      = "shell-pipefail"
	ruleShellInjection     = "shell-injection"
	ruleUnquotedValue      = "unquoted-value"
	ruleSecretInEnv        = "secret-in-env"
	ruleSecretInCommand    = "secret-in-command"
	ruleProfileInCommand   = "profile-in-command"
	ruleImageTag           = "image-tag"
	ruleKastenName         = "kasten-name"
	rulePhaseCycle         = "phase-cycle"
	ruleOutputPresence     = "output-presence"
	ruleUnreachablePhase   = "unreachable-phase"
	ruleOpenStruct         = "open-struct"
	ruleClosedDefinition   = "closed-definition"
	ruleUnusedImport       = "unused-import"
	ruleDoubledDollar      = "doubled-dollar"
	ruleIgnoreReason       = "ignore-reason"
	ruleUnusedIgnore       = "unused-ignore"
	ruleUnknownRule        = "unknown-rule"
	ruleConfiguration      = "configuration"
)

// Rules lists all rules in alphabetical order. Each has a page, docs/rules/NAME.md.
func Rules() []Rule {
	return []Rule{
		{ruleArgumentAlias, Warning, "An argument is spelt as in Kanister's documentation, which Kanister itself refuses."},
		{ruleArgumentChoice, Error, "Of some arguments exactly one must be given, and none or several are."},
		{ruleArgumentType, Error, "An argument has a value of the wrong type or outside its range."},
		{ruleClosedDefinition, Error, "A definition that phases or actions are made of is closed to what the schema adds."},
		{ruleConfiguration, Error, "The configuration file has a mistake."},
		{ruleCopyVolumeData, Info, "BackupData is used where CopyVolumeData is advised."},
		{ruleDateOfText, Warning, "A template formats text with `date`, which then takes the present time."},
		{ruleDeprecatedFunction, Info, "A function is called that Kanister advises against."},
		{ruleDoubledDollar, Warning, "The command of a pod has a $$, of which Kubernetes leaves one $."},
		{ruleDuplicateKey, Error, "A YAML mapping has the same key twice."},
		{ruleDuplicatePhase, Error, "Two phases of one action have the same name."},
		{ruleEscapedQuotes, Error, "A value has backslashes and quotes round it, which are part of the value."},
		{ruleFileSize, Error, "The file is larger than any blueprint."},
		{ruleFunctionVersion, Warning, "An ActionSet asks for a version that no function has."},
		{ruleIgnoreReason, Warning, "A comment that ignores a finding does not say why."},
		{ruleImageTag, Warning, "An image has no tag, or the tag latest."},
		{ruleKanisterRelease, Error, "The release of Kanister that was asked about would refuse this, or drop it."},
		{ruleKastenName, Warning, "An action has almost a name by which Kasten would run it."},
		{ruleLocationURL, Warning, "LocationDelete is given an address, where Kanister wants a path."},
		{ruleMissingArgument, Error, "A function lacks an argument that it needs."},
		{ruleMissingCounterpart, Warning, "A backup has no restore, or no delete."},
		{ruleMissingInput, Error, "An ActionSet does not give what its action reads."},
		{ruleNoBlueprint, Error, "A file or folder holds no blueprint."},
		{ruleNullArgument, Error, "An argument is null: a key with nothing after it."},
		{ruleObjectKind, Error, "An ActionSet names an object of a kind that its action does not work on."},
		{ruleObjectReference, Error, "An object is named incompletely."},
		{ruleOldImage, Warning, "An image of Kanister's tools is many releases old."},
		{ruleOpenStruct, Warning, "A definition is embedded, so that misspelt fields are not found."},
		{ruleOptionPath, Warning, "A template fails if an option is not given."},
		{ruleOutputPresence, Error, "A condition asks whether an output is there, before any phase has run."},
		{rulePhaseCycle, Error, "Phases wait for each other."},
		{rulePhaseOrder, Error, "A phase reads the output of a phase that runs later."},
		{rulePodOverride, Error, "A podOverride does not fit the spec of a pod."},
		{ruleProfileInCommand, Warning, "A profile, with its credentials, is written into a command."},
		{ruleReferenceCycle, Error, "Values refer to each other in a circle."},
		{ruleRemovedFunction, Warning, "A function runs here that Kanister has removed."},
		{ruleRepeatedPhase, Warning, "Phases of different actions have the same name, which Kanister's webhook refuses."},
		{ruleResourceSpec, Error, "The spec of KubeOps is no Kubernetes object."},
		{ruleSecretBytes, Warning, "A template prints the data of a Secret without toString."},
		{ruleSecretInCommand, Warning, "A Secret is written into a command."},
		{ruleSecretInEnv, Warning, "A Secret or profile is written into the plain environment of a pod."},
		{ruleShellErrexit, Warning, "A script goes on after a command that failed."},
		{ruleShellInjection, Warning, "A value that others control becomes part of a shell script."},
		{ruleShellPipefail, Warning, "A script does not see that a command before a | failed."},
		{ruleShellSyntax, Error, "A shell script in a command cannot be parsed."},
		{ruleStoppedPods, Warning, "An action stops a workload and reads the name of one of its pods."},
		{ruleStoppedWorkload, Warning, "An action stops a workload, and nothing starts it again."},
		{ruleStructure, Error, "A part of the blueprint is missing or has the wrong type."},
		{ruleSyntax, Error, "The file cannot be read as YAML or CUE."},
		{ruleTemplateFunction, Error, "A template calls a function that does not exist."},
		{ruleTemplateSyntax, Error, "A template cannot be parsed."},
		{ruleUndeclaredInput, Warning, "An action reads an artifact, Secret or ConfigMap that it does not declare."},
		{ruleUndeclaredKind, Warning, "An action needs a running pod of a workload, and does not say what it works on."},
		{ruleUnknownAction, Error, "artifactsFrom or an ActionSet names an action that the blueprint does not have."},
		{ruleUnknownArgument, Error, "A function does not have the argument."},
		{ruleUnknownArtifact, Error, "An artifact is read that no action writes."},
		{ruleUnknownBlueprint, Warning, "An ActionSet names a blueprint that is not among the files, and almost one that is."},
		{ruleUnknownContainer, Error, "A podOverride names a container that the pod does not have."},
		{ruleUnknownField, Error, "A blueprint has no field of that name at this place."},
		{ruleUnknownFunction, Error, "A phase calls a function that does not exist."},
		{ruleUnknownInput, Error, "A parameter or input is read that does not exist."},
		{ruleUnknownKind, Error, "An action works on a kind of object that is not known."},
		{ruleUnknownObject, Error, "A phase's Secret or ConfigMap is read that the phase does not declare."},
		{ruleUnknownOutput, Error, "An output is read that the phase does not produce."},
		{ruleUnknownPhase, Error, "A phase is read that the action does not have."},
		{ruleUnknownReference, Error, "A name is used that is defined nowhere."},
		{ruleUnknownRule, Warning, "A comment ignores a rule that does not exist."},
		{ruleUnknownVolume, Error, "A podOverride mounts a volume that it does not define."},
		{ruleUnnamedPhase, Warning, "A phase has no name."},
		{ruleUnquotedValue, Warning, "A value that can be any text stands in a shell script without quotes."},
		{ruleUnreachablePhase, Warning, "A phase stands under a condition that is never true."},
		{ruleUnsafeTemplate, Error, "A template reads the environment of the program that renders it, or asks the network."},
		{ruleUnusedArtifact, Info, "An artifact, or a key of one, is written that no other action reads."},
		{ruleUnusedIgnore, Warning, "A comment ignores what is not there."},
		{ruleUnusedImport, Error, "A package is imported and not used."},
		{ruleUnusedInput, Warning, "An ActionSet gives what its action does not read."},
		{ruleUnusedOutput, Info, "A script writes an output that nothing reads."},
		{ruleVolumeInUse, Warning, "A restore writes to a volume while the application runs on it."},
		{ruleWaitCondition, Error, "A condition of Wait or WaitV2 can never be met."},
	}
}

// Optional tells whether the rule is off unless the configuration gives it a severity:
// what it finds, nearly every blueprint has.
func (r Rule) Optional() bool {
	return r.Name == ruleSecretInCommand || r.Name == ruleProfileInCommand
}

// RulePage returns the address of the page that explains a rule.
func RulePage(name string) string {
	return "https://github.com/rescuecue/rescue/blob/main/docs/rules/" + name + ".md"
}

func ruleSeverity(name string) Severity {
	if r, ok := ruleNamed(name); ok {
		return r.Severity
	}
	return Error
}

func ruleNamed(name string) (Rule, bool) {
	for _, r := range Rules() {
		if r.Name == name {
			return r, true
		}
	}
	return Rule{}, false
}

// RuleNames lists the names of all rules in alphabetical order.
func RuleNames() []string {
	var names []string
	for _, r := range Rules() {
		names = append(names, r.Name)
	}
	return names
}
