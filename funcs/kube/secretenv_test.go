package kube

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"
)

// secretWords finds those words.
type secretWords []string

func (s secretWords) Find(text string) [][2]int {
	var quoted []string
	for _, w := range s {
		quoted = append(quoted, regexp.QuoteMeta(w))
	}
	var spans [][2]int
	for _, m := range regexp.MustCompile(strings.Join(quoted, "|")).FindAllStringIndex(text, -1) {
		spans = append(spans, [2]int{m[0], m[1]})
	}
	return spans
}

// expanded is what Kubernetes makes of a text, after its own description: $$ is $, $(NAME)
// is the variable, and stays if there is none.
func expanded(text string, vars map[string]string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		rest := text[i:]
		end := strings.IndexByte(rest, ')')
		switch {
		case strings.HasPrefix(rest, "$$"):
			b.WriteByte('$')
			i++
		case strings.HasPrefix(rest, "$(") && end > 0:
			if value, ok := vars[rest[2:end]]; ok {
				b.WriteString(value)
			} else {
				b.WriteString(rest[:end+1])
			}
			i += end
		default:
			b.WriteByte(text[i])
		}
	}
	return b.String()
}

// handed is a command as the process gets it, and as it stands in the pod's spec.
func handed(t interface{ Fatalf(string, ...any) }, find SecretFinder, command []string, own ...corev1.EnvVar) (process, spec []string) {
	template := &corev1.Pod{Spec: SingleContainer("any", command, "")}
	template.Spec.Containers[0].Env = own
	pod, secret := handSecrets(template, find)
	c := pod.Spec.Containers[0]
	vars := map[string]string{}
	for _, e := range c.Env {
		value := expanded(e.Value, vars)
		if e.ValueFrom != nil {
			if e.ValueFrom.SecretKeyRef.Name != secret.Name {
				t.Fatalf("variable %s is of the Secret %s, not %s", e.Name, e.ValueFrom.SecretKeyRef.Name, secret.Name)
			}
			value = string(secret.Data[e.ValueFrom.SecretKeyRef.Key])
		}
		vars[e.Name] = value
	}
	for _, text := range c.Command {
		process = append(process, expanded(text, vars))
	}
	return append(process, vars["URL"]), append(c.Command, c.Env[len(c.Env)-1].Value)
}

// TestSecretsOfCommands: the process gets the text whole, the spec has nothing of it.
func TestSecretsOfCommands(t *testing.T) {
	words := secretWords{"hunter2", "pa$$(x)ss", "line one\nline two", "(abc)"}
	for name, c := range map[string]struct{ text, process, spec string }{
		"alone":               {"hunter2", "hunter2", "$(RESCUE_SECRET_1)"},
		"inside":              {"PW='hunter2'; echo $PW", "PW='hunter2'; echo $PW", "PW='$(RESCUE_SECRET_1)'; echo $PW"},
		"twice":               {"hunter2 hunter2", "hunter2 hunter2", "$(RESCUE_SECRET_1) $(RESCUE_SECRET_1)"},
		"two":                 {"hunter2:(abc)", "hunter2:(abc)", "$(RESCUE_SECRET_1):$(RESCUE_SECRET_2)"},
		"lines":               {"echo 'line one\nline two'", "echo 'line one\nline two'", "echo '$(RESCUE_SECRET_1)'"},
		"with dollars":        {"login 'pa$$(x)ss'", "login 'pa$$(x)ss'", "login '$(RESCUE_SECRET_1)'"},
		"a dollar before":     {"$hunter2", "$hunter2", "$$$(RESCUE_SECRET_1)"},
		"two dollars before":  {"$$hunter2", "$hunter2", "$$$(RESCUE_SECRET_1)"},
		"brackets before":     {"$(abc)", "$(abc)", "$$$(RESCUE_SECRET_1)"},
		"a shell's brackets":  {"x=$(curl -u me:hunter2 http://x)", "x=$(curl -u me:hunter2 http://x)", "x=$$(curl -u me:$(RESCUE_SECRET_1) http://x)"},
		"others' brackets":    {"$(date) hunter2 $(date)", "$(date) hunter2 $(date)", "$(date) $(RESCUE_SECRET_1) $(date)"},
		"a variable":          {"$(HOST) hunter2", "db.example hunter2", "$(HOST) $(RESCUE_SECRET_1)"},
		"dollars for a shell": {"echo $$ hunter2", "echo $ hunter2", "echo $ $(RESCUE_SECRET_1)"},
		"an escaped variable": {"$$(HOST) hunter2", "$(HOST) hunter2", "$$(HOST) $(RESCUE_SECRET_1)"},
		"an open bracket":     {"$( hunter2", "$( hunter2", "$$( $(RESCUE_SECRET_1)"},
		"a dollar at the end": {"hunter2 $", "hunter2 $", "$(RESCUE_SECRET_1) $"},
	} {
		t.Run(name, func(t *testing.T) {
			process, spec := handed(t, words, []string{c.text}, corev1.EnvVar{Name: "HOST", Value: "db.example"})
			if process[0] != c.process || spec[0] != c.spec {
				t.Errorf("process %q, want %q\nspec %q, want %q", process[0], c.process, spec[0], c.spec)
			}
		})
	}
}

// TestSecretsOfVariables: a variable that reads others still reads them.
func TestSecretsOfVariables(t *testing.T) {
	process, spec := handed(t, secretWords{"hunter2"}, []string{"true"},
		corev1.EnvVar{Name: "HOST", Value: "db"}, corev1.EnvVar{Name: "URL", Value: "pg://me:hunter2@$(HOST)/x"})
	if process[1] != "pg://me:hunter2@db/x" || spec[1] != "pg://me:$(RESCUE_SECRET_1)@$(HOST)/x" {
		t.Errorf("variable %q, spec %q", process[1], spec[1])
	}
}

// TestSecretVariableIsNew: a pod may have a variable of such a name, or read one.
func TestSecretVariableIsNew(t *testing.T) {
	process, spec := handed(t, secretWords{"hunter2"}, []string{"$(RESCUE_SECRET_2) hunter2"}, corev1.EnvVar{Name: "RESCUE_SECRET_1", Value: "mine"})
	if process[0] != "$(RESCUE_SECRET_2) hunter2" || spec[0] != "$(RESCUE_SECRET_2) $(RESCUE_SECRET_3)" {
		t.Errorf("process %q, spec %q", process[0], spec[0])
	}
}

func TestPodWithoutSecretsStays(t *testing.T) {
	template := &corev1.Pod{Spec: SingleContainer("any", []string{"sh", "-c", "echo $$ $(x)"}, "")}
	if pod, secret := handSecrets(template, secretWords{"hunter2"}); pod != template || secret != nil {
		t.Errorf("pod %v, Secret %v", pod, secret)
	}
}

// TestSecretsLeft names the fields that cannot read a variable.
func TestSecretsLeft(t *testing.T) {
	pod := &corev1.Pod{Spec: SingleContainer("any", nil, "")}
	pod.Annotations = map[string]string{"note": "it is hunter2"}
	pod.Spec.Hostname = "hunter2"
	got, _ := json.Marshal(secretsLeft(pod, secretWords{"hunter2"}))
	if string(got) != `["metadata.annotations.note","spec.hostname"]` {
		t.Errorf("fields %s", got)
	}
}

// TestSecretsOfAnyCommand: whatever stands around the secrets, the process gets what it
// would have got, with the secrets untouched, and the spec has none of them.
func TestSecretsOfAnyCommand(t *testing.T) {
	words := secretWords{"hunter2", "p(w", "$ecret", "a)b"}
	part := rapid.SampledFrom([]string{"$", "$$", "$(", ")", "(", "HOST", "$(HOST)", "x", " ", "'", "hunter2", "p(w", "$ecret", "a)b"})
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOf(part).Draw(t, "parts"), "")
		process, spec := handed(t, words, []string{text}, corev1.EnvVar{Name: "HOST", Value: "db"})
		if len(words.Find(spec[0])) > 0 && len(words.Find(text)) > 0 {
			t.Fatalf("%q: the spec has a secret: %q", text, spec[0])
		}
		if want := opaque(text, words); process[0] != want {
			t.Fatalf("%q: process got %q, want %q; spec %q", text, process[0], want, spec[0])
		}
	})
}

// opaque is what Kubernetes would make of the text if a secret were one letter that it does
// not know.
func opaque(text string, words secretWords) string {
	spans := words.Find(text)
	if len(spans) == 0 {
		return expanded(text, map[string]string{"HOST": "db"})
	}
	var b strings.Builder
	done := 0
	for i, s := range spans {
		b.WriteString(text[done:s[0]] + string(rune(0x1000+i)))
		done = s[1]
	}
	b.WriteString(text[done:])
	out := b.String()
	out = stretches(out)
	for i, s := range spans {
		out = strings.ReplaceAll(out, string(rune(0x1000+i)), text[s[0]:s[1]])
	}
	return out
}

// stretches expands each stretch between secrets by itself: a shell's brackets around a
// secret are no name of a variable.
func stretches(text string) string {
	var b strings.Builder
	start := 0
	for i, c := range text {
		if c >= 0x1000 {
			b.WriteString(expanded(text[start:i], map[string]string{"HOST": "db"}))
			b.WriteRune(c)
			start = i + len(string(c))
		}
	}
	b.WriteString(expanded(text[start:], map[string]string{"HOST": "db"}))
	return b.String()
}
