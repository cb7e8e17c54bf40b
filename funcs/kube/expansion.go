package kube

import "strings"

// An expansion rewrites a text that Kubernetes expands, so that references to variables
// stand in the place of secrets and the outcome is the same.
//
// Kubernetes reads $(NAME) as a variable, if there is one, and else leaves it as it is, up
// to the first ")": a shell's $(curl -u me:SECRET …) is one long name to it. It would not
// look for a variable inside of that. And it reads $$ as $. So a "$" of the text that would
// be read together with what follows it must be doubled.
type expansion struct {
	text  string
	spans [][2]int
	// variable names the variable that holds a secret.
	variable func(secret string) string
}

// A piece is a part of the text as the process is to get it, or a reference, which is
// written as it is.
type piece struct {
	text      string
	reference bool
}

// rewrite returns the new text.
func (e *expansion) rewrite() string {
	pieces := e.pieces()
	var b strings.Builder
	for i, p := range pieces {
		if p.reference {
			b.WriteString(p.text)
			continue
		}
		follows := byte(0)
		if i+1 < len(pieces) {
			follows = pieces[i+1].text[0]
		}
		escape(&b, p.text, follows)
	}
	return b.String()
}

// escape doubles each "$" that Kubernetes would read together with what follows it.
func escape(b *strings.Builder, text string, follows byte) {
	for i := range len(text) {
		next := follows
		if i+1 < len(text) {
			next = text[i+1]
		}
		b.WriteByte(text[i])
		if text[i] == '$' && (next == '$' || next == '(') {
			b.WriteByte('$')
		}
	}
}

// pieces reads the text as Kubernetes does, but for secrets, which it takes for what they
// are.
func (e *expansion) pieces() []piece {
	var pieces []piece
	literal := func(s string) {
		if last := len(pieces) - 1; last >= 0 && !pieces[last].reference {
			pieces[last].text += s
		} else if s != "" {
			pieces = append(pieces, piece{text: s})
		}
	}
	for i, spans := 0, e.spans; i < len(e.text); {
		if len(spans) > 0 && i == spans[0][0] {
			name := e.variable(e.text[spans[0][0]:spans[0][1]])
			pieces = append(pieces, piece{"$(" + name + ")", true})
			i, spans = spans[0][1], spans[1:]
			continue
		}
		end := len(e.text) // of what is no secret
		if len(spans) > 0 {
			end = spans[0][0]
		}
		plain := e.text[i:end]
		switch dollar := strings.IndexByte(plain, '$'); {
		case dollar != 0:
			if dollar < 0 {
				dollar = len(plain)
			}
			literal(plain[:dollar])
			i += dollar
		case strings.HasPrefix(plain, "$$"):
			literal("$")
			i += 2
		case strings.HasPrefix(plain, "$(") && strings.Contains(plain, ")"):
			n := strings.IndexByte(plain, ')') + 1
			pieces = append(pieces, piece{plain[:n], true})
			i += n
		default:
			literal("$")
			i++
		}
	}
	return pieces
}
