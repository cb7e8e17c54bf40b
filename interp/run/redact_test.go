package run

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rescuecue/rescue/compat"
)

// writings are ways in which a program writes a secret into its output.
var writings = map[string]func(string) string{
	"plain":           func(s string) string { return s },
	"JSON":            inJSON,
	"JSON in JSON":    func(s string) string { return inJSON(inJSON(s)) },
	"base64":          func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"URL-safe base64": func(s string) string { return base64.URLEncoding.EncodeToString([]byte(s)) },
	"base64 at 1":     func(s string) string { return base64.StdEncoding.EncodeToString([]byte("x" + s + "yz")) },
	"base64 at 2":     func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte("xy" + s + "z")) },
	"base64 twice": func(s string) string {
		return base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte(s))))
	},
	"base64 of JSON":    func(s string) string { return base64.StdEncoding.EncodeToString([]byte(inJSON(s))) },
	"query":             url.QueryEscape,
	"path":              url.PathEscape,
	"lower-case query":  func(s string) string { return lowerEscapes(url.QueryEscape(s)) },
	"hex":               func(s string) string { return hex.EncodeToString([]byte(s)) },
	"quoted by Go":      strconv.Quote,
	"quoted by a shell": func(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" },
}

func inJSON(s string) string {
	text, err := json.Marshal(map[string]string{"k": s})
	if err != nil {
		panic(err)
	}
	return string(text)
}

// TestRedactorFindsEveryWriting: whatever the secret, whatever stands around it.
func TestRedactorFindsEveryWriting(t *testing.T) {
	for name, write := range writings {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				secret := rapid.StringMatching(`[a-zA-Z0-9 "'\\/+<>&$%é=.-]{6,40}`).Filter(func(s string) bool { return strings.TrimSpace(s) == s }).Draw(t, "secret")
				r := NewRedactor()
				r.Add(secret)
				text := "<<" + write(secret) + ">>"
				got := r.Text(text)
				if got == text || strings.Contains(got, secret) {
					t.Fatalf("%q stays: %q", secret, got)
				}
				// All but the edges of base64 is masked.
				if rest := strings.ReplaceAll(got, Mask, ""); len(rest) > len(text)-len(secret) {
					t.Fatalf("%q: too much stays: %q of %q", secret, got, text)
				}
			})
		})
	}
}

// TestRedactorFindsPieces: a line of wrapped base64, or a key that was cut short.
func TestRedactorFindsPieces(t *testing.T) {
	key := strings.Repeat("0aB9xYzQ+7", 8)
	r := NewRedactor()
	r.Add(key)
	encoded := base64.StdEncoding.EncodeToString([]byte("user:" + key))
	for _, text := range []string{"key " + key[:20] + "…", "…" + key[30:46], encoded[:60], encoded[60:90]} {
		if got := r.Text(text); !strings.Contains(got, Mask) {
			t.Errorf("%s stays", got)
		}
	}
	for _, text := range []string{"0aB9xYzQ", strings.Repeat("-", 40), "connect to db.example.com"} {
		if got := r.Text(text); got != text {
			t.Errorf("%s was masked: %s", text, got)
		}
	}
}

// TestRedactorLeavesNothingOfOverlaps: two secrets that share letters.
func TestRedactorLeavesNothingOfOverlaps(t *testing.T) {
	r := NewRedactor()
	r.Add("alphabet")
	r.Add("betagamma")
	if got := r.Text("an alphabetagamma!"); got != "an ***!" {
		t.Errorf("got %q", got)
	}
}

// TestRedactorKnowsWhatIsPublic: the user of a database is often called as the application.
func TestRedactorKnowsWhatIsPublic(t *testing.T) {
	r := NewRedactor()
	r.AddParams(&compat.Params{
		StatefulSet: &compat.Workload{Name: "postgres", Namespace: "shop", Pods: []string{"postgres-0"}},
		Secrets:     map[string]compat.Secret{"db": {Data: map[string][]byte{"user": []byte("postgres"), "password": []byte("postgres-secret"), "pin": []byte("abc")}}},
	})
	if got := r.Text("postgres-0 of postgres: abc, postgres-secret"); got != "postgres-0 of postgres: abc, ***" {
		t.Errorf("got %q", got)
	}
}

// TestRedactedResult: the result that is shown has no secrets, the result itself has them.
func TestRedactedResult(t *testing.T) {
	redact := NewRedactor()
	redact.Add("hunter2")
	r := &Result{
		Phases:    []*PhaseResult{{Name: "a", Output: map[string]any{"url": "pg://hunter2@x", "n": 3}}},
		Artifacts: map[string]compat.Artifact{"x": {KeyValue: map[string]string{"p": "hunter2", "q": "b"}}}, redact: redact,
	}
	shown := r.Redacted()
	if got := fmt.Sprint(shown.Phases[0].Output, shown.Artifacts, shown.Masked); got != "map[n:3 url:pg://***@x] map[x:{map[p:*** q:b] }] [phases.a.output.url artifacts.x.keyValue.p]" {
		t.Errorf("shown %s", got)
	}
	if r.Phases[0].Output["url"] != "pg://hunter2@x" || r.Artifacts["x"].KeyValue["p"] != "hunter2" {
		t.Error("the result was changed")
	}
}

// BenchmarkRedactor masks lines of a log with many secrets known.
func BenchmarkRedactor(b *testing.B) {
	r := NewRedactor()
	for i := range 50 {
		r.Add(strings.Repeat(strconv.Itoa(i), 4) + "Secret/Value+" + strconv.Itoa(i))
	}
	line := strings.Repeat("some output of a script, without secrets in it; ", 4)
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		r.Text(line)
	}
}
