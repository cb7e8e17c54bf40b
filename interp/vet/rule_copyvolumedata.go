package vet

// copyVolumeData reports BackupData, which needs the data mover inside of a pod of
// the application, where CopyVolumeData brings its own.
func copyVolumeData(o *outline) {
	o.eachPhase(func(p *outlinePhase) {
		if p.function != "BackupData" {
			return
		}
		p.mark(Finding{
			Rule:       ruleCopyVolumeData,
			Message:    "BackupData runs in a container of the application, which has to bring the data mover; Kanister advises CopyVolumeData",
			Suggestion: "use CopyVolumeData with the claim of the volume, if the data are all of one",
		})
	})
}
