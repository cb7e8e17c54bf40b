package vet

import "strings"

// inPod is the text as a container gets it whose pod has it in its command: Kubernetes
// makes one $ of two. What is left of a single one is a reference to the environment of the
// pod, or stays.
func (t *filledText) inPod() *filledText {
	own := &filledText{report: t.report, line: t.line}
	for _, form := range t.forms {
		own.forms = append(own.forms, form.halved())
	}
	return own
}

// halved is the text with one $ for each two that are written side by side.
func (t *trial) halved() *trial {
	out, text := &trial{}, t.String()
	for i, p := range t.pieces {
		end := len(text)
		if i+1 < len(t.pieces) {
			end = t.pieces[i+1].at
		}
		switch part := text[p.at:end]; {
		case p.value != nil:
			out.fill(p.value)
		case p.fixed:
			out.instead(part, p.source)
		default:
			out.literallyHalved(part, p.source)
		}
	}
	return out
}

func (t *trial) literallyHalved(text string, source int) {
	for {
		i := strings.Index(text, "$$")
		if i < 0 {
			t.literally(text, source)
			return
		}
		t.literally(text[:i+1], source)
		text, source = text[i+2:], source+i+2
	}
}
