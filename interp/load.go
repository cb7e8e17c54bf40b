// Package interp turns a blueprint into a validated graph: it loads CUE, or legacy
// YAML by way of its conversion, finds what each phase waits for, and binds a
// phase's arguments when what it reads is known.
//
// It needs no cluster. Running the graph is the work of package interp/run.
package interp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/load"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/schema"
)

// MaxFileSize is the largest blueprint that is read, in bytes.
const MaxFileSize = 16 << 20

// A Blueprint is one loaded blueprint. It owns a cue.Context: drop it after use,
// because a context only grows.
type Blueprint struct {
	// File is where it was read from, as the user named it.
	File string
	// Field is the top-level field of the CUE package that holds it.
	Field string
	// Value is the blueprint, unified with the schema.
	Value cue.Value
	// Conversion and Legacy, what it was made of, are set if the blueprint was
	// legacy YAML.
	Conversion *compat.Conversion
	Legacy     *compat.Blueprint

	ctx  *cue.Context
	root cue.Value
	path cue.Path
	// reuses says whether it has places that count more than once: see Plan.verify.
	reuses bool
	// again reads the package once more; nil where there is no need for runnable.
	again func() (*build.Instance, error)
}

// ErrNoBlueprint says that a file or package was read and holds no blueprint.
var ErrNoBlueprint = errors.New("no blueprint here")

// A Loader loads blueprints. The zero value is ready for use.
type Loader struct {
	// Schema has the functions that blueprints may call; nil: those that Rescue brings
	// along.
	Schema *schema.Set
}

func (l Loader) schema() *schema.Set {
	if l.Schema == nil {
		return schema.Embedded()
	}
	return l.Schema
}

// Load loads with the functions that Rescue brings along: see Loader.Load.
func Load(path string, stdin io.Reader) (*Blueprint, error) { return Loader{}.Load(path, stdin) }

// LoadSource loads with the functions that Rescue brings along: see Loader.LoadSource.
func LoadSource(name string, src []byte) (*Blueprint, error) { return Loader{}.LoadSource(name, src) }

// Load reads the blueprint at path: a CUE file, the folder of a CUE package, or a
// legacy YAML file; "-" reads stdin, which is taken for YAML unless it starts like
// CUE. Several blueprints in one place are an error that names them: say which with
// path "FILE:FIELD", where FIELD is the field of the package or the name of the legacy
// Blueprint.
func (l Loader) Load(path string, stdin io.Reader) (*Blueprint, error) {
	if path == "-" {
		src, err := readLimited(stdin, "standard input")
		if err != nil {
			return nil, err
		}
		return l.LoadSource("-", src)
	}
	path, field := SplitField(path)
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() && info.Size() > MaxFileSize {
		return nil, tooLarge(path)
	}
	if info.IsDir() || strings.HasSuffix(path, ".cue") {
		return l.loadCUE(path, field, info.IsDir(), nil)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	src, err := readLimited(f, path)
	if err != nil {
		return nil, err
	}
	return l.loadSource(path, src, field)
}

// LoadSource reads a blueprint from src, which is CUE or YAML by its content.
// name is used in messages and, for CUE, to find the module it belongs to.
func (l Loader) LoadSource(name string, src []byte) (*Blueprint, error) {
	return l.loadSource(name, src, "")
}

func (l Loader) loadSource(name string, src []byte, blueprint string) (*Blueprint, error) {
	if strings.HasSuffix(name, ".cue") || LooksLikeCUE(src) {
		return l.loadCUE(name, blueprint, false, src)
	}
	return l.loadYAML(name, src, blueprint)
}

// LooksLikeCUE tells CUE from YAML by the first line that is not empty or a
// comment: a blueprint in CUE has a package clause or an import.
func LooksLikeCUE(src []byte) bool {
	for line := range bytes.Lines(src) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || bytes.HasPrefix(line, []byte("//")) || line[0] == '@' {
			continue
		}
		first := bytes.Fields(line)[0]
		return string(first) == "package" || string(first) == "import" || bytes.HasPrefix(first, []byte("import("))
	}
	return false
}

// SplitField splits FILE:FIELD; a file that has such a name is taken as it is.
func SplitField(path string) (string, string) {
	if _, err := os.Stat(path); err == nil {
		return path, ""
	}
	if i := strings.LastIndexByte(path, ':'); i > 0 {
		return path[:i], path[i+1:]
	}
	return path, ""
}

// choice is how a user names one of a file's blueprints: what comes from standard input has
// to be in a file for that.
func choice(file, name string) string {
	if file == "-" {
		return "FILE:" + name + ", a file in the place of standard input"
	}
	return file + ":" + name
}

func readLimited(r io.Reader, name string) ([]byte, error) {
	src, err := io.ReadAll(io.LimitReader(r, MaxFileSize+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(src) > MaxFileSize {
		return nil, tooLarge(name)
	}
	return src, nil
}

func tooLarge(name string) error {
	return fmt.Errorf("%s: larger than %d MiB; a blueprint is not that large", name, MaxFileSize>>20)
}

// Instance loads the CUE package at path (a folder, or a single file) with the
// embedded schema in reach. src, if not nil, stands in for the file's content.
func Instance(path string, isDir bool, src []byte) (*build.Instance, error) {
	return Loader{}.Instance(path, isDir, src)
}

// Instance does so with the loader's schema in reach.
func (l Loader) Instance(path string, isDir bool, src []byte) (*build.Instance, error) {
	file := path
	switch {
	case path == "-":
		file = "stdin.cue"
	case src != nil && !strings.HasSuffix(path, ".cue"):
		// CUE takes a file for what its suffix says.
		file += ".cue"
	}
	abs, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	dir, arg := filepath.Dir(abs), abs
	if isDir {
		dir, arg = abs, "."
	}
	overlay, err := l.schema().ModuleOverlay(dir)
	if err != nil {
		return nil, err
	}
	if src != nil {
		overlay[abs] = load.FromBytes(src)
	}
	inst := load.Instances([]string{arg}, &load.Config{Dir: dir, Overlay: overlay})[0]
	return inst, inst.Err
}

func (l Loader) loadCUE(path, field string, isDir bool, src []byte) (*Blueprint, error) {
	inst, err := l.Instance(path, isDir, src)
	if err != nil {
		return nil, located(err)
	}
	b, err := fromInstance(cuecontext.New(), inst, path, field)
	if err == nil && hasCalls(inst) {
		b.again = func() (*build.Instance, error) { return l.Instance(path, isDir, src) }
	}
	return b, err
}

func fromInstance(ctx *cue.Context, inst *build.Instance, file, field string) (*Blueprint, error) {
	if err := callChoices(inst); err != nil {
		return nil, located(err)
	}
	root := ctx.BuildInstance(inst)
	b := &Blueprint{File: file, ctx: ctx, root: root, reuses: reuses(inst)}
	fields, err := BlueprintFields(root)
	if err != nil {
		return nil, err
	}
	switch {
	case field != "":
		b.Field = field
	case len(fields) == 1:
		b.Field = fields[0]
	case len(fields) == 0:
		return nil, fmt.Errorf("%s: %w: expected a field such as `blueprint: schema.#Blueprint & {…}`", file, ErrNoBlueprint)
	default:
		return nil, fmt.Errorf("%s: several blueprints: %s; choose one with %s", file, strings.Join(fields, ", "), choice(file, fields[0]))
	}
	b.path = cue.MakePath(cue.Str(b.Field))
	b.Value = root.LookupPath(b.path)
	if !b.Value.Exists() {
		return nil, fmt.Errorf("%s: no field %q; blueprints here: %s", file, field, strings.Join(fields, ", "))
	}
	return b, nil
}

// BlueprintFields lists the top-level fields of a package that hold blueprints:
// those with a field actions.
func BlueprintFields(root cue.Value) ([]string, error) {
	it, err := root.Fields()
	if err != nil {
		return nil, err
	}
	var names []string
	for it.Next() {
		if it.Value().LookupPath(cue.ParsePath("actions")).Exists() {
			names = append(names, it.Selector().Unquoted())
		}
	}
	return names, nil
}
