package compat

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseParams(t *testing.T) {
	const src = `{
	"Deployment": {"Name": "d", "Namespace": "n", "Pods": ["d-0"], "Containers": [["c"]],
		"PersistentVolumeClaims": {"d-0": {"pvc": "/data"}}},
	"artifactsIn": {"a": {"KeyValue": {"path": "x"}, "kopiaSnapshot": "s"}},
	"ConfigMaps": {"cm": {"Data": {"k": "v"}}},
	"Secrets": {
		"inline": {"Name": "i", "Data": {"password": "dmFs"}},
		"whole": {"kind": "Secret", "metadata": {"name": "w", "creationTimestamp": null}, "type": "Opaque", "data": {"k": ""}}
	},
	"Profile": {"Location": {"type": "s3Compliant", "bucket": "b"}, "Credential": {"Type": "keyPair", "KeyPair": {"ID": "i", "Secret": "s"}, "Secret": null}, "SkipSSLVerify": true},
	"time": "2026-01-02T03:04:05Z",
	"Options": null,
	"Object": {"spec": {"replicas": 3, "ratio": 0.5, "smile": "\ud83d\ude00"}},
	"Phases": {"p": {"Output": {"size": 12345678901, "text": "12"}}},
	"PodOverride": {"containers": [{"name": "c"}]}
}`
	got, err := ParseParams([]byte(src))
	if err != nil {
		t.Fatal(err)
	}
	want := &Params{
		Deployment: &Workload{Name: "d", Namespace: "n", Pods: []string{"d-0"}, Containers: [][]string{{"c"}},
			PersistentVolumeClaims: map[string]map[string]string{"d-0": {"pvc": "/data"}}},
		ArtifactsIn: map[string]Artifact{"a": {KeyValue: map[string]string{"path": "x"}, KopiaSnapshot: "s"}},
		ConfigMaps:  map[string]ConfigMap{"cm": {Data: map[string]string{"k": "v"}}},
		Secrets: map[string]Secret{
			"inline": {Meta: Meta{Name: "i"}, Data: map[string][]byte{"password": []byte("val")}},
			"whole":  {Meta: Meta{Name: "w"}, Type: "Opaque", Data: map[string][]byte{"k": {}}},
		},
		Profile: &Profile{Location: Location{Type: "s3Compliant", Bucket: "b"},
			Credential: Credential{Type: "keyPair", KeyPair: &KeyPair{ID: "i", Secret: "s"}}, SkipSSLVerify: true},
		Time:        "2026-01-02T03:04:05Z",
		Object:      map[string]any{"spec": map[string]any{"replicas": int64(3), "ratio": 0.5, "smile": "😀"}},
		Phases:      map[string]*Phase{"p": {Output: map[string]any{"size": int64(12345678901), "text": "12"}}},
		PodOverride: map[string]any{"containers": []any{map[string]any{"name": "c"}}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-expected +got):\n%s", d)
	}
}

func TestParseParamsErrors(t *testing.T) {
	tests := []struct{ name, src, err string }{
		{"unknown name", "{\n  \"Deploiment\": {}}", "2:3: Deploiment is not known; did you mean Deployment?"},
		{"unknown field", `{"Deployment": {"Pod": []}}`, "1:17: Deployment.Pod is not known; did you mean Pods?"},
		{"nothing near", `{"PVC": {"x": 1}}`, "1:10: PVC.x is not known; PVC has Name, Namespace"},
		{"several", `{"Tim": 1, "Time": 2}`,
			"1:2: Tim is not known; did you mean Time?\n1:20: Time must be a string, found an integer"},
		{"twice", `{"Time": "a", "time": "b"}`, "1:15: Time is given twice"},
		{"same name twice", `{"Time": "a", "Time": "b"}`, `1:15: "Time" is given twice`},
		{"not base64", `{"Secrets": {"s": {"Data": {"k": "päss"}}}}`,
			"1:34: Secrets.s.Data.k must be base64: illegal base64 data at input byte 1"},
		{"type", `{"Options": {"n": 5}}`, "1:19: Options.n must be a string, found an integer"},
		{"list", `{"Deployment": {"Pods": "a"}}`, "1:25: Deployment.Pods must be a list, found a string"},
		{"item", "{\"Deployment\":\n{\"Pods\": [\"ä\", 1]}}", "2:16: Deployment.Pods[1] must be a string, found an integer"},
		{"not an object", `[]`, "1:1: template parameters must be a JSON object, found a list"},
		{"empty", "", "1:1: not valid JSON: it ends too early"},
		{"cut", `{"Time": `, "1:10: not valid JSON: it ends too early"},
		{"syntax", "{\n \"Time\": oops}", "2:10: not valid JSON: invalid character 'o' looking for beginning of value"},
		{"more text", "{}\n{}", "2:1: text after the end of the JSON value"},
		{"YAML", "Time: x", "1:1: not valid JSON: invalid character 'T' looking for beginning of value"},
		{"too deep", `{"Object": {"a":` + strings.Repeat("[", 1000), "1:516: nested deeper than 500 levels"},
		{"huge number", `{"Object": {"a": 1e999}}`, "1:18: the number 1e999 is out of range"},
	}
	for _, tt := range tests {
		_, err := ParseParams([]byte(tt.src))
		if err == nil || err.Error() != tt.err {
			t.Errorf("%s:\n got %v\nwant %s", tt.name, err, tt.err)
		}
	}
}

func FuzzParseParams(f *testing.F) {
	f.Add([]byte(`{"Deployment": {"Name": "d", "Pods": ["a"]}, "Object": {"a": [1, 2.5, null, true]}}`))
	f.Add([]byte(`{"Secrets": {"s": {"Data": {"k": "dmFs"}, "metadata": {"name": "x"}}}}`))
	f.Add([]byte("{\"Time\": \"\\u00e4\",\n\t\"Options\": null}"))
	f.Fuzz(func(t *testing.T, src []byte) {
		p, err := ParseParams(src)
		if (p == nil) == (err == nil) {
			t.Fatalf("%q: both or neither of parameters and error: %v", src, err)
		}
		if err == nil {
			if _, err := (Engine{}).Render("{{ toJson .Object }}{{ .Time }}", p); err != nil {
				t.Errorf("%q: parameters that do not render: %v", src, err)
			}
		}
	})
}
