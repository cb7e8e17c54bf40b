package compat

import (
	"math/rand"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"

	"github.com/rescuecue/rescue/schema"
)

// Sample makes up template parameters for an action: everything that its templates
// read, with texts that are easy to get wrong, and sometimes without what a
// template only asks for with index or if. The same seed gives the same parameters.
func Sample(a *BlueprintAction, seed int64) *Params {
	return newSampler(a, seed).params
}

type sampler struct {
	params *Params
	rnd    *rand.Rand
	// snapshots are the artifacts whose kopia snapshot is read.
	snapshots map[string]bool
	// wanted are the constraints of arguments that are nothing but one reference, by
	// the reference.
	wanted map[string][]cue.Value
}

func newSampler(a *BlueprintAction, seed int64) *sampler {
	s := &sampler{rnd: rand.New(rand.NewSource(seed)), snapshots: map[string]bool{}, wanted: map[string][]cue.Value{}, params: &Params{
		Object: map[string]any{}, ArtifactsIn: map[string]Artifact{}, ConfigMaps: map[string]ConfigMap{},
		Secrets: map[string]Secret{}, Options: map[string]string{}, Phases: map[string]*Phase{},
		Time: "2026-11-22T09:08:07.123456789Z",
	}}
	refs := a.references()
	s.want(a)
	s.profile()
	s.kinds(a, refs)
	for _, p := range a.AllPhases() {
		s.phase(a, p)
	}
	for _, r := range refs {
		s.provide(r)
	}
	s.ranges(a)
	return s
}

// sampleWords have characters that are easy to get wrong.
var sampleWords = []string{
	"pg-0", "a b", `q"uo'te`, `back\slash`, "über", "x<y>&z", "$HOME", "line\nbreak", "", "s3://b/c", "{{x}}", "3", "10Gi", "Deployment",
}

// fitting are words that arguments with a form of their own take.
var fitting = []string{"3", "10Gi", "Deployment", "true", "90s", "ReadWriteOnce", "pg-0", "Filesystem", "delete", "PostgreSQL"}

func (s *sampler) word() string { return sampleWords[s.rnd.Intn(len(sampleWords))] }

// want notes what the arguments take that are a single reference.
func (s *sampler) want(a *BlueprintAction) {
	for _, p := range a.AllPhases() {
		fn, _ := schema.Function(p.Func)
		for _, f := range p.Args {
			arg, known := fn.Arg(f.Name)
			if !known || f.Value.Kind != String || !isTemplate(f.Value.Str) {
				continue
			}
			use, err := TemplateRefs(f.Value.Str)
			if err != nil {
				continue
			}
			for _, r := range use.Refs {
				s.wanted[r.String()] = append(s.wanted[r.String()], arg.Value)
			}
		}
	}
}

// wordFor is a text that the places which read the reference take, if one is
// found.
func (s *sampler) wordFor(r TemplateRef) string {
	word, wanted := s.word(), s.wanted[r.String()]
	if len(wanted) == 0 || s.rnd.Intn(8) == 0 {
		return word
	}
	for _, i := range append([]int{-1}, s.rnd.Perm(len(fitting))...) {
		if i >= 0 {
			word = fitting[i]
		}
		if fitsAll(word, wanted) {
			return word
		}
	}
	return word
}

func fitsAll(text string, wanted []cue.Value) bool {
	for _, w := range wanted {
		if !Fits(text, w) {
			return false
		}
	}
	return true
}

// Fits says whether a function takes the text for an argument with that
// constraint, as Kanister decodes texts: digits for a number, and so on.
func Fits(text string, constraint cue.Value) bool {
	switch constraint.IncompleteKind() {
	case cue.BoolKind:
		_, err := strconv.ParseBool(text)
		return err == nil || text == ""
	case cue.IntKind:
		n, err := strconv.Atoi(text)
		return err == nil && n >= 0
	case cue.StringKind:
		return constraint.Unify(cuecontext.New().Encode(text)).Validate() == nil
	}
	return true
}

func (s *sampler) profile() {
	p := &Profile{
		Location:      Location{Type: "s3Compliant", Bucket: s.word(), Endpoint: s.word(), Prefix: s.word(), Region: s.word()},
		SkipSSLVerify: s.rnd.Intn(2) == 0,
	}
	if s.rnd.Intn(2) == 0 {
		p.Credential = Credential{Type: "keyPair", KeyPair: &KeyPair{ID: s.word(), Secret: s.word()}}
	} else {
		p.Credential = Credential{Type: "secret", Secret: &Secret{Data: map[string][]byte{
			"aws_access_key_id": []byte(s.word()), "aws_secret_access_key": []byte(s.word()),
		}}}
	}
	s.params.Profile = p
}

// kinds sets the parameters of the object that the templates read, or else of the
// one that the action is declared for.
func (s *sampler) kinds(a *BlueprintAction, refs []TemplateRef) {
	found := false
	for _, r := range refs {
		found = s.kind(r.Path[0].Name) || found
	}
	text, _ := a.Kind.Text()
	if kind, ok := normalKind(text); ok && !found {
		s.kind(kind)
	}
}

// kind makes up the object of a kind, and says whether it is one.
func (s *sampler) kind(name string) bool {
	p := s.params
	switch {
	case name == "StatefulSet" && p.StatefulSet == nil:
		p.StatefulSet = s.workload()
	case name == "Deployment" && p.Deployment == nil:
		p.Deployment = s.workload()
	case name == "DeploymentConfig" && p.DeploymentConfig == nil:
		p.DeploymentConfig = s.workload()
	case name == "PVC" && p.PVC == nil:
		p.PVC = &NamespacedName{s.word(), s.word()}
	case name == "Namespace" && p.Namespace == nil:
		p.Namespace = &NamespacedName{s.word(), s.word()}
	}
	return slices.Contains(paramKinds, name)
}

func (s *sampler) workload() *Workload {
	return &Workload{
		Name: s.word(), Namespace: s.word(), Pods: []string{"p-0", s.word(), "p-2"},
		Containers:             [][]string{{"c", "d"}, {s.word()}, {"e"}},
		PersistentVolumeClaims: map[string]map[string]string{"p-0": {"data": "/data"}},
	}
}

// phase sets the outputs of a phase, and its objects without data.
func (s *sampler) phase(a *BlueprintAction, p *BlueprintPhase) {
	out := &Phase{Secrets: map[string]Secret{}, ConfigMaps: map[string]ConfigMap{}, Output: map[string]any{}}
	for _, o := range p.Objects {
		if objectKind(o) == "configMaps" {
			out.ConfigMaps[o.Name] = ConfigMap{Meta: Meta{Name: o.Name}, Data: map[string]string{}}
		} else {
			out.Secrets[o.Name] = Secret{Meta: Meta{Name: o.Name}, Data: map[string][]byte{}}
		}
	}
	if f, ok := schema.Function(p.Func); ok {
		for _, o := range f.Outputs {
			out.Output[o.Name] = s.word()
			if o.Kind == cue.IntKind {
				out.Output[o.Name] = 3
			}
		}
	}
	if p == a.DeferPhase {
		s.params.DeferPhase = out
		return
	}
	s.params.Phases[p.Name] = out
}

// provide makes up the value of a reference. A key that is asked for by index, or
// tested, may stay away.
func (s *sampler) provide(r TemplateRef) {
	last := r.Path[len(r.Path)-1]
	missing := (last.Index || r.Tested) && s.rnd.Intn(2) == 0
	names := r.Names()
	switch {
	case len(names) < 2 || last.Computed:
	case names[0] == "Options" && !missing:
		s.params.Options[names[1]] = s.wordFor(r)
	case names[0] == "Object":
		s.object(names[1:])
	case names[0] == "ArtifactsIn":
		s.artifact(r, names[1:], missing)
	case names[0] == "Secrets":
		secret, ok := s.params.Secrets[names[1]]
		if !ok {
			secret = Secret{Meta: Meta{Name: s.word(), Namespace: s.word()}, Data: map[string][]byte{}}
		}
		s.params.Secrets[names[1]] = secret
		if len(names) > 3 && !missing {
			secret.Data[names[3]] = []byte(s.wordFor(r))
		}
	case names[0] == "ConfigMaps":
		c, ok := s.params.ConfigMaps[names[1]]
		if !ok {
			c = ConfigMap{Meta: Meta{Name: s.word(), Namespace: s.word()}, Data: map[string]string{}}
		}
		s.params.ConfigMaps[names[1]] = c
		if len(names) > 3 && !missing {
			c.Data[names[3]] = s.wordFor(r)
		}
	case names[0] == "Phases" && len(names) > 3:
		s.ofPhase(r, s.params.Phases[names[1]], names[2:], missing)
	case names[0] == "DeferPhase" && len(names) > 2:
		s.ofPhase(r, s.params.DeferPhase, names[1:], missing)
	}
}

func (s *sampler) ofPhase(r TemplateRef, p *Phase, names []string, missing bool) {
	if p == nil {
		return
	}
	switch {
	case names[0] == "Output":
		if _, known := p.Output[names[1]]; !known {
			p.Output[names[1]] = s.wordFor(r)
		}
	case missing || len(names) < 4:
	case names[0] == "Secrets" && p.Secrets[names[1]].Data != nil:
		p.Secrets[names[1]].Data[names[3]] = []byte(s.wordFor(r))
	case names[0] == "ConfigMaps" && p.ConfigMaps[names[1]].Data != nil:
		p.ConfigMaps[names[1]].Data[names[3]] = s.wordFor(r)
	}
}

func (s *sampler) artifact(r TemplateRef, names []string, missing bool) {
	a := s.params.ArtifactsIn[names[0]]
	if a.KeyValue == nil {
		a.KeyValue = map[string]string{}
	}
	if len(names) > 1 && names[1] == "KopiaSnapshot" {
		a.KopiaSnapshot = s.word()
		s.snapshots[names[0]] = true
	}
	if len(names) > 2 && !missing {
		a.KeyValue[names[2]] = s.wordFor(r)
	}
	s.params.ArtifactsIn[names[0]] = a
}

// object sets a path in the Kubernetes object. All of it is text, lists where a
// number follows; what a Secret holds is base64.
func (s *sampler) object(names []string) {
	var value any = strings.ReplaceAll(s.word(), "\n", " ")
	if names[0] == "data" {
		value = "cGFzc3dvcmQ="
	}
	s.objectValue(names, value)
}

// objectValue sets a path in the Kubernetes object to a value.
func (s *sampler) objectValue(names []string, value any) {
	for i := len(names) - 1; i >= 0; i-- {
		if n, err := strconv.Atoi(names[i]); err == nil {
			list := make([]any, n+1)
			for j := range list {
				list[j] = value
			}
			value = list
			continue
		}
		value = map[string]any{names[i]: value}
	}
	s.params.Object = merge(s.params.Object, value).(map[string]any)
}

func merge(a, b any) any {
	am, ok := a.(map[string]any)
	bm, ok2 := b.(map[string]any)
	if ok && ok2 {
		for k, v := range bm {
			if old, had := am[k]; had {
				v = merge(old, v)
			}
			am[k] = v
		}
		return am
	}
	al, ok := a.([]any)
	bl, ok2 := b.([]any)
	if ok && ok2 {
		for i, v := range bl {
			if i < len(al) {
				bl[i] = merge(al[i], v)
			}
		}
		return bl
	}
	if ok || reflect.ValueOf(a).Kind() == reflect.Map {
		return a
	}
	return b
}
