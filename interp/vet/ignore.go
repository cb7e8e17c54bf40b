package vet

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// An ignore is a comment that ignores findings:
//
//	# rescue:ignore RULE[,RULE] -- reason
//
// at the end of a line it is for that line, on a line of its own for the next one.
// Where that line begins a text of several lines, it is for the whole text.
type ignore struct {
	// from and to are the lines that it is for; 0 and 0 stand for the whole file.
	from, to int
	names    []ignoredRule
}

// An ignoredRule is one rule of an ignore, and its place.
type ignoredRule struct {
	name string
	span span
	used bool
}

var ignoreComment = regexp.MustCompile(`(?:^|\s)(?:#|//)\s*rescue:ignore(-file)?(?:\s+(.*?))?\s*$`)

// ruleList is what a comment begins with: the names of rules with commas between them.
var ruleList = regexp.MustCompile(`^[\pL\d_]+(?:-[\pL\d_]+)*(?:\s*,\s*[\pL\d_]+(?:-[\pL\d_]+)*)*`)

const ignoreMark = "rescue:ignore"

// ignores reads the comments of a file, and what is wrong with them.
func ignores(src *source) ([]*ignore, []Finding) {
	if !strings.Contains(src.text, ignoreMark) {
		return nil, nil
	}
	var all []*ignore
	var findings []Finding
	for n := 1; n <= len(src.lines); n++ {
		m := ignoreComment.FindStringSubmatchIndex(src.line(n))
		if m == nil {
			continue
		}
		i, problems := readIgnore(src, n, m)
		all, findings = append(all, i), append(findings, problems...)
	}
	return all, findings
}

// readIgnore reads the comment on line n, whose parts m delimits.
func readIgnore(src *source, n int, m []int) (*ignore, []Finding) {
	line, start := src.line(n), src.lines[n-1]
	comment := start + strings.Index(line[m[0]:], ignoreMark) + m[0]
	i := &ignore{}
	if m[2] < 0 {
		i.from, i.to = ignoredLines(src, n, strings.TrimSpace(line[:m[0]]) == "")
	}
	rest, offset := "", start+len(line)
	if m[4] >= 0 {
		rest, offset = line[m[4]:m[5]], start+m[4]
	}
	_, reason, _ := strings.Cut(rest, "--")
	var findings []Finding
	for name, at := range words(ruleList.FindString(rest)) {
		sp := span{offset + at, offset + at + len(name)}
		if _, known := ruleNamed(name); !known {
			findings = append(findings, src.at(sp, unknownRuleFinding(ruleUnknownRule, name)))
			continue
		}
		i.names = append(i.names, ignoredRule{name: name, span: sp})
	}
	sp := span{comment, comment + len(ignoreMark)}
	switch {
	case len(i.names) == 0 && len(findings) == 0:
		findings = append(findings, src.at(sp, Finding{
			Rule: ruleUnknownRule, Message: "this ignores nothing: it names no rule", Suggestion: "write rescue:ignore RULE -- why",
		}))
	case strings.TrimSpace(reason) == "":
		findings = append(findings, src.at(sp, Finding{
			Rule: ruleIgnoreReason, Message: "this does not say why", Suggestion: "write the reason behind --: rescue:ignore RULE -- why",
		}))
	}
	return i, findings
}

// words gives the words of a list with commas or spaces between them, and where each
// begins.
func words(list string) func(yield func(string, int) bool) {
	return func(yield func(string, int) bool) {
		for at := 0; at < len(list); {
			n := strings.IndexAny(list[at:]+",", ", \t")
			if n > 0 && !yield(list[at:at+n], at) {
				return
			}
			at += n + 1
		}
	}
}

// ignoredLines are the lines that a comment on line n is for; alone says that there is
// nothing else on its line.
func ignoredLines(src *source, n int, alone bool) (from, to int) {
	from = n
	for alone && from < len(src.lines) {
		from++
		if text := strings.TrimSpace(src.line(from)); text != "" && !ignoreComment.MatchString(src.line(from)) {
			break
		}
	}
	return from, textEnd(src, from)
}

var (
	// blockHeader ends a line that begins a block scalar of YAML.
	blockHeader = regexp.MustCompile(`(?:^|[\s:-])[|>][-+0-9]*\s*(?:#.*)?$`)
	// cueText ends a line that begins a text of several lines in CUE.
	cueText = regexp.MustCompile(`(#*)"""\s*$`)
)

// textEnd is the last line of the text that begins on line n, or n.
func textEnd(src *source, n int) int {
	line := src.line(n)
	// A comment behind the opening quotes of CUE's would be part of the text.
	if m := cueText.FindStringSubmatch(line); m != nil && strings.Count(line, `"""`) == 1 {
		for i := n + 1; i <= len(src.lines); i++ {
			if strings.HasPrefix(strings.TrimSpace(src.line(i)), `"""`+m[1]) {
				return i
			}
		}
	}
	if !blockHeader.MatchString(line) {
		return n
	}
	end, indent := n, leading(line)
	for i := n + 1; i <= len(src.lines); i++ {
		text := src.line(i)
		if strings.TrimSpace(text) == "" {
			continue
		}
		if leading(text) <= indent {
			break
		}
		end = i
	}
	return end
}

func leading(line string) int { return len(line) - len(strings.TrimLeft(line, " \t")) }

// covers tells whether the comment is for the finding, and notes that it is needed.
func (i *ignore) covers(f Finding) bool {
	if i.from > 0 && (f.Line < i.from || f.Line > i.to) {
		return false
	}
	n := slices.IndexFunc(i.names, func(r ignoredRule) bool { return r.name == f.Rule })
	if n < 0 {
		return false
	}
	i.names[n].used = true
	return true
}

// sometimes are rules that find something only together with other files, or when
// they are asked for: nobody can tell that ignoring them is needless.
var sometimes = []string{
	ruleKanisterRelease, ruleMissingInput, ruleUnusedInput, ruleObjectKind, ruleUnknownBlueprint, ruleUnknownAction,
	ruleUnsafeTemplate, ruleNoBlueprint, ruleFileSize,
}

// unused reports the rules that the comment ignores without need. on tells which
// rules are on.
func (i *ignore) unused(src *source, on func(rule string) bool) []Finding {
	var findings []Finding
	for _, r := range i.names {
		if r.used || !on(r.name) || slices.Contains(sometimes, r.name) {
			continue
		}
		findings = append(findings, src.at(r.span, Finding{
			Rule:       ruleUnusedIgnore,
			Message:    fmt.Sprintf("there is nothing of the rule %s to ignore", r.name),
			Suggestion: "remove the comment",
		}))
	}
	return findings
}
