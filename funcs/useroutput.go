package funcs

import (
	"bytes"
	"context"
	"errors"
	"log/slog"

	"github.com/rescuecue/rescue/compat/phaseoutput"
	"github.com/rescuecue/rescue/funcs/kube"
)

// userOutput takes the standard output of a user's command: outputs are collected,
// all other lines go to the log as they come. It is an io.Writer for one goroutine.
type userOutput struct {
	*phaseoutput.Parser
	tail kube.Tail
}

// newUserOutput logs the lines with attrs, which say where they come from.
func newUserOutput(ctx context.Context, log *slog.Logger, attrs ...slog.Attr) *userOutput {
	u := &userOutput{}
	u.Parser = phaseoutput.NewParser(func(line string) {
		u.tail.Add(line)
		log.LogAttrs(ctx, slog.LevelInfo, line, attrs...)
	})
	return u
}

// result returns the outputs of a command that ended with err. Outputs of a failed
// command are dropped, and its error gets the last lines of the log.
func (u *userOutput) result(err error) (Output, error) {
	outputs, parseErr := u.Finish()
	if err != nil {
		return nil, u.explain(err)
	}
	if parseErr != nil {
		return nil, parseErr
	}
	out := make(Output, len(outputs))
	for k, v := range outputs {
		out[k] = v
	}
	return out, nil
}

func (u *userOutput) explain(err error) error {
	var e *kube.PodError
	if errors.As(err, &e) && len(e.Log) == 0 {
		e.Log = u.tail.Lines()
	}
	return err
}

// lineLog writes each line of a stream to the log. Lines that are longer than
// maxLogLine come in pieces, so that memory stays bounded.
type lineLog struct {
	emit func(line string)
	open []byte
}

const maxLogLine = 64 << 10

func newLineLog(ctx context.Context, log *slog.Logger, attrs ...slog.Attr) *lineLog {
	return &lineLog{emit: func(line string) { log.LogAttrs(ctx, slog.LevelInfo, line, attrs...) }}
}

// Write never fails.
func (l *lineLog) Write(b []byte) (int, error) {
	n := len(b)
	for {
		line, rest, ended := bytes.Cut(b, []byte("\n"))
		l.open = append(l.open, line...)
		if ended || len(l.open) >= maxLogLine {
			l.Flush()
		}
		if !ended {
			return n, nil
		}
		b = rest
	}
}

// Flush writes what is left of a last line without an end.
func (l *lineLog) Flush() {
	if line := bytes.TrimSuffix(l.open, []byte("\r")); len(line) > 0 {
		l.emit(string(line))
	}
	l.open = l.open[:0]
}
