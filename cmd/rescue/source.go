package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/interp"
	"github.com/rescuecue/rescue/interp/vet"
)

// blueprintOf finds, checks and reads the blueprint of an action. found says where it
// is, as -b takes it.
func (c *call) blueprintOf(ctx context.Context, req *request, spec compat.ActionSpec) (b *interp.Blueprint, found string, err error) {
	at := req.blueprint
	if at == "" {
		at = strings.TrimPrefix(req.namespace+"/"+spec.Blueprint, "/")
		if spec.Blueprint == "" {
			return nil, "", usage("which blueprint? give it with -b FILE")
		}
	}
	if req.blueprint == "" || !isFile(at) && isName(at) {
		return c.clusterBlueprint(ctx, at, req.namespace)
	}
	name := ""
	if req.choose {
		name = spec.Blueprint
	}
	if b, err = c.fileBlueprint(at, name); err != nil {
		return nil, "", err
	}
	if file, field := interp.SplitField(at); field != "" {
		return b, absolute(file) + ":" + field, nil
	}
	switch {
	case !req.choose || at == "-":
		return b, absolute(at), nil
	case b.Legacy != nil:
		return b, absolute(at) + ":" + name, nil
	}
	return b, absolute(at) + ":" + b.Field, nil
}

// fileBlueprint reads the blueprint of that name from a file or folder; without a name,
// the only one there.
func (c *call) fileBlueprint(at, name string) (*interp.Blueprint, error) {
	if at == "-" {
		if _, err := c.read(at); err != nil {
			return nil, cannot(err)
		}
	}
	if !c.noVet && !c.vetted[at] {
		if err := c.vetFile(at); err != nil {
			return nil, err
		}
		c.vetted[at] = true
	}
	var b *interp.Blueprint
	var err error
	if name == "" {
		b, err = interp.Load(at, bytes.NewReader(c.stdin))
	} else {
		b, err = interp.LoadNamed(at, bytes.NewReader(c.stdin), name)
	}
	if pathError := (*fs.PathError)(nil); errors.As(err, &pathError) {
		return nil, cannot(err)
	}
	return b, failed(err)
}

// clusterBlueprint reads a Blueprint of the cluster, [NAMESPACE/]NAME.
func (c *call) clusterBlueprint(ctx context.Context, ref, namespace string) (*interp.Blueprint, string, error) {
	object, err := c.resource(ctx, blueprints, ref, namespace)
	if err != nil {
		return nil, "", err
	}
	src, err := yaml.Marshal(object)
	if err != nil {
		return nil, "", failed(err)
	}
	meta, _ := object["metadata"].(map[string]any)
	ref = fmt.Sprintf("%v/%v", meta["namespace"], meta["name"])
	if err := c.keepResource(ref, object); err != nil {
		return nil, "", failed(err)
	}
	title := "Blueprint " + ref + " (as YAML)"
	if !c.noVet && !c.vetted[title] {
		unit := vet.Unit{Language: vet.YAML, Files: []vet.File{{Name: title, Data: src}}}
		if err := c.refuse([]vet.Unit{unit}, nil); err != nil {
			return nil, "", err
		}
		c.vetted[title] = true
	}
	b, err := interp.LoadSource(title, src)
	return b, ref, failed(err)
}

// vetFile shows what vet says of the blueprint, and fails if there are errors.
func (c *call) vetFile(path string) error {
	path, _ = interp.SplitField(path)
	collector := &vet.Collector{Stdin: bytes.NewReader(c.stdin)}
	units, findings, unreadable := collector.Collect([]string{path})
	if unreadable != nil {
		return cannot(unreadable)
	}
	return c.refuse(units, findings)
}

// refuse fails if there are errors in the units, and shows them.
func (c *call) refuse(units []vet.Unit, findings []vet.Finding) error {
	found, broken := vet.CheckAll(units)
	if broken != nil {
		return cannot(broken)
	}
	findings = slices.DeleteFunc(append(findings, found...), func(f vet.Finding) bool {
		// What an ActionSet beside the blueprint lacks may be given by a flag; the plan tells.
		return f.Rule == "missing-input"
	})
	if c.unsafe {
		findings = vet.AllowUnsafe(findings)
	}
	errs, _ := vet.Count(findings)
	if errs == 0 {
		return nil
	}
	vet.Sort(findings)
	if err := vet.WriteText(c.streams.Stderr, findings, vet.TextOptions{}); err != nil {
		return cannot(err)
	}
	return failed(fmt.Errorf("nothing was run: the blueprint has mistakes, %d in all (--no-vet runs it all the same)", errs))
}

// isFile tells whether there is a file or folder of that name; standard input is one.
func isFile(path string) bool {
	if path == "-" {
		return true
	}
	file, _ := interp.SplitField(path)
	_, err := os.Stat(file)
	return err == nil
}

// clusterName is [NAMESPACE/]NAME of a resource; what ends like a file is one.
var (
	clusterName = regexp.MustCompile(`^([a-z0-9]([-a-z0-9]*[a-z0-9])?/)?[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`)
	fileName    = regexp.MustCompile(`\.(cue|ya?ml|json)$`)
)

func isName(text string) bool { return clusterName.MatchString(text) && !fileName.MatchString(text) }

// splitName splits [NAMESPACE/]NAME.
func splitName(ref, namespace string) (ns, name string) {
	if ns, name, ok := strings.Cut(ref, "/"); ok {
		return ns, name
	}
	return namespace, ref
}

// absolute makes the name of a file hold wherever a later call is made; other names
// stay.
func absolute(path string) string {
	if path == "" || path == "-" || !isFile(path) {
		return path
	}
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}
