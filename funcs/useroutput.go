package funcs

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"

	"github.com/rescuecue/rescue/compat/phaseoutput"
	"github.com/rescuecue/rescue/funcs/kube"
)

// userOutput takes the standard output of a user's command: outputs are collected,
// all other lines go to the log as they come. It is an io.Writer for one goroutine.
type userOutput struct {
	*phaseoutput.Parser
	tail kube.Tail
	// container of a pod of its own that writes this, empty for others.
	container string
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

// newPodOutput takes the log of a container of a pod that the phase made.
func newPodOutput(ctx context.Context, log *slog.Logger, container string) *userOutput {
	u := newUserOutput(ctx, log, slog.String("container", container))
	u.container = container
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
		return nil, u.malformed(parseErr)
	}
	out := make(Output, len(outputs))
	for k, v := range outputs {
		out[k] = v
	}
	return out, nil
}

// finishWithout ends the log of a container that cannot hand over outputs, and says
// so if it tried.
func (u *userOutput) finishWithout(ctx context.Context, log *slog.Logger) {
	if outputs, err := u.Finish(); len(outputs) > 0 || err != nil {
		log.LogAttrs(ctx, slog.LevelWarn, "outputs of this container do not count", slog.String("container", u.container))
	}
}

// malformed says how to write an output.
func (u *userOutput) malformed(err error) error {
	if u.container != "" {
		err = fmt.Errorf("container %s: %w", u.container, err)
	}
	return fmt.Errorf("%w\nto go on: write outputs with `kando output KEY VALUE`, or as lines %s {\"key\":\"KEY\",\"value\":\"TEXT\"}",
		err, phaseoutput.Marker)
}

// addTo adds the last lines of the log to the error about its container.
func (u *userOutput) addTo(err error) {
	for _, e := range kube.PodErrors(err) {
		if e.Container == u.container && len(e.Log) == 0 {
			e.Log = u.tail.Lines()
		}
	}
}

// explain adds the last lines of the log to an error: to that about its container, to
// that about the pod as a whole, or to one that ended the wait for the pod.
func (u *userOutput) explain(err error) error {
	u.addTo(err)
	lines, pods := u.tail.Lines(), kube.PodErrors(err)
	for _, e := range pods {
		if e.Container == "" {
			e.Log = lines
		}
	}
	if len(pods) == 0 && len(lines) > 0 {
		return fmt.Errorf("%w\nthe last lines of its log:%s", err, indent(lines))
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
