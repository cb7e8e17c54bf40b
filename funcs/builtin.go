package funcs

// Builtin returns a registry with the functions that Rescue brings along. Adding
// one is its .go file, its .cue file in package schema, and a line here.
func Builtin() *Registry {
	r := &Registry{}
	for _, f := range []Func{
		BackupData(),
		BackupDataAll(),
		BackupDataStats(),
		BackupDataUsingKopiaServer(),
		CheckRepository(),
		CopyVolumeData(),
		CreateCSISnapshot(),
		CreateCSISnapshotStatic(),
		DeleteCSISnapshot(),
		DeleteCSISnapshotContent(),
		DeleteData(),
		DeleteDataAll(),
		DeleteDataUsingKopiaServer(),
		KubeExec(),
		KubeExecAll(),
		KubeOps(),
		KubeTask(),
		LocationDelete(),
		MultiContainerRun(),
		PrepareData(),
		RestoreCSISnapshot(),
		RestoreData(),
		RestoreDataAll(),
		RestoreDataUsingKopiaServer(),
		ScaleWorkload(),
		Wait(),
		WaitV2(),
	} {
		r.Register(f)
	}
	return r
}
