package interp

import (
	"fmt"
	"strings"

	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/schema"
)

// loadYAML reads a legacy blueprint by converting it to CUE in memory, so that
// YAML and CUE run on the same ground.
// blueprint is the name of the one that is meant, or empty where there is but one.
func (l Loader) loadYAML(name string, src []byte, blueprint string) (*Blueprint, error) {
	bp, err := legacyBlueprint(name, src, blueprint)
	if err != nil {
		return nil, err
	}
	conv, err := compat.Convert(bp, compat.ConvertOptions{})
	if err != nil {
		return nil, err
	}
	inst, err := convertedInstance(l.schema(), name, conv.CUE)
	if err != nil {
		return nil, err
	}
	b, err := fromInstance(cuecontext.New(), inst, name, "")
	if err != nil {
		return nil, err
	}
	b.Conversion, b.Legacy = conv, bp
	return b, nil
}

// legacyBlueprint finds the Blueprint of that name in a YAML file, or the only one.
func legacyBlueprint(name string, src []byte, blueprint string) (*compat.Blueprint, error) {
	docs, err := compat.Parse(name, src)
	if err != nil {
		return nil, err
	}
	found, err := chooseDocument(name, docs, blueprint)
	if err != nil {
		return nil, err
	}
	bp, errs := compat.ReadBlueprint(found)
	if len(errs) > 0 {
		return nil, compat.Errors(errs)
	}
	return bp, nil
}

func chooseDocument(file string, docs []*compat.Document, blueprint string) (*compat.Document, error) {
	var found []*compat.Document
	var names []string
	for _, doc := range docs {
		if doc.Kind != compat.KindBlueprint {
			continue
		}
		name, _ := doc.Root.Get("metadata").Get("name").Text()
		names = append(names, name)
		if blueprint == "" || blueprint == name {
			found = append(found, doc)
		}
	}
	switch {
	case len(names) == 0:
		return nil, fmt.Errorf("%s: %w: expected a document of kind Blueprint", file, ErrNoBlueprint)
	case len(found) == 0:
		return nil, fmt.Errorf("%s: no Blueprint %q; those here: %s", file, blueprint, strings.Join(names, ", "))
	case len(found) > 1 && blueprint != "":
		return nil, fmt.Errorf("%s: several Blueprints are called %q; keep one", file, blueprint)
	case len(found) > 1:
		return nil, fmt.Errorf("%s: several Blueprints: %s; choose one with %s", file, strings.Join(names, ", "), choice(file, names[0]))
	}
	return found[0], nil
}

// convertedInstance builds the converter's output without touching a file system.
func convertedInstance(set *schema.Set, name string, src []byte) (*build.Instance, error) {
	var broken error
	ctx := build.NewContext(build.Loader(func(_ token.Pos, path string) *build.Instance {
		if path != schema.Module+"/schema" {
			return nil
		}
		inst, err := set.Instance()
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
