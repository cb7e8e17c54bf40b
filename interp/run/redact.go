package run

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/rescuecue/rescue/compat"
)

// A Redactor knows the secret values of a run and takes them out of text.
type Redactor struct {
	mu     sync.RWMutex
	values []string // longest first, so that no part of a longer one stays
}

// NewRedactor returns one that knows no secret yet.
func NewRedactor() *Redactor { return &Redactor{} }

// minSecret is the length below which a value is not taken for a secret: masking
// every "a" would make a log unreadable and protect nothing.
const minSecret = 4

// Mask stands where a secret was.
const Mask = "***"

// AddParams adds the secrets of an action's parameters.
func (r *Redactor) AddParams(p *compat.Params) {
	for _, v := range p.SecretValues() {
		r.Add(v)
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
	if len(strings.TrimSpace(value)) < minSecret {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.values = append(r.values, forms(value)...)
	// A log is masked line by line.
	for line := range strings.Lines(value) {
		if line = strings.TrimSpace(line); len(line) >= minSecretLine && line != value {
			r.values = append(r.values, line)
		}
	}
	slices.SortFunc(r.values, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	r.values = slices.Compact(r.values)
}

// minSecretLine is the least length of a line of a longer secret, a key for instance.
const minSecretLine = 8

// forms are the ways in which a value is written into text.
func forms(value string) []string {
	var plain bytes.Buffer
	enc := json.NewEncoder(&plain)
	enc.SetEscapeHTML(false)
	// Encoding a string into memory does not fail.
	_ = enc.Encode(value)
	quoted := strings.TrimSuffix(plain.String(), "\n")
	escaped, _ := json.Marshal(value)
	return []string{
		value, strings.TrimSpace(value), quoted[1 : len(quoted)-1], string(escaped[1 : len(escaped)-1]),
		base64.StdEncoding.EncodeToString([]byte(value)), url.QueryEscape(value), url.PathEscape(value),
	}
}

// Text returns s with a mask for each secret in it.
func (r *Redactor) Text(s string) string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, v := range r.values {
		s = strings.ReplaceAll(s, v, Mask)
	}
	return s
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
	masked := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		masked[i] = h.attr(a)
	}
	return redacting{h.r, h.next.WithAttrs(masked)}
}

func (h redacting) WithGroup(name string) slog.Handler { return redacting{h.r, h.next.WithGroup(name)} }

func (h redacting) attr(a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindString:
		return slog.String(a.Key, h.r.Text(v.String()))
	case slog.KindAny:
		return slog.String(a.Key, h.r.Text(v.String()))
	default:
		return slog.Attr{Key: a.Key, Value: v}
	}
}
