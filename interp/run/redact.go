package run

import (
	"context"
	"log/slog"
	"strings"
	"sync"

	"github.com/rescuecue/rescue/compat"
)

// A Redactor knows the secret values of a run and takes them out of text.
type Redactor struct {
	mu sync.RWMutex
	// known are the values that were added, so that none is taken apart twice.
	known map[string]bool
	// public are texts that everybody sees anyway: see Public.
	public map[string]bool
	index  index
}

// NewRedactor returns one that knows no secret yet.
func NewRedactor() *Redactor {
	return &Redactor{known: map[string]bool{}, public: map[string]bool{}, index: newIndex()}
}

// minSecret is the length below which a value is not taken for a secret: masking
// every "a" would make a log unreadable and protect nothing.
const minSecret = 4

// minSecretLine is the least length of a line of a longer secret, a key for instance.
const minSecretLine = 8

// Mask stands where a secret was.
const Mask = "***"

// AddParams adds the secrets of an action's parameters, and learns from them what is
// public: the names of the objects. A Secret often holds a user "postgres" beside the
// password, and a log with *** for the name of the application would help nobody.
func (r *Redactor) AddParams(p *compat.Params) {
	r.Public(p.PublicValues()...)
	for _, v := range p.SecretValues() {
		r.Add(v)
	}
}

// addAll adds all that is known to be secret before a run starts.
func (r *Redactor) addAll(opts Options) {
	for _, v := range opts.Secrets {
		r.Add(v)
	}
	for _, name := range opts.Plan.SecretOptions {
		r.Add(opts.Params.Options[name])
	}
	r.AddParams(opts.Params)
}

// Public names texts that are no secrets, although a Secret may hold them as well. It
// counts for what is added afterwards.
func (r *Redactor) Public(texts ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range texts {
		r.public[t] = true
	}
}

// AddSecret adds all values of a Secret.
func (r *Redactor) AddSecret(s compat.Secret) {
	for _, v := range s.Data {
		r.Add(string(v))
	}
}

// Add adds a value in the forms that it may be written in.
func (r *Redactor) Add(value string) {
	trimmed := strings.TrimSpace(value)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(trimmed) < minSecret || r.known[value] || r.public[trimmed] {
		return
	}
	r.known[value] = true
	for _, form := range forms(value) {
		r.index.add(form)
	}
}

// Find returns where secrets stand in the text: from, to, in order, and apart from each
// other.
func (r *Redactor) Find(text string) [][2]int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.index.find(text)
}

// Has tells whether there is a secret in the text.
func (r *Redactor) Has(text string) bool { return len(r.Find(text)) > 0 }

// Text returns s with a mask for each secret in it.
func (r *Redactor) Text(s string) string {
	spans := r.Find(s)
	if len(spans) == 0 {
		return s
	}
	var b strings.Builder
	done := 0
	for _, span := range spans {
		b.WriteString(s[done:span[0]])
		b.WriteString(Mask)
		done = span[1]
	}
	b.WriteString(s[done:])
	return b.String()
}

// Value returns v, as JSON has it, with a mask for each secret in its texts. What has
// none is returned as it is.
func (r *Redactor) Value(v any) any {
	switch v := v.(type) {
	case string:
		return r.Text(v)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = r.Value(v[i])
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, x := range v {
			out[r.Text(key)] = r.Value(x)
		}
		return out
	}
	return v
}

// Handler returns a log handler that masks secrets in messages and values.
func (r *Redactor) Handler(next slog.Handler) slog.Handler { return redacting{r, next} }

type redacting struct {
	r    *Redactor
	next slog.Handler
}

func (h redacting) Enabled(ctx context.Context, l slog.Level) bool { return h.next.Enabled(ctx, l) }

func (h redacting) Handle(ctx context.Context, rec slog.Record) error {
	out := slog.NewRecord(rec.Time, rec.Level, h.r.Text(rec.Message), rec.PC)
	rec.Attrs(func(a slog.Attr) bool {
		out.AddAttrs(h.attr(a))
		return true
	})
	return h.next.Handle(ctx, out)
}

func (h redacting) WithAttrs(attrs []slog.Attr) slog.Handler {
	return redacting{h.r, h.next.WithAttrs(h.attrs(attrs))}
}

func (h redacting) WithGroup(name string) slog.Handler { return redacting{h.r, h.next.WithGroup(name)} }

func (h redacting) attrs(attrs []slog.Attr) []slog.Attr {
	masked := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		masked[i] = h.attr(a)
	}
	return masked
}

func (h redacting) attr(a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindString, slog.KindAny:
		return slog.String(a.Key, h.r.Text(v.String()))
	case slog.KindGroup:
		return slog.Attr{Key: a.Key, Value: slog.GroupValue(h.attrs(v.Group())...)}
	default:
		return slog.Attr{Key: a.Key, Value: v}
	}
}
