package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/rescuecue/rescue/interp/run"
)

// progressEvery is how often a pipe gets a line on the progress of a phase.
const progressEvery = 10 * time.Second

// onEvent shows what happens in an action.
func (c *call) onEvent(t *task) func(run.Event) {
	tell, show, trace := announce(t.talk), c.progress(t), c.trace(t)
	return func(e run.Event) {
		trace(e)
		if c.events {
			c.eventLines.write(e)
		}
		show(e)
		tell(e)
	}
}

// progress shows how far phases are that move data: below all other lines of a
// terminal, or now and then in a pipe.
func (c *call) progress(t *task) func(run.Event) {
	live, terminal := c.streams.Stderr.(*liveWriter)
	var mu sync.Mutex
	last := map[string]time.Time{}
	return func(e run.Event) {
		key := t.title + "\x00" + e.Phase
		switch {
		case e.Kind == run.PhaseFinished && terminal:
			live.status(key, "")
		case e.Kind != run.PhaseProgress:
		case terminal:
			live.status(key, phaseName(e)+": "+progressText(*e.Progress))
		default:
			mu.Lock()
			first := last[e.Phase].IsZero()
			due := e.Time.Sub(last[e.Phase]) >= progressEvery
			if first || due {
				last[e.Phase] = e.Time
			}
			mu.Unlock()
			if due && !first {
				fmt.Fprintf(t.talk, "%s %s: %s\n", e.Time.Format("15:04:05"), phaseName(e), progressText(*e.Progress))
			}
		}
	}
}

// progressText is a line for people.
func progressText(p run.Progress) string {
	parts := []string{size(p.Done())}
	if p.Estimated > 0 {
		parts[0] += " of " + size(p.Estimated)
	}
	if p.Cached > 0 {
		parts = append(parts, size(p.Cached)+" unchanged")
	}
	if p.Uploaded > 0 {
		parts = append(parts, size(p.Uploaded)+" uploaded")
	}
	if p.RemainingSeconds > 0 {
		left := time.Duration(p.RemainingSeconds * float64(time.Second)).Round(time.Second)
		parts = append(parts, left.String()+" left")
	}
	return strings.Join(parts, ", ")
}

// size is a number of bytes for people.
func size(n int64) string {
	const units = "KMGTPE"
	if n < 1<<10 {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n), -1
	for value >= 1<<10 {
		value /= 1 << 10
		unit++
	}
	return fmt.Sprintf("%.1f %ciB", value, units[unit])
}

// liveWriter is a terminal with a line at its end that changes.
type liveWriter struct {
	mu    sync.Mutex
	w     io.Writer
	width func() int
	parts map[string]string
	drawn bool
}

// newTalk returns a liveWriter if w is a terminal that can do that, or w.
func newTalk(w io.Writer) io.Writer {
	file, ok := w.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" || !term.IsTerminal(int(file.Fd())) {
		return w
	}
	return &liveWriter{w: w, parts: map[string]string{}, width: func() int {
		if width, _, err := term.GetSize(int(file.Fd())); err == nil {
			return width
		}
		return 80
	}}
}

// Write implements io.Writer. What it gets are whole lines.
func (l *liveWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clear()
	n, err := l.w.Write(p)
	l.draw()
	return n, err
}

// status sets the part of the last line with the key; an empty text removes it.
func (l *liveWriter) status(key, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if text == "" {
		delete(l.parts, key)
	} else {
		l.parts[key] = text
	}
	l.clear()
	l.draw()
}

// Neither of the two reports errors: what is shown there is gone a moment later.
func (l *liveWriter) clear() {
	if l.drawn {
		fmt.Fprint(l.w, "\r\x1b[K")
		l.drawn = false
	}
}

func (l *liveWriter) draw() {
	if len(l.parts) == 0 {
		return
	}
	var texts []string
	for _, key := range slices.Sorted(maps.Keys(l.parts)) {
		texts = append(texts, l.parts[key])
	}
	line := []rune(strings.Join(texts, " | "))
	if limit := max(l.width()-1, 1); len(line) > limit {
		line = line[:limit]
	}
	fmt.Fprint(l.w, string(line))
	l.drawn = true
}

// eventLines writes JSON lines; actions run at the same time.
type eventLines struct {
	mu  sync.Mutex
	w   io.Writer
	err error
}

func (l *eventLines) write(v any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	enc := json.NewEncoder(l.w)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); l.err == nil {
		l.err = err
	}
}

// end writes the last line, and returns the first error of all.
func (l *eventLines) end(result any) error {
	l.write(struct {
		Version string `json:"version"`
		Kind    string `json:"kind"`
		Result  any    `json:"result"`
	}{run.FormatVersion, "result", result})
	return l.err
}
