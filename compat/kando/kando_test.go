package kando

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/compat/phaseoutput"
)

// run returns what kando printed and its exit status.
func run(t *testing.T, stdin io.Reader, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	var out, errs bytes.Buffer
	status = Main(t.Context(), args, stdin, &out, &errs)
	return out.String(), errs.String(), status
}

func TestOutput(t *testing.T) {
	line := func(key, value string) string {
		return phaseoutput.Marker + ` {"key":"` + key + `","value":"` + value + `"}` + "\n"
	}
	tests := []struct {
		name, stdin string
		args        []string
		want, err   string
	}{
		{"value", "", []string{"output", "a_1", "b c"}, line("a_1", "b c"), ""},
		{"empty value", "", []string{"output", "a", ""}, line("a", ""), ""},
		{"value with a dash", "", []string{"output", "a", "-5"}, line("a", "-5"), ""},
		{"value like a flag", "", []string{"output", "a", "--help"}, line("a", "--help"), ""},
		{"standard input", "one\ntwo\n\n", []string{"output", "a", "-"}, line("a", `one\ntwo`), ""},
		{"verbosity", "", []string{"output", "-v", "debug", "a", "b"}, line("a", "b"), ""},
		{"verbosity before", "", []string{"--verbosity=info", "output", "a", "b"}, line("a", "b"), ""},
		{"after --", "", []string{"output", "--", "a", "b"}, line("a", "b"), ""},
		{"no value", "", []string{"output", "a"}, "", "output takes a KEY and a VALUE, but got 1 arguments"},
		{"value not quoted", "", []string{"output", "a", "b", "c"}, "", "but got 3 arguments; quote the value"},
		{"key", "", []string{"output", "a-b", "c"}, "", `output key "a-b" holds '-'`},
		{"key before input", "x", []string{"output", "", "-"}, "", "an output needs a key"},
	}
	for _, tt := range tests {
		stdout, stderr, status := run(t, strings.NewReader(tt.stdin), tt.args...)
		if stdout != tt.want {
			t.Errorf("%s: stdout %q, expected %q", tt.name, stdout, tt.want)
		}
		checkFailure(t, tt.name, stderr, status, tt.err)
	}
}

// TestMisspelt: commands and flags have the error that those of rescue have.
func TestMisspelt(t *testing.T) {
	for want, args := range map[string][]string{
		`kando has no command "locaton"; did you mean location?`:        {"locaton", "push", "-"},
		`kando location has no command "pusj"; did you mean push?`:      {"location", "pusj", "-"},
		`kando chronicle has no command "pul"; did you mean pull?`:      {"chronicle", "pul"},
		`unknown flag: --profil; did you mean --profile?`:               {"location", "push", "--profil", "{}", "-"},
		`unknown flag: --kopia-snapsot; did you mean --kopia-snapshot?`: {"location", "pull", "--kopia-snapsot", "x", "-"},
		`kando has no command "upload"`:                                 {"upload"},
	} {
		stdout, stderr, status := run(t, strings.NewReader(""), args...)
		if status != exitFailure || stdout != "" || stderr != "kando: "+want+"\n" {
			t.Errorf("%q: status %d, %q, %q", args, status, stdout, stderr)
		}
	}
}

// checkFailure checks exit status and error output. With want empty there must be
// no failure.
func checkFailure(t *testing.T, name, stderr string, status int, want string) {
	t.Helper()
	if want == "" {
		if status != 0 || stderr != "" {
			t.Errorf("%s: status %d, stderr %q", name, status, stderr)
		}
		return
	}
	if status != 69 || !strings.HasPrefix(stderr, "kando: ") || !strings.Contains(stderr, want) {
		t.Errorf("%s: status %d, stderr %q; expected 69 and %q", name, status, stderr, want)
	}
}

func TestOutputFromBrokenInput(t *testing.T) {
	stdout, stderr, status := run(t, iotest.ErrReader(errors.New("broken")), "output", "a", "-")
	checkFailure(t, "broken", stderr, status, "output a: broken")
	if stdout != "" {
		t.Errorf("it printed %q", stdout)
	}
}

// profile returns the JSON of a filesystem profile with a prefix.
func profile(t *testing.T, dir string) string {
	t.Helper()
	text, err := compat.Engine{}.Render("{{ toJson .Profile }}", &compat.Params{Profile: &compat.Profile{
		Location: compat.Location{Type: compat.LocationFilesystem, Endpoint: dir, Bucket: "bucket", Prefix: "pre"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestLocation(t *testing.T) {
	dir := t.TempDir()
	p := profile(t, dir)
	data := strings.Repeat("some data\x00\xff\n", 500_000)

	_, stderr, status := run(t, strings.NewReader(data), "location", "push", "--profile", p, "--path", "/shop/dump", "-")
	checkFailure(t, "push", stderr, status, "")
	got, err := os.ReadFile(filepath.Join(dir, "bucket/pre/shop/dump"))
	if err != nil || string(got) != data {
		t.Errorf("push wrote %d bytes, %v; expected %d", len(got), err, len(data))
	}
	stdout, stderr, status := run(t, nil, "location", "pull", "-p", p, "-s", "shop/dump", "-")
	checkFailure(t, "pull", stderr, status, "")
	if stdout != data {
		t.Errorf("pull printed %d bytes, expected %d", len(stdout), len(data))
	}

	file, profileFile := filepath.Join(dir, "file"), filepath.Join(dir, "profile")
	if err := os.WriteFile(profileFile, []byte(p), 0o600); err != nil {
		t.Fatal(err)
	}
	_, stderr, status = run(t, nil, "location", "pull", "--profile-file", profileFile, "-s", "shop/dump", file)
	checkFailure(t, "pull to a file", stderr, status, "")
	_, stderr, status = run(t, nil, "location", "push", "-p", p, "-s", "shop/dumps", "-o", "out", file)
	checkFailure(t, "push of a file", stderr, status, "")
	_, stderr, status = run(t, nil, "location", "delete", "-p", p, "-s", "shop/dump")
	checkFailure(t, "delete", stderr, status, "")
	if _, err := os.Stat(filepath.Join(dir, "bucket/pre/shop/dump")); !os.IsNotExist(err) {
		t.Errorf("delete left the object: %v", err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "bucket/pre/shop/dumps")); err != nil || string(got) != data {
		t.Errorf("delete of shop/dump touched its neighbour: %d bytes, %v", len(got), err)
	}
}

func TestPullEmptyAndAbsent(t *testing.T) {
	dir := t.TempDir()
	p, file := profile(t, dir), filepath.Join(dir, "file")
	_, stderr, status := run(t, strings.NewReader(""), "location", "push", "-p", p, "-s", "empty", "-")
	checkFailure(t, "push", stderr, status, "")
	if err := os.WriteFile(file, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, stderr, status = run(t, nil, "location", "pull", "-p", p, "-s", "absent", file)
	checkFailure(t, "absent", stderr, status, "pre/absent: no such object")
	if got, err := os.ReadFile(file); string(got) != "old" {
		t.Errorf("a failed pull left %q, %v", got, err)
	}
	_, stderr, status = run(t, nil, "location", "pull", "-p", p, "-s", "empty", file)
	checkFailure(t, "empty", stderr, status, "")
	if got, err := os.ReadFile(file); err != nil || len(got) > 0 {
		t.Errorf("an empty object gives %q, %v", got, err)
	}
}

func TestPushFailsWithItsSource(t *testing.T) {
	dir := t.TempDir()
	r := io.MultiReader(strings.NewReader("half"), iotest.ErrReader(errors.New("broken pipe")))
	_, stderr, status := run(t, r, "location", "push", "-p", profile(t, dir), "-s", "x", "-")
	checkFailure(t, "push", stderr, status, "broken pipe")
	if _, err := os.Stat(filepath.Join(dir, "bucket/pre/x")); !os.IsNotExist(err) {
		t.Errorf("half an object was left: %v", err)
	}
}

// Nobody may have to kill a push whose pipe is silent.
func TestCancelWhileReading(t *testing.T) {
	dir := t.TempDir()
	for _, args := range [][]string{
		{"location", "push", "-p", profile(t, dir), "-s", "x", "-"},
		{"output", "a", "-"},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		silent, writer := io.Pipe()
		t.Cleanup(func() { writer.Close() })
		go func() {
			// It is taken when kando reads.
			if _, err := writer.Write([]byte("half")); err == nil {
				cancel()
			}
		}()
		var stdout, stderr bytes.Buffer
		status := Main(ctx, args, silent, &stdout, &stderr)
		checkFailure(t, args[0], stderr.String(), status, "context canceled")
		if stdout.Len() > 0 {
			t.Errorf("%v prints %q", args, stdout.String())
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "bucket/pre/x")); !os.IsNotExist(err) {
		t.Errorf("half an object was left: %v", err)
	}
}

func TestMistakes(t *testing.T) {
	p := profile(t, t.TempDir())
	gcs, err := json.Marshal(compat.Profile{Location: compat.Location{Type: "gcs"},
		Credential: compat.Credential{KeyPair: &compat.KeyPair{Secret: "hunter2"}}})
	if err != nil {
		t.Fatal(err)
	}
	server := `{"Location":{"type":"kopia","endpoint":"https://127.0.0.1:1"},"Credential":{"Type":"kopia",
		"KopiaServerSecret":{"Username":"u","Hostname":"h","Password":"hunter2","Cert":"hunter2"}}}`
	tests := []struct {
		name string
		args []string
		err  string
	}{
		{"no profile", []string{"location", "pull", "-s", "x", "-"}, "--profile is missing"},
		{"two profiles", []string{"location", "pull", "-s", "x", "-p", p, "--profile-file", "f", "-"}, "give one of --profile, --profile-file"},
		{"no such file", []string{"location", "pull", "-s", "x", "--profile-file", "/no/such", "-"}, "no such file"},
		{"null", []string{"location", "delete", "-s", "x", "-p", "null"}, "the profile is null"},
		{"not JSON", []string{"location", "delete", "-s", "x", "-p", "{hunter2}"}, "not valid JSON"},
		{"no path", []string{"location", "delete", "-p", p}, "--path is missing"},
		{"path of everything", []string{"location", "delete", "-p", p, "-s", "/"}, "the path is empty"},
		{"path out of it", []string{"location", "delete", "-p", p, "-s", "../x"}, ".. is not allowed"},
		{"location", []string{"location", "delete", "-p", string(gcs), "-s", "x"}, "the location has no bucket"},
		{"snapshot of objects", []string{"location", "pull", "-p", p, "-s", "x", "-k", "{}", "-"}, "--kopia-snapshot names a snapshot of a Kopia repository server, and the location is of the type filesystem"},
		{"profile and server", []string{"location", "push", "-p", p, "-r", "{}", "-s", "x", "-"}, "give one of --profile"},
		{"host of a profile", []string{"location", "push", "-p", p, "-c", "h", "-s", "x", "-"}, "belongs to --repository-server"},
		{"null server", []string{"location", "push", "-r", "null", "-s", "x", "-"}, "the action runs without one"},
		{"server without users", []string{"location", "push", "-r", "{}", "-s", "x", "-"}, "its user access secret is empty"},
		{"server without a certificate", []string{"location", "push", "-p", server, "-s", "x", "-"}, "is not in PEM form"},
		{"bad snapshot", []string{"location", "pull", "-p", server, "-s", "x", "-k", "abc", "-"}, "--kopia-snapshot: invalid character"},
		{"snapshot without ID", []string{"location", "pull", "-p", server, "-s", "x", "-k", `{"logicalSize":1}`, "-"}, "it has no id"},
		{"directory as an object", []string{"location", "push", "-p", p, "-s", "x", os.TempDir()}, "is a directory, and this location keeps single objects; write tar"},
		{"output name", []string{"location", "push", "-p", p, "-s", "x", "-o", "a-b", "-"}, "--output-name: output key"},
		{"no source", []string{"location", "push", "-p", p, "-s", "x"}, "accepts 1 arg(s), received 0"},
		{"no such source", []string{"location", "push", "-p", p, "-s", "x", "/no/such"}, "no such file"},
		{"process", []string{"process", "server", "-a", "/tmp/x"}, "process is a command of Kanister's kando that rescue does not support: start the program"},
		{"stream", []string{"stream", "push", "x"}, "use location push"},
		{"chronicle without files", []string{"chronicle", "push", "ls"}, "--profile-path and --artifact-path are needed"},
		{"chronicle too often", []string{"chronicle", "push", "-f", "0s", "-p", "x", "-s", "x", "ls"}, "0s is no time to wait"},
		{"no chronicle", []string{"chronicle", "pull", "-p", p, "-s", "x", "-"}, "chronicle pre/x: no such object"},
		{"unknown command", []string{"locaton"}, `no command "locaton"; did you mean location?`},
		{"unknown flag", []string{"location", "push", "--pth", "x"}, "unknown flag: --pth"},
	}
	for _, tt := range tests {
		stdout, stderr, status := run(t, strings.NewReader("x"), tt.args...)
		checkFailure(t, tt.name, stderr, status, tt.err)
		if stdout != "" || strings.Contains(stderr, "hunter2") {
			t.Errorf("%s: stdout %q, stderr %q", tt.name, stdout, stderr)
		}
	}
}

func TestTerminalAsInput(t *testing.T) {
	null, err := os.Open(os.DevNull) // a character device, as a terminal is
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	_, stderr, status := run(t, null, "location", "push", "-p", profile(t, t.TempDir()), "-s", "x", "-")
	checkFailure(t, "terminal", stderr, status, "standard input is no pipe")
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{nil, {"--help"}, {"output", "--help"}, {"location"}} {
		stdout, stderr, status := run(t, nil, args...)
		checkFailure(t, strings.Join(args, " "), stderr, status, "")
		if !strings.Contains(stdout, "Usage:") {
			t.Errorf("%v prints %q", args, stdout)
		}
	}
}
