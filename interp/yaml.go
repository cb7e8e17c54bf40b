package interp

import (
	"fmt"

	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/schema"
)

// loadYAML reads a legacy blueprint by converting it to CUE in memory, so that
// YAML and CUE run on the same ground.
func loadYAML(name string, src []byte) (*Blueprint, error) {
	bp, err := legacyBlueprint(name, src)
	if err != nil {
		return nil, err
	}
	conv, err := compat.Convert(bp, compat.ConvertOptions{})
	if err != nil {
		return nil, err
	}
	inst, err := convertedInstance(name, conv.CUE)
	if err != nil {
		return nil, err
	}
	b, err := fromInstance(cuecontext.New(), inst, name, "")
	if err != nil {
		return nil, err
	}
	b.Conversion = conv
	return b, nil
}

// legacyBlueprint finds the one Blueprint of a YAML file.
func legacyBlueprint(name string, src []byte) (*compat.Blueprint, error) {
	docs, err := compat.Parse(name, src)
	if err != nil {
		return nil, err
	}
	var found *compat.Document
	for _, doc := range docs {
		if doc.Kind != compat.KindBlueprint {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("%s: several Blueprints in one file; keep one", name)
		}
		found = doc
	}
	if found == nil {
		return nil, fmt.Errorf("%s: %w: expected a document of kind Blueprint", name, ErrNoBlueprint)
	}
	bp, errs := compat.ReadBlueprint(found)
	if len(errs) > 0 {
		return nil, compat.Errors(errs)
	}
	return bp, nil
}

// convertedInstance builds the converter's output without touching a file system.
func convertedInstance(name string, src []byte) (*build.Instance, error) {
	var broken error
	ctx := build.NewContext(build.Loader(func(_ token.Pos, path string) *build.Instance {
		if path != schema.Module+"/schema" {
			return nil
		}
		inst, err := schema.Instance()
		if err != nil {
			broken = err
			return nil
		}
		return inst
	}))
	inst := ctx.NewInstance("", nil)
	file, err := parser.ParseFile(name+" (as CUE)", src, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	if err := inst.AddSyntax(file); err != nil {
		return nil, err
	}
	if err := inst.Complete(); err != nil {
		return nil, err
	}
	return inst, broken
}
