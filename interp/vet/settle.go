package vet

import "path/filepath"

// settle applies the comments in the files that ignore findings, and the
// configurations, and returns what remains in its one order.
func settle(units []Unit, findings []Finding) []Finding {
	s := newSettlement(units)
	kept := s.needed(findings)
	return s.finish(append(kept, s.comments(kept)...))
}

// settleRelease is settle without a word on the comments themselves, which were
// settled with the other findings.
func settleRelease(units []Unit, findings []Finding) []Finding {
	s := newSettlement(units)
	return s.finish(s.needed(findings))
}

func newSettlement(units []Unit) *settlement {
	s := &settlement{finder: &configFinder{}, files: map[string]*settledFile{}, known: map[*Config]bool{}}
	for _, u := range units {
		for _, f := range u.Files {
			s.add(u, f)
		}
	}
	return s
}

// needed are the findings that no comment ignores.
func (s *settlement) needed(findings []Finding) []Finding {
	var kept []Finding
	for _, f := range findings {
		if !s.ignored(f) {
			kept = append(kept, f)
		}
	}
	return kept
}

// finish weighs and sorts.
func (s *settlement) finish(findings []Finding) []Finding {
	findings = s.weigh(findings)
	Sort(findings)
	return one(findings)
}

type settlement struct {
	finder *configFinder
	// files in the order they came, and by name.
	order []*settledFile
	files map[string]*settledFile
	// problems of configurations, each once.
	problems []Finding
	known    map[*Config]bool
}

// A settledFile is a file with what is said in it and about it.
type settledFile struct {
	src      *source
	path     string
	config   *Config
	ignores  []*ignore
	problems []Finding
}

func (s *settlement) add(u Unit, f File) {
	file := &settledFile{src: newSource(f.Name, f.Data), path: f.path(), config: u.Config}
	if file.config == nil {
		file.config = s.finder.folder(filepath.Dir(file.path))
	}
	if c := file.config; c != nil && !s.known[c] {
		s.known[c] = true
		s.problems = append(s.problems, c.problems...)
	}
	file.ignores, file.problems = ignores(file.src)
	s.order, s.files[f.Name] = append(s.order, file), file
}

// ignored tells whether a comment is for the finding.
func (s *settlement) ignored(f Finding) bool {
	file := s.files[f.File]
	if file == nil {
		return false
	}
	hit := false
	for _, i := range file.ignores {
		hit = i.covers(f) || hit
	}
	return hit
}

// comments are the findings about the comments themselves. Where a file has errors,
// some rules are silent, and nobody can tell which comment is needless.
func (s *settlement) comments(kept []Finding) []Finding {
	broken := map[string]bool{}
	for _, f := range kept {
		broken[f.File] = broken[f.File] || f.Severity == Error
	}
	var findings []Finding
	for _, file := range s.order {
		findings = append(findings, file.problems...)
		if broken[file.src.name] {
			continue
		}
		for _, i := range file.ignores {
			findings = append(findings, i.unused(file.src, file.on)...)
		}
	}
	return append(findings, s.problems...)
}

// on tells whether a rule reports anything in the file.
func (f *settledFile) on(rule string) bool {
	r, _ := ruleNamed(rule)
	switch f.config.severity(rule, f.path) {
	case Off:
		return false
	case "":
		return !r.Optional()
	}
	return true
}

// weigh gives findings the severity of the configuration, and leaves out those of
// rules that are off.
func (s *settlement) weigh(findings []Finding) []Finding {
	var kept []Finding
	for _, f := range findings {
		file := s.files[f.File]
		if file == nil {
			file = &settledFile{path: File{Name: f.File}.path()}
			if f.Rule != ruleConfiguration {
				file.config = s.finder.folder(filepath.Dir(file.path))
			}
		}
		if !file.on(f.Rule) {
			continue
		}
		if severity := file.config.severity(f.Rule, file.path); severity != "" {
			f.Severity = severity
		}
		kept = append(kept, f)
	}
	return kept
}
