package telemetry

import (
	"context"
	"errors"
	"sync"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// A spanQueue exports spans one after the other while runs go on, and tells what went
// wrong when it is shut down: the SDK's own processor tells that to a global handler.
type spanQueue struct {
	exporter sdktrace.SpanExporter
	ctx      context.Context
	cancel   context.CancelFunc
	done     chan struct{}

	mu     sync.Mutex
	more   *sync.Cond
	spans  []sdktrace.ReadOnlySpan
	closed bool
	err    error
}

func newSpanQueue(exporter sdktrace.SpanExporter) *spanQueue {
	q := &spanQueue{exporter: exporter, done: make(chan struct{})}
	q.more = sync.NewCond(&q.mu)
	q.ctx, q.cancel = context.WithCancel(context.Background())
	go q.work()
	return q
}

// work exports until the queue is shut down and empty. After an error it gives up: a
// collector that is away is tried by the exporter itself.
func (q *spanQueue) work() {
	defer close(q.done)
	for {
		spans := q.next()
		if len(spans) == 0 {
			return
		}
		if err := q.exporter.ExportSpans(q.ctx, spans); err != nil {
			q.mu.Lock()
			q.err = err
			q.mu.Unlock()
			return
		}
	}
}

// next waits for spans; none means that there will be no more.
func (q *spanQueue) next() []sdktrace.ReadOnlySpan {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.spans) == 0 && !q.closed {
		q.more.Wait()
	}
	spans := q.spans
	q.spans = nil
	return spans
}

// OnStart implements sdktrace.SpanProcessor.
func (q *spanQueue) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

// OnEnd implements sdktrace.SpanProcessor.
func (q *spanQueue) OnEnd(s sdktrace.ReadOnlySpan) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed && q.err == nil {
		q.spans = append(q.spans, s)
		q.more.Signal()
	}
}

// ForceFlush implements sdktrace.SpanProcessor. Nobody calls it here.
func (q *spanQueue) ForceFlush(context.Context) error { return nil }

// Shutdown implements sdktrace.SpanProcessor: it exports what is left, as long as ctx
// allows.
func (q *spanQueue) Shutdown(ctx context.Context) error {
	q.mu.Lock()
	q.closed = true
	q.more.Signal()
	q.mu.Unlock()
	stop := context.AfterFunc(ctx, q.cancel)
	defer stop()
	<-q.done
	q.cancel()
	return errors.Join(q.err, q.exporter.Shutdown(ctx))
}
