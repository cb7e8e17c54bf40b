package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/interp/run"
)

// givenArtifacts reads the artifacts that an action starts from.
func (c *call) givenArtifacts() (map[string]compat.Artifact, error) {
	if c.artifacts == "" {
		return nil, nil
	}
	src, err := c.read(c.artifacts)
	if err != nil {
		return nil, err
	}
	artifacts, err := readArtifacts(fileTitle(c.artifacts), src)
	if err != nil {
		return nil, err
	}
	return artifacts, unmasked(fileTitle(c.artifacts), artifacts)
}

// unmasked refuses artifacts that a secret was taken out of when they were printed: what
// they name is not what the backup wrote.
func unmasked(path string, artifacts map[string]compat.Artifact) error {
	for _, name := range slices.Sorted(maps.Keys(artifacts)) {
		a := artifacts[name]
		values := slices.Collect(maps.Values(a.KeyValue))
		if slices.ContainsFunc(append(values, a.KopiaSnapshot), func(v string) bool { return strings.Contains(v, run.Mask) }) {
			return fmt.Errorf("%s: artifact %s had a secret in it, which was masked when it was printed: go on from the run itself with --from RUN, whose journal has it whole", path, name)
		}
	}
	return nil
}

// readArtifacts accepts the result of a run, an ActionSet with its status, and a
// plain map of artifacts.
func readArtifacts(path string, src []byte) (map[string]compat.Artifact, error) {
	if json.Valid(src) && !isActionSet(src) {
		return artifactsOfJSON(path, src)
	}
	docs, err := compat.Parse(path, src)
	if err != nil {
		return nil, err
	}
	for _, doc := range docs {
		if doc.Kind != compat.KindActionSet {
			continue
		}
		set, err := compat.ReadActionSet(doc)
		if err != nil {
			return nil, err
		}
		return artifactsOfActionSet(path, set)
	}
	return nil, fmt.Errorf("%s: expected what `rescue run -o json` printed, or an ActionSet with its status", path)
}

func artifactsOfJSON(path string, src []byte) (map[string]compat.Artifact, error) {
	var doc struct {
		FormatVersion string                     `json:"formatVersion"`
		State         run.State                  `json:"state"`
		Artifacts     map[string]compat.Artifact `json:"artifacts"`
		Actions       []json.RawMessage          `json:"actions"`
	}
	if err := json.Unmarshal(src, &doc); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(doc.Actions) > 0 {
		return nil, fmt.Errorf("%s: that ran %d actions: name the run of one with --from", path, len(doc.Actions))
	}
	if doc.FormatVersion != "" {
		if doc.State != run.Complete {
			return nil, fmt.Errorf("%s: that run is %s: only a complete one has artifacts", path, doc.State)
		}
		return doc.Artifacts, nil
	}
	dec := json.NewDecoder(bytes.NewReader(src))
	dec.DisallowUnknownFields()
	artifacts := map[string]compat.Artifact{}
	if err := dec.Decode(&artifacts); err != nil {
		return nil, fmt.Errorf("%s: not the result of a run, and not a map of artifacts either: %w", path, err)
	}
	return artifacts, nil
}

func artifactsOfActionSet(path string, set *compat.ActionSet) (map[string]compat.Artifact, error) {
	if set.Status == nil || set.Status.State != compat.StateComplete {
		return nil, fmt.Errorf("%s: the ActionSet is not complete: it has no artifacts", path)
	}
	if len(set.Status.Actions) != 1 {
		return nil, fmt.Errorf("%s: the ActionSet has %d actions; artifacts are taken from one with a single action", path, len(set.Status.Actions))
	}
	return set.Status.Actions[0].Artifacts, nil
}
