package outline

import "strings"

// A flowParser reads YAML in its flow style, which JSON is a part of.
type flowParser struct {
	src string
	at  int
}

func (f *flowParser) blanks() {
	for f.at < len(f.src) {
		switch c := f.src[f.at]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			f.at++
		case c == '#' && f.at > 0 && strings.IndexByte(" \t\n", f.src[f.at-1]) >= 0:
			f.at = lineEnd(f.src, f.at)
		default:
			return
		}
	}
}

func (f *flowParser) peek() byte {
	if f.at < len(f.src) {
		return f.src[f.at]
	}
	return 0
}

// value reads a value into the node.
func (f *flowParser) value(n *Node, depth int) {
	f.blanks()
	start := f.at
	switch c := f.peek(); {
	case (c == '{' || c == '[') && depth < maxDepth:
		f.collection(n, depth)
	default:
		n.Text = f.scalar()
		if f.at > start {
			n.Kind, n.Literal = Scalar, true
		}
	}
	n.Value.Start = min(n.Value.Start, start)
	if n.Value == (Span{}) {
		n.Value.Start = start
	}
	n.Value.End = max(n.Value.End, f.at)
}

func (f *flowParser) collection(n *Node, depth int) {
	end := byte(']')
	n.Kind = List
	if f.peek() == '{' {
		end, n.Kind = '}', Map
	}
	f.at++
	for {
		f.blanks()
		switch c := f.peek(); {
		case c == end:
			f.at++
			return
		case c == 0:
			return
		case c == ',' || c == '}' || c == ']':
			f.at++
		case n.Kind == Map:
			f.field(n, depth)
		case c == ':':
			// The value of what looked like an item: a key that is out of place.
			f.at++
		default:
			before := f.at
			f.value(n.add(&Node{Value: Span{f.at, f.at}}), depth+1)
			if f.at == before { // A bracket that is nested too deep.
				f.at++
			}
		}
	}
}

func (f *flowParser) field(n *Node, depth int) {
	start := f.at
	key := f.scalar()
	c := n.add(&Node{Key: key, KeySpan: Span{start, f.at}, Value: Span{f.at, f.at}})
	if key == "" {
		n.Children = n.Children[:len(n.Children)-1]
		if f.at == start {
			f.at++
		}
		return
	}
	f.blanks()
	if f.peek() == ':' {
		f.at++
		c.Value = Span{f.at, f.at}
		if f.blanks(); f.peek() != ',' && f.peek() != '}' {
			f.value(c, depth+1)
		}
	}
}

// scalar reads a text in quotes, or a plain one.
func (f *flowParser) scalar() string {
	start := f.at
	if q := f.peek(); q == '"' || q == '\'' {
		f.at++
		for f.at < len(f.src) && f.src[f.at] != q {
			if f.src[f.at] == '\\' && q == '"' {
				f.at++
			}
			f.at++
		}
		f.at = min(f.at+1, len(f.src))
		return unquote(f.src[start:f.at])
	}
	for f.at < len(f.src) {
		c := f.src[f.at]
		if strings.IndexByte(",[]{}\n", c) >= 0 || c == ':' && (f.at+1 == len(f.src) || strings.IndexByte(" \t\n,", f.src[f.at+1]) >= 0) {
			break
		}
		f.at++
	}
	return strings.TrimSpace(f.src[start:f.at])
}
