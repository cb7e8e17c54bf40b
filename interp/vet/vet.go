package vet

import (
	"path/filepath"

	"github.com/rescuecue/rescue/schema"
)

// Language of a unit.
type Language int

const (
	// YAML is a legacy file: a Blueprint, or other resources of Kanister's.
	YAML Language = iota
	// CUE is a native package, or a single file of one.
	CUE
)

// A File is a file to check. Name is what findings call it; Path is where it would
// be on disk, which decides the CUE module it belongs to. Without Path it is Name.
type File struct {
	Name string
	Path string
	Data []byte
}

// path is absolute.
func (f File) path() string {
	path := f.Path
	if path == "" {
		path = f.Name
	}
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// A Unit is what is checked as one: a YAML file, or the files of a CUE package.
type Unit struct {
	Language Language
	Files    []File
	// Library says that the unit needs no blueprint of its own, because the user
	// did not name it: shared phases, for instance.
	Library bool
	// Config says which rules count how much; nil: the one of the file's folder, or of
	// those above.
	Config *Config
	// Unsaved has, by absolute path, what an editor holds of files in packages that
	// the unit imports.
	Unsaved map[string][]byte
	// Schema has the functions that blueprints in CUE may call; nil: those that Rescue
	// brings along.
	Schema *schema.Set
}

func (u Unit) schema() *schema.Set {
	if u.Schema == nil {
		return schema.Embedded()
	}
	return u.Schema
}

// Check returns the findings of a unit in their one order.
func Check(u Unit) []Finding {
	return settle([]Unit{u}, append(checkUnit(u), checkRequests([]Unit{u})...))
}

// checkUnit looks at nothing but the unit.
func checkUnit(u Unit) []Finding {
	if u.Language == CUE {
		return checkCUE(u)
	}
	return checkYAML(u)
}

// whole makes a finding about a file as a whole.
func whole(name, rule, message, suggestion string) Finding {
	return Finding{Rule: rule, File: name, Message: message, Suggestion: suggestion}.complete()
}
