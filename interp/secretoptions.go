package interp

import "cuelang.org/go/cue"

// secretOptions are the options that the action marks as secret:
//
//	input: options: password: string @secret()
func secretOptions(action cue.Value) []string {
	var names []string
	it, err := action.LookupPath(cue.ParsePath("input.options")).Fields(cue.Optional(true))
	if err != nil {
		return nil // options that are wrong are reported when they are read
	}
	for it.Next() {
		if attr := it.Value().Attribute("secret"); attr.Err() == nil {
			names = append(names, it.Selector().Unquoted())
		}
	}
	return names
}
