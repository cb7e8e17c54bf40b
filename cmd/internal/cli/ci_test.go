package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// repository is the root of this repository, from this package.
const repository = "../../.."

const badYAML = `apiVersion: cr.kanister.io/v1alpha1
kind: Blueprint
metadata:
  name: shop
actions:
  backup:
    phases:
    - func: KubeTsk
      name: dump
      args:
        namespace: shop
        image: postgres:17
        command: [pg_dump]
`

func readYAML(t *testing.T, name string, target any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(repository, name))
	if err != nil {
		t.Fatal(err)
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(target); err != nil {
		t.Fatal(err)
	}
}

// An action is a composite GitHub Action.
type action struct {
	Inputs map[string]struct {
		Description string
		Default     string
	}
	Runs struct {
		Using string
		Steps []step
	}
}

type step struct {
	Name, Shell, Uses, Run string
	WorkingDirectory       string `yaml:"working-directory"`
	Env                    map[string]string
}

// A job stands in for the runner of GitHub.
type job struct {
	t      *testing.T
	values map[string]string
	env    []string
}

func newJob(t *testing.T, a action, inputs map[string]string) *job {
	t.Helper()
	root, err := filepath.Abs(repository)
	if err != nil {
		t.Fatal(err)
	}
	j := &job{t: t, values: map[string]string{"github.action_path": root, "runner.temp": t.TempDir()}, env: os.Environ()}
	for name, input := range a.Inputs {
		j.values["inputs."+name] = input.Default
	}
	for name, value := range inputs {
		j.values["inputs."+name] = value
	}
	return j
}

var expression = regexp.MustCompile(`\$\{\{ *([a-z_.-]+) *\}\}`)

func (j *job) expand(text string) string {
	return expression.ReplaceAllStringFunc(text, func(e string) string {
		name := expression.FindStringSubmatch(e)[1]
		value, ok := j.values[name]
		if !ok {
			j.t.Errorf("%s is not defined", e)
		}
		return value
	})
}

// run runs a step as the runner does: `bash -eo pipefail`.
func (j *job) run(s step) (out string, code int) {
	j.t.Helper()
	if strings.Contains(s.Run, "${{") {
		j.t.Errorf("step %q: an expression in a script lets an input inject commands; use env", s.Name)
	}
	cmd := exec.Command("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", s.Run)
	cmd.Dir, cmd.Env = j.expand(s.WorkingDirectory), j.env
	for _, name := range slices.Sorted(maps.Keys(s.Env)) {
		cmd.Env = append(cmd.Env, name+"="+j.expand(s.Env[name]))
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		j.t.Fatal(err)
	}
	j.t.Logf("step %q, stderr: %s", s.Name, stderr.String())
	return stdout.String(), cmd.ProcessState.ExitCode()
}

// TestAction runs the scripts of action.yml.
func TestAction(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("there is no bash")
	}
	var a action
	readYAML(t, "action.yml", &a)
	work := t.TempDir()
	for name, text := range map[string]string{"a/bad.yaml": badYAML, "a b/good.yaml": strings.Replace(badYAML, "KubeTsk", "KubeTask", 1)} {
		writeTest(t, filepath.Join(work, name), text)
	}
	summary := filepath.Join(work, "summary.md")
	vet := a.Runs.Steps[2]

	j := newJob(t, a, map[string]string{"working-directory": work, "paths": "a\n\na b\n", "sarif-file": "log.sarif"})
	j.env = append(j.env, "GITHUB_STEP_SUMMARY="+summary)
	// What the step before builds: this program answers to that name.
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(j.values["runner.temp"], "rescue-vet")); err != nil {
		t.Fatal(err)
	}
	out, code := j.run(vet)
	if code != ExitFindings || !strings.HasPrefix(out, "::error file=a/bad.yaml,line=8,") {
		t.Errorf("exit code %d, annotations:\n%s", code, out)
	}
	for file, want := range map[string]string{summary: "unknown-function", filepath.Join(work, "log.sarif"): `"uri": "a/bad.yaml"`} {
		if data, err := os.ReadFile(file); err != nil || !strings.Contains(string(data), want) {
			t.Errorf("%s lacks %s: %v", file, want, err)
		}
	}
	j.values["inputs.paths"] = "a\nmissing.yaml"
	if out, code := j.run(vet); code != ExitCannot {
		t.Errorf("a missing file: exit code %d, want %d\n%s", code, ExitCannot, out)
	}
	j.values["inputs.paths"], j.values["inputs.sarif-file"] = "a b", ""
	if out, code := j.run(vet); code != 0 || strings.Contains(out, "::error") {
		t.Errorf("a sound blueprint: exit code %d\n%s", code, out)
	}
	j.values["inputs.paths"] = "--help"
	if out, code := j.run(vet); code != ExitCannot || strings.Contains(out, "Usage") {
		t.Errorf("a path that looks like a flag: exit code %d\n%s", code, out)
	}
}

func writeTest(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestProblemMatcher matches the lines that vet writes: each finding by one matcher,
// and nothing else.
func TestProblemMatcher(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(repository, ".github", "rescue-problem-matcher.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		ProblemMatcher []struct {
			Owner   string
			Pattern []struct {
				Regexp                                      string
				File, Line, Column, Severity, Message, Code int
			}
		}
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	work := t.TempDir()
	writeTest(t, filepath.Join(work, "bad.yaml"), badYAML)
	writeTest(t, filepath.Join(work, "empty", "x.txt"), "")
	t.Chdir(work)
	var out, said bytes.Buffer
	Main("rescue-vet", []string{"vet", "bad.yaml", "empty"}, nil, &out, &said)
	text := out.String() + "bad.yaml:9:3: warning: an example [unnamed-phase]\nbad.yaml:9:3: info: an example [missing-counterpart]\n"
	var got []string
	for line := range strings.Lines(text) {
		for _, m := range file.ProblemMatcher {
			p := m.Pattern[0]
			if found := regexp.MustCompile(p.Regexp).FindStringSubmatch(strings.TrimSpace(line)); found != nil {
				found[0] = m.Owner
				got = append(got, strings.Join([]string{m.Owner, found[p.File], orNone(found, p.Line), orNone(found, p.Column), orNone(found, p.Severity), found[p.Code]}, " "))
			}
		}
	}
	want := []string{
		"rescue-vet bad.yaml 8 13 error unknown-function",
		"rescue-vet-file empty - - error no-blueprint",
		"rescue-vet bad.yaml 9 3 warning unnamed-phase",
		"rescue-vet-info bad.yaml 9 3 - missing-counterpart",
	}
	got = slices.DeleteFunc(got, func(s string) bool { return strings.HasPrefix(s, "rescue-vet-info bad.yaml 6 ") })
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s\nof\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"), text)
	}
}

func orNone(found []string, group int) string {
	if group == 0 {
		return "-"
	}
	return found[group]
}

// TestPreCommitHooks runs the hooks' entries as pre-commit does: with the files of a
// change that fit.
func TestPreCommitHooks(t *testing.T) {
	var hooks []struct {
		ID, Name, Description, Language, Entry, Files string
		RequireSerial                                 bool `yaml:"require_serial"`
	}
	readYAML(t, ".pre-commit-hooks.yaml", &hooks)
	work := t.TempDir()
	writeTest(t, filepath.Join(work, "bad.yaml"), badYAML)
	writeTest(t, filepath.Join(work, "deployment.yml"), "kind: Deployment\n")
	writeTest(t, filepath.Join(work, "config.cue"), "package config\nport: 80\n")
	t.Chdir(work)
	for _, hook := range hooks {
		fits := regexp.MustCompile(hook.Files)
		program, args, _ := strings.Cut(hook.Entry, " ")
		if program != "rescue-vet" || !fits.MatchString("a/b.cue") || fits.MatchString("cue.md") || hook.Language == "" {
			t.Errorf("hook %+v", hook)
		}
		for files, want := range map[string]int{"bad.yaml deployment.yml config.cue": ExitFindings, "deployment.yml config.cue": ExitOK} {
			var out bytes.Buffer
			if code := Main("rescue-vet", append(strings.Fields(args), strings.Fields(files)...), nil, &out, &out); code != want {
				t.Errorf("%s with %s: exit code %d, want %d\n%s", hook.ID, files, code, want, out.String())
			}
		}
	}
}
