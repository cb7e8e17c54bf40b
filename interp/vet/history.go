package vet

import "fmt"

// drafts are functions that blueprints call and no release of Kanister has, and
// those that are gone for so long that they do not run here either: what became
// of them, and what to call instead.
func drafts(function string) (became, instead string) {
	const branch = "it was a draft on a branch of Kanister, and no release has it"
	switch function {
	case "CallPhase", "CallMulti":
		return branch, "write the phases out in the action"
	case "WaitForEphemeralSnapshot":
		return branch, "CreateCSISnapshot waits for its snapshot itself"
	case "CopyVolumeDataUsingKopiaServer":
		return branch, "call CopyVolumeData"
	case "DescribeBackups":
		return "Kanister removed it in 2023", "call BackupDataStats"
	}
	return "", ""
}

// successors of functions that Kanister removed.
func successor(function string) string {
	switch function {
	case "CreateVolumeSnapshot", "WaitForSnapshotCompletion":
		return "CreateCSISnapshot"
	case "CreateVolumeFromSnapshot":
		return "RestoreCSISnapshot"
	case "DeleteVolumeSnapshot":
		return "DeleteCSISnapshot"
	case "BackupDataUsingKopiaServer":
		return "BackupData"
	case "RestoreDataUsingKopiaServer":
		return "RestoreData"
	case "DeleteDataUsingKopiaServer":
		return "DeleteData"
	}
	return ""
}

// removedFinding says that Kanister does not have the function any more.
func removedFinding(function, release string) Finding {
	f := Finding{
		Rule:    ruleRemovedFunction,
		Message: fmt.Sprintf("%s was removed in Kanister %s; it runs here", function, release),
	}
	if s := successor(function); s != "" {
		f.Suggestion = fmt.Sprintf("%s is what Kanister has instead", s)
	}
	return f
}
