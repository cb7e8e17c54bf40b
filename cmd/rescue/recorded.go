package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"sigs.k8s.io/yaml"

	"github.com/rescuecue/rescue/interp"
	"github.com/rescuecue/rescue/interp/run"
)

// sourceOf is the text of a blueprint, as the journal keeps it. found is where the
// blueprint is, as blueprintOf says it.
func (c *call) sourceOf(b *interp.Blueprint, found string) (*run.Source, error) {
	if text, ok := c.texts[found]; ok {
		return newSource("blueprint.yaml", map[string]string{"blueprint.yaml": string(text)}), nil
	}
	if found == "-" {
		return c.sourceOfStdin(b)
	}
	path, _ := interp.SplitField(found)
	if b.Legacy != nil {
		text, err := os.ReadFile(path)
		return newSource(filepath.Base(path), map[string]string{filepath.Base(path): string(text)}), err
	}
	root, files, err := sourceFiles(b)
	if err != nil {
		return nil, err
	}
	main, err := filepath.Rel(root, path)
	return newSource(filepath.ToSlash(main), files), err
}

// sourceOfStdin is the text that standard input had. CUE from there may import packages
// of the module of the present folder.
func (c *call) sourceOfStdin(b *interp.Blueprint) (*run.Source, error) {
	if b.Legacy != nil {
		return newSource("stdin.yaml", map[string]string{"stdin.yaml": string(c.stdin)}), nil
	}
	root, files, err := sourceFiles(b)
	if err != nil {
		return nil, err
	}
	here, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	main, err := filepath.Rel(root, filepath.Join(here, "stdin.cue"))
	if err != nil {
		return nil, err
	}
	main = filepath.ToSlash(main)
	files[main] = string(c.stdin)
	return newSource(main, files), nil
}

// sourceFiles are the texts of a CUE blueprint by their slashed paths below root.
func sourceFiles(b *interp.Blueprint) (root string, texts map[string]string, err error) {
	root, files, err := b.Sources()
	texts = map[string]string{}
	for _, f := range files {
		below, err := filepath.Rel(root, f.Path)
		if err != nil {
			return "", nil, err
		}
		texts[filepath.ToSlash(below)] = string(f.Text)
	}
	return root, texts, err
}

func newSource(main string, files map[string]string) *run.Source {
	hash := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(hash, "%d %s %d %s\n", len(name), name, len(files[name]), files[name])
	}
	return &run.Source{Digest: "sha256:" + hex.EncodeToString(hash.Sum(nil)), Main: main, Files: files}
}

// keepResource keeps what matters of a Blueprint of the cluster: each change of anything
// in its metadata would make it another one.
func (c *call) keepResource(ref string, object map[string]any) error {
	meta, _ := object["metadata"].(map[string]any)
	kept := maps.Clone(object)
	kept["metadata"] = map[string]any{"name": meta["name"], "namespace": meta["namespace"]}
	delete(kept, "status")
	text, err := yaml.Marshal(kept)
	c.texts[ref] = text
	return err
}

// changedFiles names the files that differ.
func changedFiles(was, is *run.Source) []string {
	var names []string
	for name := range was.Files {
		if text, ok := is.Files[name]; !ok || text != was.Files[name] {
			names = append(names, name)
		}
	}
	for name := range is.Files {
		if _, ok := was.Files[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// blueprintDir is where the recorded blueprint of a run is laid out when the run goes on
// with it. It stays there: messages name its files.
func blueprintDir(journals, id string) string { return filepath.Join(journals, id+".blueprint") }

// layOut writes the recorded blueprint to files and says where it is, as -b takes it.
func layOut(dir string, src *run.Source, found string) (string, error) {
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	for name, text := range src.Files {
		if !filepath.IsLocal(filepath.FromSlash(name)) {
			return "", fmt.Errorf("the recorded blueprint has a file %q, which is outside of it", name)
		}
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return "", err
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	at := filepath.Join(dir, filepath.FromSlash(src.Main))
	if _, field := interp.SplitField(found); field != "" {
		at += ":" + field
	}
	return at, nil
}
