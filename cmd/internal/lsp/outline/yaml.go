package outline

import (
	"regexp"
	"strings"
)

// YAML reads the shape of a YAML file; its documents are the items of what it returns.
func YAML(src string) *Node {
	p := &yamlParser{src: src, root: &Node{Kind: List, Value: Span{0, len(src)}}}
	p.document(0)
	for p.at < len(src) {
		p.line()
	}
	p.close(-1, len(src))
	return p.root
}

type yamlParser struct {
	src  string
	at   int
	root *Node
	// open are the nodes that the next line can belong to, with their indentation.
	open []yamlLevel
}

type yamlLevel struct {
	node   *Node
	indent int
}

func (p *yamlParser) document(start int) {
	doc := p.root.add(&Node{Value: Span{start, len(p.src)}})
	p.open = []yamlLevel{{doc, -1}}
}

func (p *yamlParser) top() yamlLevel { return p.open[len(p.open)-1] }

// close ends the nodes that are indented as far, or more.
func (p *yamlParser) close(indent, end int) {
	for len(p.open) > 1 && p.top().indent >= indent {
		p.open = p.open[:len(p.open)-1]
	}
	if indent < 0 {
		p.open[0].node.Value.End = end
	}
}

// line reads one line, or all of a value that goes on on the next ones.
func (p *yamlParser) line() {
	end := lineEnd(p.src, p.at)
	text := strings.TrimSuffix(p.src[p.at:end], "\r")
	start := p.at
	p.at = min(end+1, len(p.src))
	if p.at == len(p.src) && end == len(p.src) {
		p.at = len(p.src)
	}
	indent := len(text) - len(strings.TrimLeft(text, " "))
	body := text[indent:]
	switch {
	case body == "" || body[0] == '#':
		return
	case strings.HasPrefix(text, "---"):
		p.close(-1, start)
		p.document(min(start+3, len(p.src)))
		return
	}
	p.entry(start+indent, end, indent)
}

// entry reads what begins at an offset: items, a field, or a value.
func (p *yamlParser) entry(start, end, indent int) {
	for {
		body := strings.TrimRight(p.src[start:end], " \t\r")
		if body != "-" && !strings.HasPrefix(body, "- ") {
			break
		}
		list := p.list(indent, start)
		list.Kind = List
		item := list.add(&Node{Value: Span{start, end}})
		p.open = append(p.open, yamlLevel{item, indent})
		p.grow(end)
		rest := strings.TrimLeft(p.src[start+1:end], " ")
		if strings.TrimRight(rest, "\r") == "" {
			return
		}
		indent += end - len(rest) - start
		start = end - len(rest)
	}
	p.close(indent, start)
	if m := yamlKey.FindStringSubmatch(p.src[start:end]); m != nil {
		p.field(start, end, indent, m)
		return
	}
	p.value(p.top().node, start, end, p.top().indent)
}

// list returns the node that an item of that indentation belongs to. A list may stand as
// far left as its key.
func (p *yamlParser) list(indent, start int) *Node {
	p.close(indent+1, start)
	top := p.top()
	switch {
	case len(p.open) == 1 || top.indent < indent:
	case top.node.Key == "":
		p.open = p.open[:len(p.open)-1]
	case top.node.Kind != Empty && top.node.Kind != List:
		p.close(indent, start)
	}
	return p.top().node
}

// yamlKey is a key with its colon: plain or in quotes.
var yamlKey = regexp.MustCompile(`^("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s#&*!|>%@\[\]{},"'?:-][^#:{]*?|-[^\s:]+)\s*:(?:[ \t\r]|$)`)

func (p *yamlParser) field(start, end, indent int, m []string) {
	in := p.top().node
	in.Kind = Map
	f := in.add(&Node{Key: unquote(m[1]), KeySpan: Span{start, start + len(m[1])}})
	after := start + len(m[0])
	if strings.TrimSpace(m[0][len(m[0])-1:]) == "" {
		after-- // The blank belongs to the value.
	}
	f.Value = Span{after, end}
	p.open = append(p.open, yamlLevel{f, indent})
	p.grow(end)
	rest := p.src[after:end]
	if trimmed := strings.TrimLeft(rest, " \t"); trimmed != "" {
		p.value(f, end-len(trimmed), end, indent)
	}
}

// value reads the value of the node, which begins at an offset.
func (p *yamlParser) value(n *Node, start, end, indent int) {
	text := strings.TrimRight(p.src[start:end], " \t\r")
	text = yamlProperties.ReplaceAllString(text, "")
	switch {
	case text == "" || text[0] == '#':
		return
	case text[0] == '|' || text[0] == '>':
		p.block(n, end, indent)
	case (text[0] == '{' || text[0] == '[') && !strings.HasPrefix(text, "{{"):
		p.flow(n, start+strings.IndexByte(p.src[start:end], text[0]), indent)
	case n.Kind == Scalar:
		// Another line of a text.
		n.Text += "\n" + text
		p.grow(end)
	case n.Kind == Empty:
		n.Kind, n.Literal = Scalar, true
		n.Text = unquote(withoutComment(text))
		p.grow(end)
	}
}

// yamlProperties are an anchor and a tag in front of a value.
var yamlProperties = regexp.MustCompile(`^(?:[&!]\S*\s+)+`)

// block reads a block scalar: the lines that are indented more than its key.
func (p *yamlParser) block(n *Node, end, indent int) {
	n.Kind, n.Literal = Scalar, true
	from := p.at
	last := end
	for p.at < len(p.src) {
		lineEnd := lineEnd(p.src, p.at)
		line := p.src[p.at:lineEnd]
		blank := strings.TrimSpace(line) == ""
		if !blank && len(line)-len(strings.TrimLeft(line, " ")) <= indent {
			break
		}
		if !blank {
			last = lineEnd
		}
		if lineEnd == len(p.src) {
			p.at = lineEnd
			break
		}
		p.at = lineEnd + 1
	}
	n.Text = p.src[min(from, last):last]
	p.grow(last)
}

// grow moves the ends of all open nodes, which hold what ends there.
func (p *yamlParser) grow(end int) {
	for _, l := range p.open[1:] {
		l.node.Value.End = max(l.node.Value.End, end)
	}
}

// flow reads {…} or […], perhaps over several lines, as long as these are indented.
func (p *yamlParser) flow(n *Node, start, indent int) {
	f := &flowParser{src: p.src[:p.flowEnd(start, indent)], at: start}
	f.value(n, 0)
	end := lineEnd(p.src, min(f.at, len(p.src)))
	p.grow(end)
	p.at = min(end+1, len(p.src))
}

// flowEnd is where the first line begins that cannot belong to a flow value any more.
func (p *yamlParser) flowEnd(start, indent int) int {
	for at := lineEnd(p.src, start); at < len(p.src); at = lineEnd(p.src, at+1) {
		line := p.src[at+1 : lineEnd(p.src, at+1)]
		trimmed := strings.TrimLeft(line, " ")
		closes := strings.HasPrefix(trimmed, "}") || strings.HasPrefix(trimmed, "]")
		if trimmed != "" && len(line)-len(trimmed) <= indent && !closes {
			return at
		}
	}
	return len(p.src)
}

// withoutComment cuts the comment behind a plain value.
func withoutComment(text string) string {
	if text[0] == '"' || text[0] == '\'' {
		if i := strings.LastIndexByte(text, text[0]); i > 0 {
			return text[:i+1]
		}
		return text
	}
	if i := strings.Index(text, " #"); i >= 0 {
		return strings.TrimSpace(text[:i])
	}
	return text
}

func unquote(text string) string {
	if len(text) > 1 && (text[0] == '"' || text[0] == '\'') && text[len(text)-1] == text[0] {
		return text[1 : len(text)-1]
	}
	return strings.TrimLeft(text, `"'`)
}
