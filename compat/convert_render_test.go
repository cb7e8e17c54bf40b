package compat

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/literal"

	"github.com/rescuecue/rescue/schema"
)

// A world holds generated template parameters for an action, as Kanister's
// templates see them and as the CUE of the conversion does.
type world struct {
	params *Params
	rnd    *rand.Rand
	// snapshots are the artifacts whose kopia snapshot is read.
	snapshots map[string]bool
}

// newWorld makes up everything that the action reads. What a template only asks
// for with index is sometimes missing.
func newWorld(a *BlueprintAction, seed int64) *world {
	w := &world{rnd: rand.New(rand.NewSource(seed)), snapshots: map[string]bool{}, params: &Params{
		Object: map[string]any{}, ArtifactsIn: map[string]Artifact{}, ConfigMaps: map[string]ConfigMap{},
		Secrets: map[string]Secret{}, Options: map[string]string{}, Phases: map[string]*Phase{},
		Time: "2026-11-22T09:08:07.123456789Z",
	}}
	w.profile()
	w.kinds(a)
	for _, p := range a.AllPhases() {
		w.phase(a, p)
	}
	for _, r := range a.references() {
		w.provide(r)
	}
	return w
}

// word is text with characters that are easy to get wrong.
func (w *world) word() string {
	words := []string{"pg-0", "a b", `q"uo'te`, `back\slash`, "über", "x<y>&z", "$HOME", "line\nbreak", "", "s3://b/c", "{{x}}", "3", "10Gi", "Deployment"}
	return words[w.rnd.Intn(len(words))]
}

func (w *world) profile() {
	p := &Profile{
		Location:      Location{Type: "s3Compliant", Bucket: w.word(), Endpoint: w.word(), Prefix: w.word(), Region: w.word()},
		SkipSSLVerify: w.rnd.Intn(2) == 0,
	}
	if w.rnd.Intn(2) == 0 {
		p.Credential = Credential{Type: "keyPair", KeyPair: &KeyPair{ID: w.word(), Secret: w.word()}}
	} else {
		p.Credential = Credential{Type: "secret", Secret: &Secret{Data: map[string][]byte{
			"aws_access_key_id": []byte(w.word()), "aws_secret_access_key": []byte(w.word()),
		}}}
	}
	w.params.Profile = p
}

// kinds sets the parameters of the object that the templates read.
func (w *world) kinds(a *BlueprintAction) {
	for _, r := range a.references() {
		load := func() *Workload {
			return &Workload{
				Name: w.word(), Namespace: w.word(), Pods: []string{"p-0", w.word(), "p-2"},
				Containers:             [][]string{{"c", "d"}, {w.word()}, {"e"}},
				PersistentVolumeClaims: map[string]map[string]string{"p-0": {"data": "/data"}},
			}
		}
		switch r.Path[0].Name {
		case "StatefulSet":
			w.params.StatefulSet = load()
		case "Deployment":
			w.params.Deployment = load()
		case "DeploymentConfig":
			w.params.DeploymentConfig = load()
		case "PVC":
			w.params.PVC = &NamespacedName{w.word(), w.word()}
		case "Namespace":
			w.params.Namespace = &NamespacedName{w.word(), w.word()}
		}
	}
}

// phase sets the outputs of a phase, and its objects without data.
func (w *world) phase(a *BlueprintAction, p *BlueprintPhase) {
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
			out.Output[o.Name] = w.word()
			if o.Kind == cue.IntKind {
				out.Output[o.Name] = 3
			}
		}
	}
	if p == a.DeferPhase {
		w.params.DeferPhase = out
		return
	}
	w.params.Phases[p.Name] = out
}

// provide makes up the value of a reference. A key that is asked for by index, or
// tested, may stay away.
func (w *world) provide(r TemplateRef) {
	last := r.Path[len(r.Path)-1]
	missing := (last.Index || r.Tested) && w.rnd.Intn(2) == 0
	names := r.Names()
	switch {
	case len(names) < 2 || last.Computed:
	case names[0] == "Options" && !missing:
		w.params.Options[names[1]] = w.word()
	case names[0] == "Object":
		w.object(names[1:])
	case names[0] == "ArtifactsIn":
		w.artifact(names[1:], missing)
	case names[0] == "Secrets":
		s, ok := w.params.Secrets[names[1]]
		if !ok {
			s = Secret{Meta: Meta{Name: w.word(), Namespace: w.word()}, Data: map[string][]byte{}}
		}
		w.params.Secrets[names[1]] = s
		if len(names) > 3 && !missing {
			s.Data[names[3]] = []byte(w.word())
		}
	case names[0] == "ConfigMaps":
		c, ok := w.params.ConfigMaps[names[1]]
		if !ok {
			c = ConfigMap{Meta: Meta{Name: w.word(), Namespace: w.word()}, Data: map[string]string{}}
		}
		w.params.ConfigMaps[names[1]] = c
		if len(names) > 3 && !missing {
			c.Data[names[3]] = w.word()
		}
	case names[0] == "Phases" && len(names) > 3:
		w.ofPhase(w.params.Phases[names[1]], names[2:], missing)
	case names[0] == "DeferPhase" && len(names) > 2:
		w.ofPhase(w.params.DeferPhase, names[1:], missing)
	}
}

func (w *world) ofPhase(p *Phase, names []string, missing bool) {
	if p == nil {
		return
	}
	switch {
	case names[0] == "Output":
		if _, known := p.Output[names[1]]; !known {
			p.Output[names[1]] = w.word()
		}
	case missing || len(names) < 4:
	case names[0] == "Secrets" && p.Secrets[names[1]].Data != nil:
		p.Secrets[names[1]].Data[names[3]] = []byte(w.word())
	case names[0] == "ConfigMaps" && p.ConfigMaps[names[1]].Data != nil:
		p.ConfigMaps[names[1]].Data[names[3]] = w.word()
	}
}

func (w *world) artifact(names []string, missing bool) {
	a := w.params.ArtifactsIn[names[0]]
	if a.KeyValue == nil {
		a.KeyValue = map[string]string{}
	}
	if len(names) > 1 && names[1] == "KopiaSnapshot" {
		a.KopiaSnapshot = w.word()
		w.snapshots[names[0]] = true
	}
	if len(names) > 2 && !missing {
		a.KeyValue[names[2]] = w.word()
	}
	w.params.ArtifactsIn[names[0]] = a
}

// object sets a path in the Kubernetes object. All of it is text, lists where a
// number follows; what a Secret holds is base64.
func (w *world) object(names []string) {
	var value any = strings.ReplaceAll(w.word(), "\n", " ")
	if names[0] == "data" {
		value = "cGFzc3dvcmQ="
	}
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
	w.params.Object = merge(w.params.Object, value).(map[string]any)
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

// input is what CUE sees as input.
func (w *world) input(t testing.TB) map[string]any {
	p := w.params
	profile, err := (Engine{}).Render("{{ toJson .Profile }}", p)
	if err != nil {
		t.Fatal(err)
	}
	in := map[string]any{
		"object": p.Object, "options": p.Options, "time": p.Time,
		"artifactsIn": w.cueArtifacts(), "secrets": cueSecrets(p.Secrets), "configMaps": cueConfigMaps(p.ConfigMaps),
		"profile": cueProfile(p.Profile, profile),
	}
	for name, load := range map[string]*Workload{"statefulSet": p.StatefulSet, "deployment": p.Deployment, "deploymentConfig": p.DeploymentConfig} {
		if load != nil {
			in[name] = map[string]any{
				"name": load.Name, "namespace": load.Namespace, "pods": load.Pods, "containers": load.Containers,
				"persistentVolumeClaims": load.PersistentVolumeClaims,
			}
		}
	}
	for name, n := range map[string]*NamespacedName{"pvc": p.PVC, "namespace": p.Namespace} {
		if n != nil {
			in[name] = map[string]any{"name": n.Name, "namespace": n.Namespace}
		}
	}
	return in
}

func (w *world) cueArtifacts() map[string]any {
	out := map[string]any{}
	for name, a := range w.params.ArtifactsIn {
		artifact := map[string]any{}
		if len(a.KeyValue) > 0 {
			artifact["keyValue"] = a.KeyValue
		}
		if w.snapshots[name] {
			artifact["kopiaSnapshot"] = a.KopiaSnapshot
		}
		out[name] = artifact
	}
	return out
}

func cueSecrets(secrets map[string]Secret) map[string]any {
	out := map[string]any{}
	for name, s := range secrets {
		out[name] = cueSecret(s)
	}
	return out
}

func cueSecret(s Secret) map[string]any {
	data := map[string]string{}
	for k, v := range s.Data {
		data[k] = string(v)
	}
	return map[string]any{"name": s.Name, "namespace": s.Namespace, "data": data}
}

func cueConfigMaps(maps map[string]ConfigMap) map[string]any {
	out := map[string]any{}
	for name, c := range maps {
		out[name] = map[string]any{"name": c.Name, "namespace": c.Namespace, "data": c.Data}
	}
	return out
}

func cueProfile(p *Profile, text string) map[string]any {
	credential := map[string]any{"type": p.Credential.Type}
	if k := p.Credential.KeyPair; k != nil {
		credential["keyPair"] = map[string]any{"id": k.ID, "secret": k.Secret}
	}
	if s := p.Credential.Secret; s != nil {
		credential["secret"] = cueSecret(*s)
	}
	return map[string]any{
		"location": map[string]any{"type": p.Location.Type, "bucket": p.Location.Bucket, "endpoint": p.Location.Endpoint,
			"prefix": p.Location.Prefix, "region": p.Location.Region},
		"credential": credential, "skipSSLVerify": p.SkipSSLVerify, "json": text,
	}
}

// fill puts the world into an action of the converted blueprint.
func (w *world) fill(t testing.TB, action cue.Value) cue.Value {
	v := action.FillPath(cue.ParsePath("input"), w.input(t))
	each := func(path cue.Path, p *Phase) {
		v = v.FillPath(cue.MakePath(append(path.Selectors(), cue.Str("output"))...), p.Output)
		v = v.FillPath(cue.MakePath(append(path.Selectors(), cue.Str("secrets"))...), cueSecrets(p.Secrets))
		v = v.FillPath(cue.MakePath(append(path.Selectors(), cue.Str("configMaps"))...), cueConfigMaps(p.ConfigMaps))
	}
	for name, p := range w.params.Phases {
		if v.LookupPath(cue.MakePath(cue.Str("phases"), cue.Str(name))).Exists() {
			each(cue.MakePath(cue.Str("phases"), cue.Str(name)), p)
		}
	}
	if p := w.params.DeferPhase; p != nil {
		each(cue.MakePath(cue.Str("deferPhase")), p)
	}
	return v
}

// templates renders the templates that were kept, in the fields of the struct at path.
func (w *world) templates(t testing.TB, v cue.Value, path cue.Path) cue.Value {
	it, err := v.LookupPath(path).Fields(cue.Hidden(true))
	if err != nil {
		return v
	}
	for it.Next() {
		attr := it.Value().Attribute("gotmpl")
		if attr.Err() != nil {
			continue
		}
		text, err := literal.Unquote(attr.Contents())
		if err != nil {
			t.Fatal(err)
		}
		rendered, err := (Engine{}).Render(text, w.params)
		if err != nil {
			continue
		}
		v = v.FillPath(cue.MakePath(append(path.Selectors(), it.Selector())...), rendered)
	}
	return v
}

// plainText makes values comparable that Kanister decodes to the same: an integer
// and its digits, a string and a list of just that.
func plainText(v any) any {
	switch v := v.(type) {
	case bool:
		return map[bool]string{true: "1", false: "0"}[v]
	case []any:
		if len(v) == 1 {
			return plainText(v[0])
		}
		out := make([]any, len(v))
		for i := range v {
			out[i] = plainText(v[i])
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for k := range v {
			out[k] = plainText(v[k])
		}
		return out
	}
	return fmt.Sprint(v)
}

// sameRendering renders all of an action both ways, and returns how many values
// were compared.
func sameRendering(t *testing.T, a *BlueprintAction, converted cue.Value, seed int64) int {
	w := newWorld(a, seed)
	v := w.fill(t, converted)
	compared := 0
	check := func(where string, legacy any, path cue.Path) {
		compared += w.compare(t, fmt.Sprintf("%s (seed %d) %s", a.Key, seed, where), legacy, v.LookupPath(path), cue.Value{})
	}
	for i, p := range a.AllPhases() {
		path := cue.MakePath(cue.Str("phases"), cue.Str(cmp.Or(p.Name, fmt.Sprintf("phase%d", i+1))))
		if p == a.DeferPhase {
			path = cue.MakePath(cue.Str("deferPhase"))
		}
		v = w.templates(t, v, path)
		for _, f := range p.Args {
			if !literalArg(p.Func, f.Name) {
				fn, _ := schema.Function(p.Func)
				arg, _ := fn.Arg(f.Name)
				at := cue.MakePath(append(path.Selectors(), cue.Str("args"), cue.Str(f.Name))...)
				where := fmt.Sprintf("%s (seed %d) %s.args.%s", a.Key, seed, p.Name, f.Name)
				compared += w.compare(t, where, f.Value.Any(), v.LookupPath(at), arg.Value)
			}
		}
		for _, o := range p.Objects {
			for _, f := range o.Value.Fields {
				if (f.Name == "name" || f.Name == "namespace") && f.Value.Str != "" {
					check(p.Name+".objects."+o.Name, f.Value.Any(), cue.MakePath(append(path.Selectors(), cue.Str("objects"), cue.Str(o.Name), cue.Str(f.Name))...))
				}
			}
		}
	}
	v = w.templates(t, v, cue.Path{})
	for _, o := range a.OutputArtifacts {
		path := []cue.Selector{cue.Str("outputArtifacts"), cue.Str(o.Name)}
		for _, k := range o.KeyValue {
			check(o.Name+"."+k.Name, k.Value.Any(), cue.MakePath(append(path, cue.Str("keyValue"), cue.Str(k.Name))...))
		}
		if o.KopiaSnapshot != nil {
			check(o.Name, o.KopiaSnapshot.Value.Any(), cue.MakePath(append(path, cue.Str("kopiaSnapshot"))...))
		}
	}
	return compared
}

// fits says whether the function takes the rendered text at all: generated words
// do not always make a number or a quantity.
func fits(rendered any, constraint cue.Value) bool {
	text, ok := rendered.(string)
	if !ok || !constraint.Exists() {
		return true
	}
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

// decoded is what Kanister's function makes of the rendered text for a boolean.
func decoded(rendered any, constraint cue.Value) any {
	text, ok := rendered.(string)
	if ok && constraint.Exists() && constraint.IncompleteKind() == cue.BoolKind {
		b, err := strconv.ParseBool(text)
		if err == nil || text == "" {
			return b
		}
	}
	return rendered
}

// compare checks one value. Where Kanister cannot render, CUE must not either.
func (w *world) compare(t *testing.T, where string, legacy any, v, constraint cue.Value) int {
	want, wantErr := (Engine{}).RenderValue(legacy, w.params)
	text, err := v.MarshalJSON()
	var got any
	if err == nil {
		dec := json.NewDecoder(strings.NewReader(string(text)))
		dec.UseNumber()
		if err := dec.Decode(&got); err != nil {
			t.Fatal(err)
		}
	}
	switch {
	case wantErr != nil && err != nil, err != nil && !fits(want, constraint):
		return 0
	case wantErr != nil:
		t.Errorf("%s: CUE gives %s, Kanister %v", where, text, wantErr)
	case err != nil:
		t.Errorf("%s: %v, Kanister gives %q", where, err, want)
	case !reflect.DeepEqual(plainText(got), plainText(decoded(want, constraint))):
		t.Errorf("%s:\n  CUE      %q\n  Kanister %q", where, plainText(got), plainText(want))
	}
	return 1
}

var seeds = flag.Int64("seeds", 1, "how many times to generate parameters for each action")

// TestConvertedRendersTheSame compares what Kanister's templates and the converted
// CUE make of generated parameters: for the project's own blueprints, and for
// every one of the corpus.
func TestConvertedRendersTheSame(t *testing.T) {
	files, err := filepath.Glob("testdata/convert/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, file := range files {
		compared += rendersTheSame(t, convertFile(t, file), 10*(*seeds))
	}
	if compared < 500 {
		t.Errorf("only %d values compared", compared)
	}
}

func TestConvertedCorpusRendersTheSame(t *testing.T) {
	compared := 0
	for _, c := range corpus(t) {
		compared += rendersTheSame(t, c, *seeds)
	}
	t.Logf("%d values compared", compared)
	if compared < 1500 {
		t.Errorf("only %d values compared", compared)
	}
}

// rendersTheSame compares all actions of a blueprint, unless vet refuses it.
func rendersTheSame(t *testing.T, c *converted, seeds int64) (compared int) {
	t.Run(c.name, func(t *testing.T) {
		for i, a := range c.bp.Actions {
			if c.vet != nil {
				continue
			}
			path := cue.MakePath(cue.Str("blueprint"), cue.Str("actions"), cue.Str(a.Key))
			for seed := range seeds {
				compared += sameRendering(t, a, c.value.LookupPath(path), seed*100+int64(i))
			}
		}
	})
	return compared
}
