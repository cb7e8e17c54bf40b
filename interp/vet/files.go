package vet

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/rescuecue/rescue/schema"
)

// MaxFileSize is the largest file that is read, in bytes. A blueprint is a few
// kilobytes; Kubernetes stores no object of more than 1.5 MiB.
const MaxFileSize = 16 << 20

// A Collector finds what there is to check.
type Collector struct {
	// Stdin is read for the path "-"; StdinName is what findings call it, and tells
	// CUE from YAML.
	Stdin     io.Reader
	StdinName string
	// OnlyBlueprints passes over files that hold no blueprint even where they are named,
	// as programs do that name all files of a change.
	OnlyBlueprints bool
	// Config goes before the configurations of the folders, if there is one.
	Config *Config

	configs  configFinder
	units    []Unit
	findings []Finding
	failures []error
	seen     map[string]bool
}

// Collect reads the files at the paths; folders and patterns are searched for
// blueprints. A file
// that cannot be a blueprint at all becomes a finding. The error has one entry for
// each path that could not be read; what could be is returned all the same.
func (c *Collector) Collect(paths []string) ([]Unit, []Finding, error) {
	c.seen = map[string]bool{}
	for _, path := range paths {
		c.path(path)
	}
	for i := range c.units {
		c.units[i].Config = c.Config
	}
	return c.units, c.findings, errors.Join(c.failures...)
}

func (c *Collector) path(path string) {
	if path == "-" {
		name := c.StdinName
		if name == "" {
			name = "<stdin>"
		}
		c.file(File{Name: name}, c.Stdin)
		return
	}
	if isPattern(path) {
		c.pattern(path)
		return
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		c.fail(path, err)
	case info.IsDir():
		c.folder(path)
	case c.OnlyBlueprints:
		c.sift(path)
	default:
		c.open(path)
	}
}

// fail says what could not be read, without the name of the system call.
func (c *Collector) fail(path string, err error) {
	if pathError := (*fs.PathError)(nil); errors.As(err, &pathError) {
		err = pathError.Err
	}
	c.failures = append(c.failures, fmt.Errorf("%s: %w", path, err))
}

func (c *Collector) open(path string) {
	data, ok := c.read(path)
	if ok {
		c.add(File{Name: path, Data: data})
	}
}

// read returns the content of a file that is worth checking.
func (c *Collector) read(path string) ([]byte, bool) {
	f, err := os.Open(path)
	if err != nil {
		c.fail(path, err)
		return nil, false
	}
	defer f.Close()
	return c.limited(path, f)
}

func (c *Collector) limited(name string, r io.Reader) ([]byte, bool) {
	data, err := io.ReadAll(io.LimitReader(r, MaxFileSize+1))
	if err != nil {
		c.fail(name, err)
		return nil, false
	}
	if len(data) > MaxFileSize {
		message := fmt.Sprintf("the file is larger than %d MiB, the limit; no blueprint is that large", MaxFileSize>>20)
		c.findings = append(c.findings, whole(name, ruleFileSize, message, ""))
		return nil, false
	}
	return data, true
}

func (c *Collector) file(f File, r io.Reader) {
	var ok bool
	if f.Data, ok = c.limited(f.Name, r); ok {
		c.add(f)
	}
}

// add makes a unit of a file that the user named.
func (c *Collector) add(f File) {
	if c.seen[f.path()] {
		return
	}
	c.seen[f.path()] = true
	c.units = append(c.units, Unit{Language: languageOf(f), Files: []File{f}})
}

// languageOf tells CUE from YAML by the name, or by the content.
func languageOf(f File) Language {
	switch strings.ToLower(filepath.Ext(f.Name)) {
	case ".cue":
		return CUE
	case ".yaml", ".yml", ".json":
		return YAML
	}
	if looksLikeCUE(f.Data) {
		return CUE
	}
	return YAML
}

// looksLikeCUE looks at the first line that is neither empty nor a comment.
func looksLikeCUE(src []byte) bool {
	for line := range bytes.Lines(src) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || bytes.HasPrefix(line, []byte("//")) || line[0] == '@' {
			continue
		}
		word, _, _ := bytes.Cut(line, []byte(" "))
		return string(word) == "package" || string(word) == "import" || bytes.HasPrefix(line, []byte("import("))
	}
	return false
}

// A blueprint in YAML, perhaps inside of a List, or one of the resources that go
// with blueprints. Others have a kind Profile too: the group tells them apart.
var (
	legacyKind  = regexp.MustCompile(`(?m)(?:^[\s-]*|[{,]\s*)["']?kind["']?\s*:\s*["']?(Blueprint|ActionSet|Profile)\b`)
	legacyGroup = []byte("cr.kanister.io/")
)

func looksLikeLegacy(data []byte) bool {
	m := legacyKind.FindSubmatch(data)
	return m != nil && (string(m[1]) == "Blueprint" || bytes.Contains(data, legacyGroup))
}

// folder searches for blueprints. CUE files make packages, so that they are checked
// together.
func (c *Collector) folder(root string) {
	before := len(c.units)
	packages := map[string][]File{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			c.fail(path, err)
			return nil
		case d.IsDir() && path != root && skipped(d.Name()):
			return filepath.SkipDir
		case d.Type().IsRegular():
			c.found(path, packages)
		}
		return nil
	})
	if err != nil {
		c.fail(root, err)
	}
	for _, key := range sortedKeys(packages) {
		c.addPackage(packages[key])
	}
	if len(c.units) == before && len(c.failures) == 0 && !c.OnlyBlueprints {
		c.findings = append(c.findings, whole(root, ruleNoBlueprint, "there are no blueprints in this folder", ""))
	}
}

// excluded tells whether the configuration leaves a file out of searches.
func (c *Collector) excluded(path string) bool {
	if c.Config != nil {
		return c.Config.Excludes(path)
	}
	return c.configs.folder(filepath.Dir(File{Name: path}.path())).Excludes(path)
}

// skipped folders hold nothing of the user's own.
func skipped(name string) bool {
	return strings.HasPrefix(name, ".") || name == "cue.mod" || name == "node_modules"
}

func (c *Collector) found(path string, packages map[string][]File) {
	ext := strings.ToLower(filepath.Ext(path))
	if !slices.Contains([]string{".cue", ".yaml", ".yml", ".json"}, ext) || c.excluded(path) {
		return
	}
	if ext == ".json" && isLarge(path) {
		return // JSON is written by programs of all kinds: this was not meant to be a blueprint.
	}
	data, ok := c.read(path)
	if !ok {
		return
	}
	f := File{Name: path, Data: data}
	switch {
	case ext == ".json":
		if looksLikeLegacy(data) && bytes.Contains(data, legacyGroup) {
			c.add(f)
		}
	case ext != ".cue":
		if looksLikeLegacy(data) {
			c.add(f)
		}
	case !strings.HasSuffix(path, "_tool.cue") && !strings.HasSuffix(path, "_test.cue"):
		key := filepath.Dir(path) + "\x00" + packageClause(data)
		packages[key] = append(packages[key], f)
	}
}

// isLarge tells whether a file is larger than any that is read.
func isLarge(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Size() > MaxFileSize
}

var packageLine = regexp.MustCompile(`(?m)^package\s+([\pL_$#][\pL\pN_$]*)`)

// packageClause is the name of the file's package; without one, each file is on
// its own.
func packageClause(src []byte) string {
	if m := packageLine.FindSubmatch(src); m != nil {
		return string(m[1])
	}
	return ""
}

// addPackage makes a unit of a package that uses the schema.
func (c *Collector) addPackage(files []File) {
	if packageClause(files[0].Data) == "" {
		for _, f := range files {
			c.addUnit([]File{f})
		}
		return
	}
	c.addUnit(files)
}

func (c *Collector) addUnit(files []File) {
	uses := slices.ContainsFunc(files, func(f File) bool { return bytes.Contains(f.Data, []byte(schema.Module+"/schema")) })
	files = slices.DeleteFunc(files, func(f File) bool { return c.seen[f.path()] })
	if !uses || len(files) == 0 {
		return
	}
	for _, f := range files {
		c.seen[f.path()] = true
	}
	c.units = append(c.units, Unit{Language: CUE, Files: files, Library: true})
}
