package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
)

// lineHandler writes log records as lines for people: the time of day, the level
// unless it is the usual one, the phase, the message and what else there is.
type lineHandler struct {
	mu    *sync.Mutex
	w     io.Writer
	phase string
	attrs []slog.Attr
}

func newLineHandler(w io.Writer) slog.Handler { return &lineHandler{mu: &sync.Mutex{}, w: w} }

func (h *lineHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelInfo }

func (h *lineHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	next := *h
	next.attrs = append([]slog.Attr{}, h.attrs...)
	for _, a := range attrs {
		if a.Key == "phase" {
			next.phase = a.Value.String()
			continue
		}
		next.attrs = append(next.attrs, a)
	}
	return &next
}

func (h *lineHandler) WithGroup(string) slog.Handler { return h }

func (h *lineHandler) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	b.WriteString(r.Time.Format("15:04:05"))
	if r.Level != slog.LevelInfo {
		b.WriteString(" " + r.Level.String())
	}
	phase, rest := h.phase, ""
	write := func(a slog.Attr) bool {
		if a.Key == "phase" {
			phase = a.Value.String()
		} else {
			rest += fmt.Sprintf(" %s=%v", a.Key, a.Value)
		}
		return true
	}
	for _, a := range h.attrs {
		write(a)
	}
	r.Attrs(write)
	if phase != "" {
		b.WriteString(" " + phase + ":")
	}
	b.WriteString(" " + r.Message + rest + "\n")
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := io.WriteString(h.w, b.String())
	return err
}
