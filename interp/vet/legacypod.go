package vet

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/schema"
	"github.com/rescuecue/rescue/schema/suggest"
)

// podOverride checks the phase's podOverride against a pod's spec, and against the
// pod that its function makes.
func (p *legacyPhase) podOverride() {
	override := p.phase.Arg("podOverride")
	function, _ := p.set.Function(p.phase.Func)
	if _, has := function.Arg("podOverride"); !has || override == nil || override.Value.Kind != compat.Map {
		return
	}
	path := p.path + ".args.podOverride"
	p.podFields(override.Value, "PodSpec", path)
	p.containers(override.Value, "containers", p.madeContainers(), path)
	p.containers(override.Value, "initContainers", p.madeInitContainers(), path)
	p.volumes(override.Value, path)
}

// podFields checks the fields of a value against a type of podSpec.
func (c *legacyChecker) podFields(v *compat.Value, typ, path string) {
	fields := podSpec()[typ]
	for _, f := range v.Fields {
		// Names such as $patch are directives of the merge.
		if strings.HasPrefix(f.Name, "$") || isTemplate(f.Name) {
			continue
		}
		field, ok := fieldNamed(fields, f.Name)
		if !ok {
			finding := Finding{Rule: rulePodOverride, Message: fmt.Sprintf("%s has no field %q", podTypeText(typ), f.Name)}
			finding = finding.hint(f.Name, "fields", podFieldNames(fields))
			if typ == "PodSpec" && ofContainer(f.Name) {
				finding.Suggestion = "it is a field of a container: write it in `containers`"
			}
			c.key(f, path+"."+f.Name, finding)
			continue
		}
		c.podField(f.Value, field, path+"."+f.Name)
	}
}

func fieldNamed(fields []podField, name string) (podField, bool) {
	for _, f := range fields {
		if f.name == name {
			return f, true
		}
	}
	return podField{}, false
}

// ofContainer tells whether it is the containers of a pod that have the field.
func ofContainer(name string) bool {
	_, ok := fieldNamed(podSpec()["Container"], name)
	return ok
}

func podFieldNames(fields []podField) []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	return names
}

func podTypeText(typ string) string {
	if typ == "PodSpec" {
		return "a pod's spec"
	}
	return "a " + typ
}

// podField checks one value. A null stands for taking the field away.
func (c *legacyChecker) podField(v *compat.Value, field podField, path string) {
	switch {
	case v.Kind == compat.Null:
	case field.list:
		c.podList(v, field, path)
	case field.dict && v.Kind == compat.Map:
		for _, f := range v.Fields {
			c.podValue(f.Value, field.typ, path+"."+f.Name)
		}
	case field.dict:
		c.podMismatch(v, "map", path)
	default:
		c.podValue(v, field.typ, path)
	}
}

func (c *legacyChecker) podList(v *compat.Value, field podField, path string) {
	if v.Kind != compat.List {
		c.podMismatch(v, "list", path)
		return
	}
	for i, item := range v.Items {
		at := fmt.Sprintf("%s.%d", path, i)
		c.podValue(item, field.typ, at)
		if field.key == "" || item.Kind != compat.Map || item.Get(field.key) != nil || item.Get("$patch") != nil || misspelt(field.key, fieldNamesIn(item.Fields)) {
			continue
		}
		f := Finding{
			Rule:       rulePodOverride,
			Message:    fmt.Sprintf("this item of %s has no %s, by which it is merged with the pod's own", field.name, field.key),
			Suggestion: fmt.Sprintf("add `%s: …`", field.key),
		}
		if c.manifest {
			f.Message = fmt.Sprintf("this item of %s has no %s", field.name, field.key)
		}
		c.value(item, at, f)
	}
}

// misspelt tells whether one of the names given was meant to be another.
func misspelt(name string, given []string) bool {
	return slices.ContainsFunc(given, func(g string) bool { return suggest.Nearest(g, []string{name}) != "" })
}

func fieldNamesIn(fields []*compat.Field) []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	return names
}

// podValue checks a single value. Templates give text, and the override is decoded
// strictly: no text is taken for a number.
func (c *legacyChecker) podValue(v *compat.Value, typ, path string) {
	if values := podChoices(typ); values != nil {
		c.podChoice(v, values, path)
		return
	}
	switch typ {
	case "any":
	case "string":
		c.podKind(v, typ, path, compat.String)
	case "bool":
		c.podKind(v, typ, path, compat.Bool)
	case "int":
		c.podKind(v, typ, path, compat.Int)
	case "scalar":
		c.podKind(v, "int or string", path, compat.Int, compat.String)
	case "quantity":
		c.quantity(v, path)
	default:
		if v.Kind != compat.Map {
			c.podMismatch(v, "map", path)
			return
		}
		c.podFields(v, typ, path)
	}
}

func (c *legacyChecker) podKind(v *compat.Value, expected, path string, kinds ...compat.ValueKind) {
	for _, k := range kinds {
		if v.Kind == k {
			return
		}
	}
	c.podMismatch(v, expected, path)
}

// quantity checks an amount by the schema's own rule.
func (c *legacyChecker) quantity(v *compat.Value, path string) {
	if v.Kind == compat.Int || v.Kind == compat.Float || v.Kind == compat.String && isTemplate(v.Str) {
		return
	}
	f, _ := schema.Function("MultiContainerRun")
	limit, _ := f.Arg("sharedVolumeSizeLimit")
	if ok, _ := acceptsAny(limit.Value, []any{v.Str}); v.Kind != compat.String || !ok {
		c.podMismatch(v, "an amount such as 500Mi or 2G", path)
	}
}

func (c *legacyChecker) podMismatch(v *compat.Value, expected, path string) {
	found := foundText(v)
	f := Finding{
		Rule:     rulePodOverride,
		Message:  fmt.Sprintf("%s: expected %s, found %s", podFieldPath(path), expected, found),
		Expected: expected,
		Found:    found,
	}
	switch {
	case v.Kind == compat.String && isTemplate(v.Str):
		f.Suggestion = "a template gives text; write the value itself"
	case v.Kind == compat.String && (expected == "bool" && len(booleans(v)) > 0 || expected == "int" && digits.MatchString(v.Str)):
		f.Suggestion, f.Replacement = "write it without quotes", v.Str
	case expected == "string" && v.Kind != compat.List && v.Kind != compat.Map:
		f.Suggestion, f.Replacement = "put it in quotes", fmt.Sprintf("%q", v.Str)
	}
	c.value(v, path, f)
}

// madeContainers are the containers that the function makes.
func (p *legacyPhase) madeContainers() []string {
	if p.phase.Func == "MultiContainerRun" {
		return []string{"background", "output"}
	}
	return []string{"container"}
}

func (p *legacyPhase) madeInitContainers() []string {
	if p.phase.Arg("initImage") != nil {
		return []string{"init"}
	}
	return nil
}

// containers finds containers that an override adds without an image: it meant one
// that the pod has.
func (p *legacyPhase) containers(override *compat.Value, list string, made []string, path string) {
	v := override.Get(list)
	if v == nil {
		return
	}
	for i, item := range v.Items {
		name, ok := item.Get("name").Text()
		if !ok || isTemplate(name) || contains(made, name) || item.Get("image") != nil || text(item, "$patch") == "delete" {
			continue
		}
		f := Finding{
			Rule:       ruleUnknownContainer,
			Message:    fmt.Sprintf("the pod of %s has no container %q, and the override gives it no image", p.phase.Func, name),
			Found:      name,
			Suggestion: choices("it has", made),
		}
		switch {
		case list == "initContainers" && p.phase.Func == "MultiContainerRun":
			f.Suggestion = "it has \"init\" with the argument initImage"
		case len(made) == 1:
			f.Suggestion, f.Replacement = fmt.Sprintf("write %q", made[0]), made[0]
		case len(made) == 0:
			f.Suggestion = "give it an image"
		}
		p.value(item.Get("name"), fmt.Sprintf("%s.%s.%d.name", path, list, i), f)
	}
}

// bareVolumes are the functions whose pods have no volumes but those of the
// override and the ones named here. Those of the others have names of their own.
var bareVolumes = map[string][]string{
	"KubeTask": nil, "DeleteData": nil, "DeleteDataAll": nil, "BackupDataStats": nil, "CheckRepository": nil,
	"MultiContainerRun": {"shared"},
}

// volumes finds mounts of volumes that the pod does not have.
func (p *legacyPhase) volumes(override *compat.Value, path string) {
	own, bare := bareVolumes[p.phase.Func]
	known := append([]string(nil), own...)
	if list := override.Get("volumes"); list != nil {
		for _, v := range list.Items {
			name, ok := v.Get("name").Text()
			if !ok || isTemplate(name) {
				return
			}
			known = append(known, name)
		}
	}
	for _, list := range []string{"containers", "initContainers"} {
		containers := override.Get(list)
		if containers == nil {
			continue
		}
		for i, c := range containers.Items {
			p.mounts(c, known, bare, fmt.Sprintf("%s.%s.%d", path, list, i))
		}
	}
}

// mounts checks what a container mounts. Where the pod may have other volumes, only
// what looks like a slip is one.
func (p *legacyPhase) mounts(container *compat.Value, known []string, bare bool, path string) {
	mounts := container.Get("volumeMounts")
	if mounts == nil {
		return
	}
	for i, m := range mounts.Items {
		name, ok := m.Get("name").Text()
		if !ok || isTemplate(name) || contains(known, name) || !bare && suggest.Nearest(name, known) == "" {
			continue
		}
		f := Finding{Rule: ruleUnknownVolume, Message: fmt.Sprintf("the pod has no volume %q", name)}
		p.value(m.Get("name"), fmt.Sprintf("%s.volumeMounts.%d.name", path, i), f.hint(name, "volumes", known))
	}
}
