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
		CreateRDSSnapshot(),
		CreateVolumeFromSnapshot(),
		CreateVolumeSnapshot(),
		DeleteCSISnapshot(),
		DeleteCSISnapshotContent(),
		DeleteData(),
		DeleteDataAll(),
		DeleteDataUsingKopiaServer(),
		DeleteRDSSnapshot(),
		DeleteVolumeSnapshot(),
		ExportRDSSnapshotToLocation(),
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
		RestoreRDSSnapshot(),
		ScaleWorkload(),
		Wait(),
		WaitForSnapshotCompletion(),
		WaitV2(),
	} {
		r.Register(f)
	}
	return r
}
