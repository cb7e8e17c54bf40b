package vet

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/schema/suggest"
)

// checkRequests checks the ActionSets among the units against the blueprints that
// they name, where these are among the units too.
func checkRequests(units []Unit) []Finding {
	isSet := func(u Unit) bool {
		return u.Language == YAML && bytes.Contains(u.Files[0].Data, []byte(compat.KindActionSet))
	}
	if !slices.ContainsFunc(units, isSet) {
		return nil
	}
	known := legacyBlueprints(units)
	var findings []Finding
	for _, u := range units {
		if !isSet(u) {
			continue
		}
		file := u.Files[0]
		c := &legacyChecker{src: newSource(file.Name, file.Data), set: u.schema()}
		for _, doc := range documents(file, compat.KindActionSet) {
			for i, v := range requested(doc) {
				request{c, v, fmt.Sprintf("spec.actions.%d", i)}.against(known, file)
			}
		}
		findings = append(findings, c.findings...)
	}
	return findings
}

// documents are those of a file that are of the kind. What is wrong with the others
// is reported elsewhere.
func documents(file File, kind string) []*compat.Document {
	docs, _ := compat.Parse(file.Name, file.Data)
	return slices.DeleteFunc(docs, func(d *compat.Document) bool { return d.Kind != kind })
}

// A knownBlueprint is a blueprint that ActionSets can name.
type knownBlueprint struct {
	*legacyBlueprint
	file    File
	actions map[string]*legacyAction
}

// blueprints by name; there may be several of one name.
type blueprints map[string][]*knownBlueprint

// meant returns the blueprint that an ActionSet in the file means. Of several it is
// the one in that file, or the only one in its folder; else it cannot be told.
func (b blueprints) meant(name string, file File) *knownBlueprint {
	candidates := b[name]
	for _, near := range []func(File) bool{
		func(f File) bool { return f.path() == file.path() },
		func(f File) bool { return filepath.Dir(f.path()) == filepath.Dir(file.path()) },
		func(File) bool { return true },
	} {
		found := slices.DeleteFunc(slices.Clone(candidates), func(k *knownBlueprint) bool { return !near(k.file) })
		if len(found) == 1 {
			return found[0]
		}
	}
	return nil
}

// legacyBlueprints reads the blueprints among the units.
func legacyBlueprints(units []Unit) blueprints {
	known := blueprints{}
	for _, u := range units {
		if u.Language != YAML {
			continue
		}
		for _, doc := range documents(u.Files[0], compat.KindBlueprint) {
			bp, _ := compat.ReadBlueprint(doc)
			b := &legacyBlueprint{&legacyChecker{src: newSource(u.Files[0].Name, u.Files[0].Data), set: u.schema()}, bp}
			k := &knownBlueprint{b, u.Files[0], map[string]*legacyAction{}}
			for _, a := range bp.Actions {
				k.actions[a.Key] = b.action(a)
			}
			known[bp.Name] = append(known[bp.Name], k)
		}
	}
	return known
}

// against checks the request against its blueprint.
func (r request) against(known blueprints, file File) {
	name := text(r.value, "blueprint")
	if text(r.value, "name") == "" || name == "" {
		return // The reader says so.
	}
	bp := known.meant(name, file)
	if bp == nil {
		if len(known[name]) == 0 {
			r.unknownBlueprint(r.value.Get("blueprint"), sortedKeys(known))
		}
		return
	}
	action := bp.actions[text(r.value, "name")]
	if action == nil {
		r.unknownAction(bp)
		return
	}
	r.kindOf(action)
	r.missing(action)
	r.unused(action)
}

// unknownBlueprint warns of a name that looks like that of a blueprint that is
// there. Any other is one in the cluster.
func (r request) unknownBlueprint(name *compat.Value, names []string) {
	written := name.Str
	if suggest.Nearest(written, names) != "" {
		f := Finding{Rule: ruleUnknownBlueprint, Message: fmt.Sprintf("there is no blueprint %q among the files", written)}
		r.legacyChecker.value(name, r.path+".blueprint", f.hint(written, "blueprints", names))
	}
}

func (r request) unknownAction(bp *knownBlueprint) {
	written := text(r.value, "name")
	f := Finding{Rule: ruleUnknownAction, Message: fmt.Sprintf("the blueprint %q has no action %q", bp.bp.Name, written)}
	var names []string
	for _, a := range bp.bp.Actions {
		names = append(names, a.Key)
	}
	r.legacyChecker.value(r.value.Get("name"), r.path+".name", f.hint(written, "actions", names))
}

// kindOf compares the object with what the action reads of one.
func (r request) kindOf(action *legacyAction) {
	object := r.value.Get("object")
	if object == nil || object.Kind != compat.Map {
		return
	}
	at, own := object.Get("kind"), workloadOf(text(object, "kind"))
	if at == nil {
		at = object
	}
	what := "a " + own
	if own == "" {
		what = "an object of another kind"
	}
	for _, reads := range action.reads {
		if !reads.always() || action.givenBy(own, reads) {
			continue
		}
		r.legacyChecker.value(at, r.path+".object", Finding{
			Rule: ruleObjectKind,
			Message: fmt.Sprintf("the action %q reads %s (%s:%d), and this is %s",
				action.action.Key, reads.TemplateRef, action.src.name, reads.line, what),
			Expected: workloadOf(reads.Path[0].Name),
			Found:    own,
		})
		return
	}
	if declared := action.action.Kind; declared != nil && own != "" && workloadOf(declared.Str) != "" && workloadOf(declared.Str) != own {
		r.legacyChecker.value(at, r.path+".object", Finding{
			Rule:     ruleObjectKind,
			Severity: Warning,
			Message:  fmt.Sprintf("the action %q is for a %s, and this is a %s", action.action.Key, workloadOf(declared.Str), own),
		})
	}
}

// needsProfile are the functions that reach a location by themselves.
var needsProfile = strings.Fields("BackupData BackupDataAll RestoreData RestoreDataAll CopyVolumeData DeleteData DeleteDataAll " +
	"LocationDelete BackupDataStats CheckRepository ExportRDSSnapshotToLocation RestoreRDSSnapshot")

// missing finds what the action reads and the request does not give. One finding
// for each part of the request lists all that it lacks.
func (r request) missing(action *legacyAction) {
	lacking := map[string][]string{}
	add := func(part, name string) {
		if !slices.Contains(lacking[part], name) {
			lacking[part] = append(lacking[part], name)
		}
	}
	for _, reads := range action.reads {
		if part, name := r.lacks(reads); name != "" {
			add(part, name)
		}
	}
	for _, p := range action.action.AllPhases() {
		if slices.Contains(needsProfile, p.Func) && r.value.Get("profile") == nil {
			add("profile", "a profile for "+p.Func)
		}
		if strings.HasSuffix(p.Func, "UsingKopiaServer") && r.value.Get("repositoryServer") == nil {
			add("repositoryServer", "a repositoryServer for "+p.Func)
		}
	}
	r.report(action.action.Key, lacking)
}

// lacks returns the part of the request in which something is missing that the
// action reads, and what.
func (r request) lacks(reads reading) (part, missing string) {
	if !reads.always() {
		return "", ""
	}
	part = map[string]string{
		"ArtifactsIn": "artifacts", "Options": "options", "Secrets": "secrets", "ConfigMaps": "configMaps",
		"Profile": "profile", "RepositoryServer": "repositoryServer",
	}[reads.Path[0].Name]
	given := r.value.Get(part)
	switch {
	case part == "":
		return "", ""
	case part == "profile" || part == "repositoryServer":
		if given == nil {
			return part, reads.upTo(1)
		}
		return "", ""
	}
	name, ok := reads.literal(1)
	if !ok || part == "options" && reads.Path[1].Index {
		return "", ""
	}
	value := given.Get(name)
	if value == nil {
		return part, reads.upTo(2)
	}
	key, ok := reads.literal(3)
	if value.Get("keyValue") == nil && len(value.Fields) > 0 {
		return "", "" // It is in another form, which is reported.
	}
	if part == "artifacts" && ok && reads.Path[2].Name == "KeyValue" && value.Get("keyValue").Get(key) == nil {
		return part, reads.upTo(4)
	}
	return "", ""
}

func (r reading) upTo(steps int) string { return compat.TemplateRef{Path: r.Path[:steps]}.String() }

// report makes findings of what is missing: in a part that is there at that part,
// the rest together at the request itself.
func (r request) report(action string, lacking map[string][]string) {
	var rest []string
	for _, part := range sortedKeys(lacking) {
		field := r.value.Field(part)
		if field == nil {
			rest = append(rest, lacking[part]...)
			continue
		}
		r.key(field, r.path+"."+part, missingFinding(action, lacking[part]))
	}
	if len(rest) > 0 {
		r.legacyChecker.value(r.value.Get("name"), r.path, missingFinding(action, rest))
	}
}

func missingFinding(action string, names []string) Finding {
	list := strings.Join(names, ", ")
	return Finding{
		Rule:       ruleMissingInput,
		Message:    fmt.Sprintf("the action %q needs what is not given: %s", action, list),
		Expected:   list,
		Suggestion: "add it to this action of the ActionSet",
	}
}

// unused warns of options and artifacts that the action does not read.
func (r request) unused(action *legacyAction) {
	for part, parameter := range map[string]string{"options": "Options", "artifacts": "ArtifactsIn"} {
		given := r.value.Get(part)
		names, complete := action.namesRead(parameter)
		if given == nil || !complete {
			continue
		}
		for _, f := range given.Fields {
			if slices.Contains(names, f.Name) {
				continue
			}
			finding := Finding{Rule: ruleUnusedInput, Message: fmt.Sprintf("the action %q does not read .%s.%s", action.action.Key, parameter, f.Name)}
			r.key(f, r.path+"."+part+"."+f.Name, finding.hint(f.Name, part+" that it reads", names))
		}
	}
}

// namesRead lists what is read of a map of parameters. complete is false if there
// may be more: the map is read as a whole, or by a name that is computed.
func (a *legacyAction) namesRead(parameter string) (names []string, complete bool) {
	if parameter == "ArtifactsIn" {
		for _, v := range a.action.InputArtifactNames {
			names = append(names, v.Str)
		}
	}
	for _, r := range a.reads {
		if r.Path[0].Name != parameter {
			continue
		}
		name, ok := r.literal(1)
		if !ok && !(len(r.Path) == 1 && r.Tested) {
			return nil, false
		}
		names = append(names, name)
	}
	return names, true
}
