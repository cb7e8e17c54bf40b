package interp

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rescuecue/rescue/schema"
)

// A small blueprint in both languages. The CUE one goes into a package main.
const (
	cueBlueprint = "package main\n\nimport \"github.com/rescuecue/rescue/schema\"\n\n" +
		"blueprint: schema.#Blueprint & {\n\tname: \"small\"\n\tactions: backup: phases: dump: {func: \"KubeTask\", args: {image: \"i:1\", command: [\"x\"]}}\n}\n"
	yamlBlueprint = "apiVersion: cr.kanister.io/v1alpha1\nkind: Blueprint\nmetadata: {name: small}\n" +
		"actions:\n  backup:\n    phases:\n    - {func: KubeTask, name: dump, args: {image: \"i:1\", command: [x]}}\n"
	profileYAML = "apiVersion: cr.kanister.io/v1alpha1\nkind: Profile\nmetadata: {name: p}\n"
)

// write lays out files, by path, in a new folder and returns it.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// offline keeps CUE from any registry and from modules it may have in a cache.
func offline(t *testing.T) {
	t.Helper()
	t.Setenv("CUE_REGISTRY", "none")
	t.Setenv("CUE_CACHE_DIR", t.TempDir())
}

// expectSmall checks that b is the small blueprint, and that it can be planned.
func expectSmall(t *testing.T, b *Blueprint, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if b.Name() != "small" {
		t.Errorf("name %q", b.Name())
	}
	p, err := b.Plan("backup", everythingParams())
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Phases) != 1 || p.Phases[0].Name != "dump" || p.Phases[0].Func != "KubeTask" {
		t.Errorf("phases %v", phaseNames(p))
	}
}

func TestLoadFindsTheBlueprint(t *testing.T) {
	offline(t)
	named := strings.Replace(cueBlueprint, "blueprint:", "shop:", 1)
	for _, tt := range []struct {
		name, path, field, stdin string
		legacy                   bool
	}{
		{name: "CUE file", path: "bp.cue", field: "blueprint"},
		{name: "field of a CUE file", path: "named.cue", field: "shop"},
		{name: "field by name", path: "named.cue:shop", field: "shop"},
		{name: "folder", path: "folder", field: "blueprint"},
		{name: "folder and field", path: "folder:blueprint", field: "blueprint"},
		{name: "YAML file", path: "bp.yaml", field: "blueprint", legacy: true},
		{name: "YAML among other documents", path: "list.yaml", field: "blueprint", legacy: true},
		{name: "CUE without its suffix", path: "cue.txt", field: "blueprint"},
		{name: "CUE on standard input", path: "-", stdin: "// A comment.\n\n" + cueBlueprint, field: "blueprint"},
		{name: "YAML on standard input", path: "-", stdin: "# A comment.\n---\n" + yamlBlueprint, field: "blueprint", legacy: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := write(t, map[string]string{
				"bp.cue": cueBlueprint, "bp.yaml": yamlBlueprint, "cue.txt": cueBlueprint, "folder/bp.cue": cueBlueprint,
				"folder/more.cue": "package main\n\n_more: 1\n", "named.cue": named, "list.yaml": profileYAML + "---\n" + yamlBlueprint,
			})
			path := tt.path
			if path != "-" {
				path = filepath.Join(dir, path)
			}
			b, err := Load(path, strings.NewReader(tt.stdin))
			expectSmall(t, b, err)
			if b.Field != tt.field {
				t.Errorf("field %q", b.Field)
			}
			if got := b.Conversion != nil; got != tt.legacy {
				t.Errorf("converted: %v", got)
			}
		})
	}
}

// moduleFile is a user's cue.mod/module.cue.
func moduleFile(deps string) string {
	return "module: \"example.com/backups@v0\"\nlanguage: version: \"v0.17.0\"\n" + deps
}

func TestLoadInTheUsersModule(t *testing.T) {
	offline(t)
	published := moduleFile("source: kind: \"self\"\ndeps: \"github.com/rescuecue/rescue@v0\": {v: \"v0.9.9\", default: true}\n")
	vendored := map[string]string{"cue.mod/module.cue": moduleFile(""), "bp.cue": cueBlueprint}
	for name, text := range vendoredSchema(t) {
		vendored[name] = text
	}
	for _, tt := range []struct {
		name, path string
		files      map[string]string
	}{
		{"no dependency", "bp.cue", map[string]string{"cue.mod/module.cue": moduleFile(""), "bp.cue": cueBlueprint}},
		{"published schema", "bp.cue", map[string]string{"cue.mod/module.cue": published, "bp.cue": cueBlueprint}},
		{"folder below a module with the published schema", "apps/db", map[string]string{"cue.mod/module.cue": published, "apps/db/bp.cue": cueBlueprint}},
		{"import with the major version", "bp.cue", map[string]string{"cue.mod/module.cue": published,
			"bp.cue": strings.Replace(cueBlueprint, "rescue/schema", "rescue/schema@v0", 1)}},
		{"vendored schema", ".", vendored},
		{"no module", ".", map[string]string{"bp.cue": cueBlueprint}},
		{"shared package of the module", "bp.cue", map[string]string{
			"cue.mod/module.cue": published,
			"lib/lib.cue":        "package lib\n\nimport \"github.com/rescuecue/rescue/schema\"\n\n#Small: schema.#Blueprint & {\n\tname: \"small\"\n\t...\n}\nImage: \"i:1\"\n",
			"bp.cue": strings.NewReplacer("import \"", "import \"example.com/backups/lib\"\nimport \"", "schema.#Blueprint", "lib.#Small & schema.#Blueprint",
				"\"i:1\"", "lib.Image").Replace(cueBlueprint),
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := write(t, tt.files)
			before := listing(t, dir)
			b, err := Load(filepath.Join(dir, tt.path), nil)
			expectSmall(t, b, err)
			if after := listing(t, dir); after != before {
				t.Errorf("loading wrote into the module: %s", after)
			}
		})
	}
}

// vendoredSchema is the schema as `cue.mod/pkg` holds it, one that finds fault with
// every blueprint: the embedded one has to win.
func vendoredSchema(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	names, err := fs.Glob(schema.FS, "*.cue")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(schema.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		files["cue.mod/pkg/"+schema.Module+"/schema/"+name] = string(text)
	}
	files["cue.mod/pkg/"+schema.Module+"/schema/phase.cue"] = "package schema\n\n#Phase: {func: \"Old\"}\n"
	return files
}

// listing names all files below dir.
func listing(t *testing.T, dir string) string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		names = append(names, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(names, "\n")
}

func TestLoadChoosesOneOfSeveral(t *testing.T) {
	offline(t)
	second := "package main\n\nimport \"github.com/rescuecue/rescue/schema\"\n\nother: schema.#Blueprint & {\n\tname: \"other\"\n\tactions: {}\n}\n"
	dir := write(t, map[string]string{"bp.cue": cueBlueprint, "other.cue": second})
	_, err := Load(dir, nil)
	if err == nil || !strings.Contains(err.Error(), "several blueprints: blueprint, other; choose one with "+dir+":blueprint") {
		t.Errorf("error %v", err)
	}
	b, err := Load(dir+":other", nil)
	if err != nil {
		t.Fatal(err)
	}
	if b.Name() != "other" {
		t.Errorf("name %q", b.Name())
	}
	_, err = Load(dir+":third", nil)
	if err == nil || !strings.Contains(err.Error(), `no field "third"; blueprints here: blueprint, other`) {
		t.Errorf("error %v", err)
	}
	// One file of the package has only its own.
	b, err = Load(filepath.Join(dir, "bp.cue"), nil)
	expectSmall(t, b, err)
}

func TestLoadRefuses(t *testing.T) {
	offline(t)
	for _, tt := range []struct {
		name, file, text string
		is               error
		want             string
	}{
		{name: "no blueprint in CUE", file: "x.cue", text: "package x\n\na: 1\n", is: ErrNoBlueprint, want: "x.cue: no blueprint here: expected a field such as `blueprint: schema.#Blueprint & {…}`"},
		{name: "no blueprint in YAML", file: "x.yaml", text: profileYAML, is: ErrNoBlueprint, want: "x.yaml: no blueprint here: expected a document of kind Blueprint"},
		{name: "empty YAML", file: "x.yaml", is: ErrNoBlueprint, want: "x.yaml: no blueprint here"},
		{name: "empty CUE", file: "x.cue", is: ErrNoBlueprint, want: "x.cue: no blueprint here"},
		{name: "neither", file: "x.txt", text: "hello\n", is: ErrNoBlueprint, want: "x.txt: no blueprint here"},
		{name: "a list", file: "x.yaml", text: "- a\n- b\n", is: ErrNoBlueprint, want: "x.yaml: no blueprint here"},
		{name: "broken YAML", file: "x.yaml", text: "a: [1,\n", want: "x.yaml:"},
		{name: "broken CUE", file: "x.cue", text: "package x\n\na: [1,\n", want: "x.cue:3:8: expected ']'"},
		{name: "binary", file: "x.bin", text: "\x00\x01\x02\xff", want: "x.bin"},
		{name: "no such import", file: "x.cue", text: "package x\n\nimport \"example.com/nowhere\"\n\na: nowhere.b\n", want: "example.com/nowhere"},
		{name: "no such file of the schema", file: "x.cue", text: "package x\n\nimport \"github.com/rescuecue/rescue/shcema\"\n\na: shcema.b\n", want: "rescue/shcema"},
		{name: "several Blueprints", file: "x.yaml", text: yamlBlueprint + "---\n" + yamlBlueprint, want: "x.yaml: several Blueprints: "},
		{name: "a wrong Blueprint", file: "x.yaml", text: "apiVersion: cr.kanister.io/v1alpha1\nkind: Blueprint\nactions: [a]\n", want: "x.yaml:3:"},
		{name: "too large", file: "x.yaml", text: strings.Repeat("# large\n", MaxFileSize/8+1), want: "x.yaml: larger than 16 MiB"},
		{name: "too large CUE", file: "x.cue", text: "package x\n" + strings.Repeat("// large\n", MaxFileSize/9+1), want: "x.cue: larger than 16 MiB"},
		{name: "not there", file: "", want: "x.yaml: no such file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := map[string]string{tt.file: tt.text}
			if tt.file == "" {
				files, tt.file = nil, "x.yaml"
			}
			b, err := Load(filepath.Join(write(t, files), tt.file), nil)
			if err == nil {
				t.Fatalf("loaded %q", b.Name())
			}
			if tt.is != nil && !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, expected %q", err, tt.want)
			}
		})
	}
}

func TestLoadReadsNoEndlessInput(t *testing.T) {
	endless := io.MultiReader(strings.NewReader(yamlBlueprint), repeat{[]byte("# more\n")})
	_, err := Load("-", endless)
	if err == nil || !strings.Contains(err.Error(), "standard input: larger than 16 MiB") {
		t.Errorf("error %v", err)
	}
	broken := errors.New("the pipe broke")
	_, err = Load("-", io.MultiReader(strings.NewReader(yamlBlueprint), failing{broken}))
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "standard input") {
		t.Errorf("error %v", err)
	}
}

// repeat is text without an end.
type repeat struct{ text []byte }

func (r repeat) Read(p []byte) (int, error) {
	return copy(p, bytes.Repeat(r.text, len(p)/len(r.text)+1)), nil
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestLooksLikeCUE(t *testing.T) {
	for text, want := range map[string]bool{
		"package a":                           true,
		"// c\n\n@extern(embed)\npackage a\n": true,
		"import \"strings\"\n":                true,
		"import (\n\t\"strings\"\n)\n":        true,
		"import(\n\t\"strings\"\n)\n":         true,
		"package\ta\n":                        true,
		"":                                    false,
		"# c\nkind: Blueprint\n":              false,
		"package: a\n":                        false,
		"imports: [a]\n":                      false,
		"---\nkind: Blueprint\n":              false,
		"{\"kind\": \"Blueprint\"}":           false,
	} {
		if got := LooksLikeCUE([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// FuzzLoadSource loads anything without a panic, and names what it read in errors.
func FuzzLoadSource(f *testing.F) {
	for _, text := range []string{cueBlueprint, yamlBlueprint, profileYAML, "", "a: [1,", "package a\nb: actions: 1", "kind: Blueprint\nactions: [a]"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		b, err := LoadSource("fuzzed", src)
		if (b == nil) == (err == nil) {
			t.Errorf("blueprint %v, error %v", b, err)
		}
	})
}
