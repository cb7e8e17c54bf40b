package outline

import "strings"

// CUE reads the shape of a CUE file. What stands in an `if` or `for` counts as if
// it stood in the struct around it.
func CUE(src string) *Node {
	p := &cueParser{src: src, tokens: lex(src)}
	root := &Node{Kind: Map, Value: Span{0, len(src)}}
	for p.peek().kind != tokenEnd {
		p.declarations(root, 0)
		p.at++ // A bracket that nothing has opened.
	}
	return root
}

type cueParser struct {
	src    string
	tokens []token
	at     int
}

func (p *cueParser) peek() token { return p.ahead(0) }

func (p *cueParser) ahead(n int) token {
	return p.tokens[min(p.at+n, len(p.tokens)-1)]
}

func (p *cueParser) last() token { return p.tokens[max(0, min(p.at, len(p.tokens))-1)] }

// declarations reads until a closing bracket, which it leaves.
func (p *cueParser) declarations(in *Node, depth int) {
	for {
		switch t := p.peek(); {
		case t.kind == tokenEnd || t.kind == '}' || t.kind == ']' || t.kind == ')':
			return
		case t.kind == ',':
			p.at++
		case t.kind == tokenName && (t.text == "if" || t.text == "for") && p.ahead(1).kind != ':':
			p.clause(in, depth)
		case t.kind == tokenName && t.text == "let" && p.ahead(1).kind == tokenName:
			p.let(in, depth)
		case p.labelLength() > 0:
			p.field(in, depth)
		default:
			// An embedding: what it has is the struct's own.
			before := p.at
			p.expression(in, depth)
			if p.at == before {
				p.at++
			}
		}
	}
}

// labelLength counts the tokens of a label with its colon; 0 if there is none.
func (p *cueParser) labelLength() int {
	n := 1
	switch t := p.peek(); t.kind {
	case tokenName, tokenText:
		if p.ahead(1).kind == '=' && p.ahead(2).kind != '~' && p.ahead(2).kind != '=' { // An alias: X=name.
			n = 3
		}
	case '[', '(':
		if n = p.bracketLength(); n == 0 {
			return 0
		}
	default:
		return 0
	}
	if k := p.ahead(n).kind; k == '?' || k == '!' {
		n++
	}
	if p.ahead(n).kind != ':' {
		return 0
	}
	return n + 1
}

// bracketLength counts the tokens up to the bracket that closes the next one, on one line.
func (p *cueParser) bracketLength() int {
	depth := 0
	for n := range maxLabel {
		switch t := p.ahead(n); t.kind {
		case '[', '(', '{':
			depth++
		case ']', ')', '}':
			if depth--; depth == 0 {
				return n + 1
			}
		case ',':
			if t.text == "\n" {
				return 0
			}
		case tokenEnd:
			return 0
		}
	}
	return 0
}

// maxLabel is how many tokens a label can have: looking further would take long in a text
// of nothing but brackets.
const maxLabel = 200

func (p *cueParser) field(in *Node, depth int) {
	n := p.labelLength()
	label := p.peek()
	if p.ahead(1).kind == '=' {
		label = p.ahead(2)
	}
	colon := p.ahead(n - 1)
	f := &Node{Key: label.text, KeySpan: label.Span}
	if label.kind == '[' || label.kind == '(' || label.kind == tokenText && !label.literal {
		f.KeySpan.End = p.tokens[p.at+n-2].End
		f.Key = p.src[f.KeySpan.Start:f.KeySpan.End]
	}
	p.at += n
	in.add(f)
	p.value(f, colon.End, depth+1)
}

func (p *cueParser) let(in *Node, depth int) {
	name := p.ahead(1)
	p.at += 2
	f := in.add(&Node{Key: name.text, KeySpan: name.Span, Hidden: true})
	if p.peek().kind == '=' {
		p.at++
	}
	p.value(f, p.last().End, depth+1)
}

// clause skips to the struct of a comprehension, and reads that into in.
func (p *cueParser) clause(in *Node, depth int) {
	brackets := 0
	for {
		switch t := p.peek(); t.kind {
		case '(', '[':
			brackets++
		case ')', ']':
			brackets--
		case '{':
			if brackets <= 0 {
				p.braces(in, depth)
				return
			}
		case tokenEnd, '}':
			return
		}
		if brackets < 0 {
			return
		}
		p.at++
	}
}

// braces reads a struct into the node.
func (p *cueParser) braces(into *Node, depth int) {
	p.at++
	if depth > maxDepth {
		for depth := 1; depth > 0 && p.peek().kind != tokenEnd; p.at++ {
			switch p.peek().kind {
			case '{':
				depth++
			case '}':
				depth--
			}
		}
		return
	}
	into.Kind = Map
	p.declarations(into, depth+1)
	if p.peek().kind == '}' {
		p.at++
	}
}

// value reads what stands after a colon: another field, or an expression.
func (p *cueParser) value(f *Node, start, depth int) {
	switch {
	case depth < maxDepth && p.labelLength() > 0:
		f.Kind = Map
		p.field(f, depth)
	default:
		p.expression(f, depth)
	}
	end := max(start, p.last().End)
	if f.Kind == Empty {
		end = start
	}
	// The blanks behind it belong to it: there the next word is typed.
	for end < len(p.src) && (p.src[end] == ' ' || p.src[end] == '\t') {
		end++
	}
	f.Value = Span{start, end}
	if f.Kind == Scalar && !f.Literal {
		f.Text = strings.TrimSpace(p.src[start:end])
	}
}

// expression reads up to a comma or a bracket that closes. The fields of its structs
// become those of the node.
func (p *cueParser) expression(into *Node, depth int) {
	first := true
	for ; ; first = false {
		t := p.peek()
		switch t.kind {
		case tokenEnd, ',', '}', ']', ')':
			return
		case '{':
			p.braces(into, depth)
			continue
		case '[':
			p.brackets(into, first, depth)
			continue
		case '(':
			p.at++
			if depth < maxDepth {
				p.expression(into, depth+1)
			}
			if p.peek().kind == ')' {
				p.at++
			}
			continue
		}
		if t.kind == tokenName && (first || p.last().kind != '.') {
			p.ref(into)
		}
		if into.Kind == Empty || into.Kind == Scalar {
			into.Literal = first && (t.literal || t.kind == tokenOther)
			into.Kind, into.Text = Scalar, t.text
		}
		p.at++
	}
}

// ref notes the name that begins here, and passes over nothing. One that is called, or of
// which an item is taken, stands for something else.
func (p *cueParser) ref(in *Node) {
	r := Ref{[]string{p.peek().text}, p.peek().Span}
	n := 1
	for ; p.ahead(n).kind == '.' && len(r.Names) < maxNames; n += 2 {
		next := p.ahead(n + 1)
		if next.kind != tokenName && (next.kind != tokenText || !next.literal) {
			return
		}
		r.Names = append(r.Names, next.text)
		r.Span.End = next.End
	}
	if k := p.ahead(n).kind; (k == '(' || k == '[' || k == '.') && p.ahead(n).Start == r.Span.End {
		return
	}
	in.Refs = append(in.Refs, r)
}

// maxNames is how many parts a name can have.
const maxNames = 20

// brackets reads a list, or passes over an index.
func (p *cueParser) brackets(into *Node, first bool, depth int) {
	list := into
	if isIndex := !first && p.at > 0 && p.last().End == p.peek().Start; isIndex || depth > maxDepth {
		list = &Node{} // Read to find its end.
	}
	list.Kind = List
	p.at++
	for p.peek().kind != ']' && p.peek().kind != tokenEnd && p.peek().kind != '}' {
		if p.peek().kind == ',' || p.peek().kind == ')' {
			p.at++
			continue
		}
		item := list.add(&Node{})
		if t := p.peek(); t.kind == tokenName && (t.text == "if" || t.text == "for") {
			p.clause(item, depth+1)
			item.Value = Span{t.Start, p.last().End}
			continue
		}
		before := p.at
		p.value(item, p.peek().Start, depth+1)
		if p.at == before {
			p.at++
		}
	}
	if p.peek().kind == ']' {
		p.at++
	}
}
