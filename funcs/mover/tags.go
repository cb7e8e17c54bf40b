package mover

// tagPrefix stands before the name of every tag in a snapshot's description; that is
// how kopia tells them from labels of its own.
const tagPrefix = "tag:"

// tags are all tags of the new snapshot, as kopia keeps them.
func (r BackupRequest) tags() map[string]string {
	all := originTags(r.Origin)
	for name, value := range r.Tags {
		all[tagPrefix+name] = value
	}
	if r.Tag != "" {
		all[tagKey] = r.Tag
	}
	return all
}

// originTags mark the snapshots of data that lives there.
func originTags(origin string) map[string]string {
	if origin == "" {
		return map[string]string{}
	}
	return map[string]string{originKey: origin}
}
