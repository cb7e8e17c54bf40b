package funcs

// Builtin returns a registry with the functions that Rescue brings along. Adding
// one is its .go file, its .cue file in package schema, and a line here.
func Builtin() *Registry {
	r := &Registry{}
	for _, f := range []Func{
		BackupData(),
		KubeExec(),
		KubeTask(),
		LocationDelete(),
		RestoreData(),
		ScaleWorkload(),
	} {
		r.Register(f)
	}
	return r
}
