package schema

import (
	"embed"

	"cuelang.org/go/cue/load"
)

// Module is the CUE module, and the Go module, that the schema belongs to.
const Module = "github.com/rescuecue/rescue"

//go:generate go run ./gendocs ../docs/functions

// FS holds the language as it is published: this folder's .cue files and those of
// the folder kanister.
//
//go:embed *.cue kanister/*.cue
var FS embed.FS

// Overlay puts the embedded schema into the module at root as if it were vendored
// there, so that a blueprint's import resolves without a network or a registry.
func Overlay(root string) (map[string]load.Source, error) { return Embedded().Overlay(root) }
