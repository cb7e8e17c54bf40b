package compat

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadSecret(t *testing.T) {
	const src = `apiVersion: v1
kind: Secret
metadata: {name: creds, namespace: vault, labels: {a: b}}
type: secrets.kanister.io/aws
data:
  id: dmFs
  both: b2xk
  long: |
    dm
    Fs
  none:
stringData: {both: new, key: text}
`
	got, err := ReadSecret(document(t, src))
	want := &Secret{
		Meta: Meta{Name: "creds", Namespace: "vault", Labels: map[string]string{"a": "b"}},
		Type: SecretTypeAWS,
		Data: map[string][]byte{"id": []byte("val"), "both": []byte("new"), "long": []byte("val"), "none": nil, "key": []byte("text")},
	}
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Errorf("%v (-expected +got):\n%s", err, d)
	}
}

func TestReadSecretOfOthers(t *testing.T) {
	for _, src := range []string{"kind: ConfigMap\ndata: {a: b}", "kind: Secret\napiVersion: example.com/v1", "a: b"} {
		if got, err := ReadSecret(document(t, src)); got != nil || err != nil {
			t.Errorf("%s: %v, %v", src, got, err)
		}
	}
}

func TestReadSecretErrors(t *testing.T) {
	for src, want := range map[string]string{
		"kind: Secret\ndata: {}":                                "f.yaml:1:1: the Secret has no metadata.name",
		"kind: Secret\nmetadata: {name: a}\ndata:\n  k: plain!": "f.yaml:4:6: data.k must be base64: illegal base64 data at input byte 5",
		"kind: Secret\nmetadata: {name: a}\ndta: {}":            "f.yaml:3:1: dta is not known; did you mean data?",
		"kind: Secret\nmetadata: {name: a}\nstringData: {k: 5}": "f.yaml:3:17: stringData.k must be a string, found an integer",
	} {
		if _, err := ReadSecret(document(t, src)); err == nil || err.Error() != want {
			t.Errorf("%s:\n got %v\nwant %s", src, err, want)
		}
	}
}
