package funcs

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// An Effect is what a function does to an object, for who wants to know before it does.
type Effect struct {
	// Verb is creates, changes, scales, deletes, runs, reads or waits.
	Verb   string
	Object string
	// Temporary objects are gone when the function has ended.
	Temporary bool
}

// effects of each function. {ARG} stands for an argument, {ARG|TEXT} for what is meant if it
// is not given.
var effects = map[string][]Effect{
	"BackupData":                  {runs("{pod}", "{container}"), creates("a backup of {includePath} at {backupArtifactPrefix} of the profile's location")},
	"BackupDataAll":               {runs("{pods|all of the workload}", "{container}"), creates("a backup of {includePath} for each pod, below {backupArtifactPrefix} of the profile's location")},
	"BackupDataStats":             {ownPod, reads("backup {backupID} at {backupArtifactPrefix}")},
	"BackupDataUsingKopiaServer":  {runs("{pod}", "{container}"), creates("a backup of {includePath} on the repository server")},
	"CheckRepository":             {workPod, reads("the repository at {backupArtifactPrefix}")},
	"CopyVolumeData":              {ownPod, creates("a backup of claim {namespace}/{volume} at {dataArtifactPrefix} of the profile's location")},
	"CreateCSISnapshot":           {creates("VolumeSnapshot {namespace}/{name|(a new name)} of claim {pvc}")},
	"CreateCSISnapshotStatic":     {creates("VolumeSnapshot {namespace}/{name} and its VolumeSnapshotContent, of the snapshot {snapshotHandle|that the storage has}")},
	"CreateRDSSnapshot":           {creates("a snapshot of the RDS database {instanceID}")},
	"CreateVolumeFromSnapshot":    {creates("volumes and claims in namespace {namespace}, of the EBS snapshots {snapshots}"), deletes("claims of the same names, if there are any")},
	"CreateVolumeSnapshot":        {creates("EBS snapshots of the claims {pvcs|of the action's object} in namespace {namespace}")},
	"DeleteCSISnapshot":           {deletes("VolumeSnapshot {namespace}/{name}")},
	"DeleteCSISnapshotContent":    {deletes("VolumeSnapshotContent {name}")},
	"DeleteData":                  {ownPod, deletes("backup {backupID|with the tag {backupTag}} at {backupArtifactPrefix}")},
	"DeleteDataAll":               {ownPod, deletes("the backups {backupInfo} below {backupArtifactPrefix}")},
	"DeleteDataUsingKopiaServer":  {ownPod, deletes("backup {backupID} on the repository server")},
	"DeleteRDSSnapshot":           {deletes("RDS snapshot {snapshotID}")},
	"DeleteVolumeSnapshot":        {deletes("the EBS snapshots {snapshots}")},
	"ExportRDSSnapshotToLocation": {forItsTime("an RDS instance of snapshot {snapshotID}"), ownPod, creates("a dump at {backupArtifactPrefix} of the profile's location")},
	"KubeExec":                    {runs("{pod}", "{container|(its first)}")},
	"KubeExecAll":                 {runs("{pods}", "{containers}")},
	"KubeOps":                     {{Verb: "{operation}s", Object: "objects in namespace {namespace|default}"}},
	"KubeTask":                    {ownPod},
	"LocationDelete":              {workPod, deletes("{artifact} and what is below it in the profile's location")},
	"MultiContainerRun":           {ownPod},
	"PrepareData":                 {ownPod, {Verb: "changes", Object: "the claims {volumes|of the action's object}, as its command does"}},
	"RestoreCSISnapshot":          {creates("claim {namespace}/{pvc} of VolumeSnapshot {name}")},
	"RestoreData":                 {ownPod, {Verb: "changes", Object: "the claims {volumes|of pod {pod}}: backup {backupIdentifier|with the tag {backupTag}} is restored to {restorePath|/}"}},
	"RestoreDataAll":              {forItsTime("a pod for each of {pods|the workload's pods} in namespace {namespace}"), {Verb: "changes", Object: "their claims: the backups {backupInfo} are restored to {restorePath|/}"}},
	"RestoreDataUsingKopiaServer": {ownPod, {Verb: "changes", Object: "the claims {volumes|of pod {pod}}: backup {backupIdentifier} is restored to {restorePath|/}"}},
	"RestoreRDSSnapshot":          {{Verb: "changes", Object: "the RDS database {instanceID}: {snapshotID|the dump at {backupArtifactPrefix}} takes its place"}},
	"ScaleWorkload":               {{Verb: "scales", Object: "{kind|} {name|the action's object} to {replicas} replicas"}},
	"Wait":                        {waits},
	"WaitForSnapshotCompletion":   {{Verb: "waits", Object: "for the EBS snapshots {snapshots}"}},
	"WaitV2":                      {waits},
}

// workNamespace stands for the namespace that pods go to by themselves.
const workNamespace = "(work)"

// What several functions do.
var (
	ownPod  = forItsTime("a pod in namespace {namespace|" + workNamespace + "}")
	workPod = forItsTime("a pod in namespace " + workNamespace)
	waits   = Effect{Verb: "waits", Object: "for conditions of objects"}
)

func creates(object string) Effect { return Effect{Verb: "creates", Object: object} }
func deletes(object string) Effect { return Effect{Verb: "deletes", Object: object} }
func reads(object string) Effect   { return Effect{Verb: "reads", Object: object} }
func forItsTime(object string) Effect {
	return Effect{Verb: "creates", Object: object, Temporary: true}
}

func runs(pods, containers string) Effect {
	return Effect{Verb: "runs", Object: "a command in pod " + pods + " of namespace {namespace|" + workNamespace + "}, container " + containers}
}

// EffectsOf says what a function of Rescue does with these arguments, which may have
// placeholders, where pods go to the given namespace if no other is said. It is nil for a
// function that it does not know.
func EffectsOf(name, namespace string, args map[string]any) []Effect {
	var out []Effect
	for _, e := range effects[name] {
		object := withArguments(strings.ReplaceAll(e.Object, workNamespace, opened(namespace)), args)
		e.Verb, e.Object = withArguments(e.Verb, args), strings.Join(strings.Fields(object), " ")
		out = append(out, e)
	}
	return out
}

// argument is {ARG} or {ARG|TEXT}, the innermost first.
var argument = regexp.MustCompile(`\{(\w+)(\|[^{}]*)?\}`)

// withArguments fills in arguments.
func withArguments(text string, args map[string]any) string {
	for argument.MatchString(text) {
		text = argument.ReplaceAllStringFunc(text, func(found string) string {
			m := argument.FindStringSubmatch(found)
			if args[m[1]] == nil {
				return strings.TrimPrefix(m[2], "|")
			}
			return opened(inWords(args[m[1]]))
		})
	}
	return strings.NewReplacer("\x01", "{", "\x02", "}").Replace(text)
}

// inWords writes a value as a text has it: volumes, for one, as claim:path, claim:path.
func inWords(value any) string {
	var items []string
	switch value := value.(type) {
	case []any:
		for _, item := range value {
			items = append(items, inWords(item))
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(value)) {
			items = append(items, name+":"+inWords(value[name]))
		}
	default:
		return fmt.Sprint(value)
	}
	return strings.Join(items, ", ")
}

// opened hides the braces of a value from the search for arguments.
func opened(value string) string { return strings.NewReplacer("{", "\x01", "}", "\x02").Replace(value) }
