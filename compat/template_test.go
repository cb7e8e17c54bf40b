package compat

import (
	"encoding/pem"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sampleParams are those of an action on a Deployment, with every kind of value.
func sampleParams() *Params {
	return &Params{
		Deployment: &Workload{
			Name: "time-log", Namespace: "shop", Pods: []string{"time-log-0"},
			Containers:             [][]string{{"app", "sidecar"}},
			PersistentVolumeClaims: map[string]map[string]string{"time-log-0": {"data": "/var/lib"}},
		},
		ArtifactsIn: map[string]Artifact{"timeLog": {KeyValue: map[string]string{"path": "/b/x"}, KopiaSnapshot: "{}"}},
		ConfigMaps:  map[string]ConfigMap{"location": {Data: map[string]string{"path": "s3://b/p"}}},
		Secrets:     map[string]Secret{"db": {Meta: Meta{Name: "db-creds"}, Data: map[string][]byte{"password": []byte("val")}, Type: "Opaque"}},
		Time:        "2026-01-02T03:04:05.678Z",
		Options:     map[string]string{"mode": "full"},
		Object: map[string]any{
			"metadata": map[string]any{"labels": map[string]any{"app.kubernetes.io/name": "tl"}, "generation": int64(3)},
			"spec":     map[string]any{"empty": nil},
		},
		Phases: map[string]*Phase{
			"dump":     {Output: map[string]any{"location": "a/b", "replicas": 2}},
			"my-phase": {Output: map[string]any{"x": "hyphen"}},
		},
	}
}

func TestRender(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"no template", "plain }} text", "plain }} text"},
		{"workload", "{{ .Deployment.Name }}/{{ index .Deployment.Pods 0 }}/{{ index .Deployment.Containers 0 1 }}", "time-log/time-log-0/sidecar"},
		{"volumes", `{{ range $pod, $pvcs := .Deployment.PersistentVolumeClaims }}{{ range $pvc, $path := $pvcs }}{{ $pod }} {{ $pvc }} {{ $path }}{{ end }}{{ end }}`, "time-log-0 data /var/lib"},
		{"artifact", "{{ .ArtifactsIn.timeLog.KeyValue.path }} {{ .ArtifactsIn.timeLog.KopiaSnapshot }}", "/b/x {}"},
		{"config map", "{{ .ConfigMaps.location.Data.path }}", "s3://b/p"},
		{"secret's name", "{{ .Secrets.db.Name }} {{ .Secrets.db.Type }}", "db-creds Opaque"},
		{"secret printed", "{{ .Secrets.db.Data.password }}", "[118 97 108]"},
		{"secret as text", "{{ .Secrets.db.Data.password | toString }}", "val"},
		{"object", `{{ index .Object.metadata.labels "app.kubernetes.io/name" }} {{ .Object.metadata.generation }}`, "tl 3"},
		{"a null", "{{ .Object.spec.empty }}", "<no value>"},
		{"date", `{{ toDate "2006-01-02T15:04:05.999999999Z07:00" .Time | date "2006-01-02" }}`, "2026-01-02"},
		{"index of an absent option", `[{{ index .Options "x" }}]`, "[]"},
		{"index of an absent phase", `{{ index .Phases "x" }}`, "<nil>"},
		{"hyphen by index", `{{ (index .Phases "my-phase").Output.x }}`, "hyphen"},
		{"integer output", `{{ .Phases.dump.Output.replicas }}`, "2"},
		{"no profile", "{{ toJson .Profile }}", "null"},
		{"no profile, printed", "{{ .Profile }}", "<nil>"},
		{"phases not set", "{{ .DeferPhase }} {{ .RepositoryServer }} {{ .PodLabels }}", "<nil> <nil> map[]"},
		{"builtin", `{{ printf "%03d" (add 1 2) }} {{ len .Options }}`, "003 1"},
		{"condition on an absent object", "{{ if .StatefulSet }}a{{ else }}b{{ end }}", "b"},
	}
	for _, tt := range tests {
		got, err := Engine{}.Render(tt.text, sampleParams())
		if err != nil || got != tt.want {
			t.Errorf("%s: %s rendered to %q, %v; expected %q", tt.name, tt.text, got, err, tt.want)
		}
	}
}

func TestRenderErrors(t *testing.T) {
	tests := []struct{ name, text, err string }{
		{"missing key", "a\n  {{ .Options.mod }}",
			`template line 2, column 6: {{.Options.mod}}: "mod" not found in .Options; did you mean "mode"?`},
		{"missing key, nothing near", "{{ .ConfigMaps.location.Data.bucket }}",
			`template line 1, column 4: {{.ConfigMaps.location.Data.bucket}}: "bucket" not found in .ConfigMaps.location.Data; .ConfigMaps.location.Data has path`},
		{"through $", "{{ range .Deployment.Pods }}{{ $.Options.x }}{{ end }}",
			`template line 1, column 32: {{$.Options.x}}: "x" not found in .Options; .Options has mode`},
		{"phase that did not run", "{{ .Phases.later.Output.x }}",
			`template line 1, column 4: {{.Phases.later.Output.x}}: "later" not found in .Phases; .Phases has dump, my-phase`},
		{"empty map", "{{ .PodLabels.x }}",
			`template line 1, column 4: {{.PodLabels.x}}: "x" not found in .PodLabels; .PodLabels is empty`},
		{"another kind of object", "{{ .StatefulSet.Name }}",
			`template line 1, column 4: {{.StatefulSet.Name}}: .StatefulSet is not set; this action runs on a Deployment`},
		{"no profile", "{{ .Profile.Location.Bucket }}",
			`template line 1, column 4: {{.Profile.Location.Bucket}}: .Profile is not set`},
		{"not a parameter", "{{ .Deploiment.Name }}",
			`template line 1, column 4: {{.Deploiment.Name}}: there is no parameter .Deploiment; did you mean .Deployment?`},
		{"not a field", "{{ .Deployment.Pod }}",
			`template line 1, column 4: {{.Deployment.Pod}}: "Pod" not found in .Deployment; did you mean "Pods"?`},
		{"field of a text", "{{ .Time.Year }}",
			`template line 1, column 4: {{.Time.Year}}: can't evaluate field Year in type string`},
		{"another struct", "{{ with .Deployment }}{{ .Foo.x }}{{ end }}",
			`template line 1, column 26: {{.Foo.x}}: can't evaluate field Foo in type *compat.Workload`},
		{"a null", "{{ .Object.spec.empty.x }}",
			`template line 1, column 4: {{.Object.spec.empty.x}}: .Object.spec.empty is not set`},
		{"another dot", "{{ with .ArtifactsIn }}{{ .x.KeyValue }}{{ end }}",
			`template line 1, column 27: {{.x.KeyValue}}: map has no entry for key "x"`},
		{"index out of range", "{{ index .Deployment.Pods 4 }}",
			`template line 1, column 4: {{index .Deployment.Pods 4}}: error calling index: index out of range: 4`},
		{"no space after index", "{{ index.Deployment.Pods 0 }}",
			`template line 1, column 4: {{index}}: wrong number of args for index: want at least 1 got 0`},
		{"hyphen by dot", "{{ .Phases.my-phase.Output.x }}",
			`template line 1: bad character U+002D '-'`},
		{"unknown function", "a\n{{ toJSONN .Time }}",
			`template line 2, column 4: unknown function "toJSONN"; did you mean toJson?`},
		{"unknown function, nothing near", "{{ lookup .Time }}",
			`template line 1, column 4: unknown function "lookup"; templates have Go's own functions and those of sprig 2.22.0`},
		{"bcrypt", "{{ bcrypt .Time }}",
			`template line 1, column 4: unknown function "bcrypt"; it is not allowed in blueprints, because it is not FIPS compatible`},
		{"derivePassword", `{{ derivePassword 1 "long" "a" "b" "c" }}`,
			`template line 1, column 4: {{derivePassword 1 "long" "a" "b" "c"}}: error calling derivePassword: derivePassword is not allowed in blueprints: it is not FIPS compatible`},
		{"dsa", `{{ genPrivateKey "dsa" }}`,
			`template line 1, column 4: {{genPrivateKey "dsa"}}: error calling genPrivateKey: genPrivateKey "dsa" is not allowed in blueprints: it is not FIPS compatible`},
		{"unknown key", `{{ genPrivateKey "des" }}`,
			`template line 1, column 4: {{genPrivateKey "des"}}: error calling genPrivateKey: genPrivateKey knows rsa, ecdsa and ed25519, not "des"`},
		{"env", `{{ env "HOME" }}`,
			`template line 1, column 4: {{env "HOME"}}: error calling env: env reads the environment of the program that renders, so it is refused unless unsafe template functions are allowed`},
		{"getHostByName", `{{ getHostByName "localhost" }}`,
			`template line 1, column 4: {{getHostByName "localhost"}}: error calling getHostByName: getHostByName asks the network, so it is refused unless unsafe template functions are allowed`},
		{"fail", `{{ fail "no" }}`,
			`template line 1, column 4: {{fail "no"}}: error calling fail: no`},
		{"unclosed", "{{ .Time", `template line 1: unclosed action`},
		{"a secret in a message", `{{ .Secrets.db.Data.password | toString | fail }}`,
			`template line 1, column 43: {{fail}}: error calling fail: (secret)`},
		{"a secret, quoted", `{{ .Secrets.db.Data.password | toString | printf "%q" | fail }}`,
			`template line 1, column 57: {{fail}}: error calling fail: "(secret)"`},
		{"a secret, encoded", `{{ .Secrets.db.Data.password | toString | b64enc | fail }}`,
			`template line 1, column 52: {{fail}}: error calling fail: (secret)`},
		{"range over a text", `{{ range toString .Secrets.db.Data.password }}{{ end }}`,
			`template line 1, column 19: {{.Secrets.db.Data.password}}: range needs a list, a map or a number`},
	}
	for _, tt := range tests {
		got, err := Engine{}.Render(tt.text, sampleParams())
		if err == nil {
			t.Errorf("%s: %s rendered to %q, expected an error", tt.name, tt.text, got)
			continue
		}
		if err.Error() != tt.err {
			t.Errorf("%s: %s\n got %v\nwant %v", tt.name, tt.text, err, tt.err)
		}
	}
}

// The names that Kanister's engine has, as probed there.
const kanisterFuncs = `abbrev abbrevboth add add1 adler32sum ago append atoi b32dec b32enc b64dec b64enc base biggest buildCustomCert
camelcase cat ceil clean coalesce compact concat contains date dateInZone dateModify date_in_zone date_modify
decryptAES deepCopy deepEqual default derivePassword dict dir div empty encryptAES env expandenv ext fail first
float64 floor genCA genPrivateKey genSelfSignedCert genSignedCert getHostByName has hasKey hasPrefix hasSuffix hello
htmlDate htmlDateInZone indent initial initials int int64 isAbs join kebabcase keys kindIs kindOf last list lower
max merge mergeOverwrite min mod mul nindent nospace now omit pick pluck plural prepend push quote randAlpha
randAlphaNum randAscii randNumeric regexFind regexFindAll regexMatch regexReplaceAll regexReplaceAllLiteral
regexSplit repeat replace rest reverse round semver semverCompare set sha1sum sha256sum shuffle slice snakecase
sortAlpha split splitList splitn squote sub substr swapcase ternary title toDate toDecimal toJson toPrettyJson
toString toStrings trim trimAll trimPrefix trimSuffix trimall trunc tuple typeIs typeIsLike typeOf uniq unixEpoch
unset until untilStep untitle upper urlJoin urlParse uuidv4 values without wrap wrapWith`

func TestTemplateFuncs(t *testing.T) {
	want := strings.Fields(kanisterFuncs)
	if len(want) != 150 {
		t.Fatalf("the test lists %d names", len(want))
	}
	if d := cmp.Diff(want, TemplateFuncs()); d != "" {
		t.Errorf("functions (-expected +got):\n%s", d)
	}
}

func TestUnsafeFunctions(t *testing.T) {
	t.Setenv("RESCUE_TEST", "from here")
	for _, text := range []string{`{{ env "RESCUE_TEST" }}`, `{{ expandenv "$RESCUE_TEST" }}`} {
		if got, err := (Engine{AllowUnsafe: true}).Render(text, nil); err != nil || got != "from here" {
			t.Errorf("%s allowed: %q, %v", text, got, err)
		}
		if err := (Engine{}).Check(text); err != nil {
			t.Errorf("%s parses in Kanister, but: %v", text, err)
		}
	}
}

func TestGenPrivateKey(t *testing.T) {
	for _, kind := range []string{"ecdsa", "ed25519"} {
		got, err := Engine{}.Render(`{{ genPrivateKey "`+kind+`" }}`, nil)
		if block, _ := pem.Decode([]byte(got)); err != nil || block == nil {
			t.Errorf("%s: %v, not PEM: %q", kind, err, got)
		}
	}
}

func TestProfileJSON(t *testing.T) {
	p := &Params{Profile: &Profile{
		Location:   Location{Type: "s3Compliant", Bucket: "b", Endpoint: "http://e", Prefix: "p", Region: "r"},
		Credential: Credential{Type: "keyPair", KeyPair: &KeyPair{ID: "id", Secret: "se"}},
	}}
	const want = `{"Location":{"type":"s3Compliant","bucket":"b","endpoint":"http://e","prefix":"p","region":"r"},` +
		`"Credential":{"Type":"keyPair","KeyPair":{"ID":"id","Secret":"se"},"Secret":null,"KopiaServerSecret":null},"SkipSSLVerify":false}`
	if got, err := (Engine{}).Render("{{ toJson .Profile }}", p); err != nil || got != want {
		t.Errorf("toJson .Profile = %s, %v\nexpected %s", got, err, want)
	}
}

func TestRenderArgs(t *testing.T) {
	args := map[string]any{
		"{{ .Time }}": "name",
		"replicas":    3,
		"wait":        true,
		"command":     []any{"sh", "-c", "echo {{ .Options.mode }}"},
		"podOverride": map[string]any{"{{ .Options.mode }}": map[string]any{"n": 1.5, "v": "{{ .Deployment.Name }}"}},
	}
	got, err := Engine{}.RenderArgs(args, sampleParams())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"{{ .Time }}": "name",
		"replicas":    3,
		"wait":        true,
		"command":     []any{"sh", "-c", "echo full"},
		"podOverride": map[string]any{"full": map[string]any{"n": 1.5, "v": "time-log"}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-expected +got):\n%s", d)
	}
}

func TestRenderValueErrors(t *testing.T) {
	tests := []struct {
		name string
		v    any
		err  string
	}{
		{"null", map[string]any{"a": []any{map[string]any{"b": nil}}},
			`a[0].b: null is not allowed; write "" for an empty text, or leave it out`},
		{"null alone", nil, `null is not allowed; write "" for an empty text, or leave it out`},
		{"deep", map[string]any{"a": []any{"x", "{{ .Options.a }}"}},
			`a[1]: template line 1, column 4: {{.Options.a}}: "a" not found in .Options; .Options has mode`},
		{"several", []any{nil, "{{ nofunc }}"},
			"[0]: null is not allowed; write \"\" for an empty text, or leave it out\n" +
				`[1]: template line 1, column 4: unknown function "nofunc"; templates have Go's own functions and those of sprig 2.22.0`},
		{"equal keys", map[string]any{"full": 1, "{{ .Options.mode }}": 2},
			"{{ .Options.mode }}: two keys of this map render to the same text"},
		{"a type that JSON has not", map[string]any{"a": struct{}{}}, "a: a value of type struct {} cannot be rendered"},
	}
	for _, tt := range tests {
		_, err := Engine{}.RenderValue(tt.v, sampleParams())
		if err == nil || err.Error() != tt.err {
			t.Errorf("%s:\n got %v\nwant %s", tt.name, err, tt.err)
		}
	}
}

func FuzzRender(f *testing.F) {
	f.Add("{{ .Options.mode }}")
	f.Add("{{ range $i, $p := .Deployment.Pods }}{{ $p | upper }}{{ end }}")
	f.Add(`{{ toJson .Profile }}{{ index .Phases "x" }}`)
	f.Add("{{ .Secrets.db.Data.password | toString | fail }}")
	seedTemplates(f, func(text string) { f.Add(text) })
	// Calls that take for ever or that need no fuzzing here.
	costly := regexp.MustCompile(`until|repeat|gen|range|indent|template|block|printf|wrap|rand|round|derive`)
	f.Fuzz(func(t *testing.T, text string) {
		if costly.MatchString(text) {
			t.Skip()
		}
		p := sampleParams()
		p.Secrets["db"].Data["password"] = []byte("c4n4ry-value")
		_, err := Engine{}.Render(text, p)
		if te := (*TemplateError)(nil); err != nil && (!errors.As(err, &te) || te.Msg == "") {
			t.Errorf("%q: %v", text, err)
		}
		if err != nil && strings.Contains(err.Error(), "c4n4ry-value") && !strings.Contains(text, "c4n4ry-value") {
			t.Errorf("%q: the error shows a secret: %v", text, err)
		}
	})
}

func BenchmarkRender(b *testing.B) {
	p := sampleParams()
	for b.Loop() {
		if _, err := (Engine{}).Render("{{ .Options.mode }}/{{ index .Deployment.Pods 0 }}", p); err != nil {
			b.Fatal(err)
		}
	}
}
