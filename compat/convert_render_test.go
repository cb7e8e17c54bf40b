package compat

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/literal"

	"github.com/rescuecue/rescue/schema"
)

// A world holds generated template parameters for an action, as Kanister's
// templates see them and as the CUE of the conversion does.
type world struct{ *sampler }

func newWorld(a *BlueprintAction, seed int64) *world { return &world{newSampler(a, seed)} }

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
	return !ok || !constraint.Exists() || Fits(text, constraint)
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
