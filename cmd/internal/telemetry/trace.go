package telemetry

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/rescuecue/rescue/interp/run"
)

// A Tracer sends a span for each run and each phase to a collector, as OpenTelemetry's
// variables say. Its methods also work on nil: nobody asked for traces.
type Tracer struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
	parent   context.Context
	spans    *spanQueue
}

// flushTime is how long a collector may take when all runs have ended. A run never
// waits for it before.
const flushTime = 10 * time.Second

// NewTracer makes a tracer if one of the variables OTEL_EXPORTER_OTLP_ENDPOINT and
// OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is set, and tracing is not switched off. TRACEPARENT
// names the span that the runs belong to.
func NewTracer(ctx context.Context, getenv func(string) string) (*Tracer, error) {
	if !asked(getenv) {
		return nil, nil
	}
	if p := protocol(getenv); p != "" && p != "http/protobuf" {
		return nil, fmt.Errorf("traces: the protocol %s is not there: set OTEL_EXPORTER_OTLP_PROTOCOL to http/protobuf", p)
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	about, err := resource.New(ctx, resource.WithAttributes(attribute.String("service.name", "rescue")), resource.WithFromEnv(), resource.WithTelemetrySDK())
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	queue := newSpanQueue(exporter)
	provider := sdktrace.NewTracerProvider(sdktrace.WithResource(about), sdktrace.WithSpanProcessor(queue))
	carrier := propagation.MapCarrier{"traceparent": getenv("TRACEPARENT"), "tracestate": getenv("TRACESTATE")}
	return &Tracer{
		provider: provider, tracer: provider.Tracer("github.com/rescuecue/rescue"), spans: queue,
		parent: propagation.TraceContext{}.Extract(context.WithoutCancel(ctx), carrier),
	}, nil
}

func asked(getenv func(string) string) bool {
	if strings.EqualFold(getenv("OTEL_SDK_DISABLED"), "true") || getenv("OTEL_TRACES_EXPORTER") == "none" {
		return false
	}
	return getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
}

func protocol(getenv func(string) string) string {
	if p := getenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"); p != "" {
		return p
	}
	return getenv("OTEL_EXPORTER_OTLP_PROTOCOL")
}

// Close sends what is left. It does not wait for ever for a collector that is away.
func (t *Tracer) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("traces: %w", err)
	}
	return nil
}

// Follow returns what takes the events of one run. Phases call it at the same time.
func (t *Tracer) Follow(blueprint, action, object string) func(run.Event) {
	if t == nil {
		return func(run.Event) {}
	}
	f := &follower{Tracer: t, title: action + " of " + blueprint, phases: map[string]trace.Span{}}
	f.about = []attribute.KeyValue{
		attribute.String("rescue.blueprint", blueprint), attribute.String("rescue.action", action), attribute.String("rescue.object", object),
	}
	return f.event
}

// A follower makes the spans of one run.
type follower struct {
	*Tracer
	title string
	about []attribute.KeyValue

	mu     sync.Mutex
	ctx    context.Context
	run    trace.Span
	phases map[string]trace.Span
}

func (f *follower) event(e run.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := trace.WithTimestamp(e.Time)
	switch e.Kind {
	case run.RunStarted, run.RunResumed:
		f.ctx, f.run = f.tracer.Start(f.parent, f.title, at, trace.WithAttributes(append(f.about, attribute.String("rescue.run", e.Run))...))
	case run.PhaseStarted:
		f.phaseStarted(e, at)
	case run.PhaseFinished:
		if span, ok := f.phases[e.Phase]; ok {
			end(span, e.State, e.Error, at)
			delete(f.phases, e.Phase)
		}
	case run.RunFinished:
		if f.run != nil {
			end(f.run, e.State, strings.Join(e.Errors, "\n"), at)
		}
	}
}

// phaseStarted begins the span of a phase, or notes another attempt in it.
func (f *follower) phaseStarted(e run.Event, at trace.SpanStartEventOption) {
	if span, again := f.phases[e.Phase]; again {
		span.AddEvent("attempt", trace.WithTimestamp(e.Time), trace.WithAttributes(attribute.Int("rescue.attempt", e.Attempt)))
		return
	}
	name := strings.Trim(e.Phase, "()")
	_, f.phases[e.Phase] = f.tracer.Start(f.ctx, name, at, trace.WithAttributes(
		attribute.String("rescue.run", e.Run), attribute.String("rescue.phase", name), attribute.String("rescue.function", e.Func)))
}

func end(span trace.Span, state run.State, text string, at trace.SpanEndOption) {
	span.SetAttributes(attribute.String("rescue.state", string(state)))
	if state != run.Complete {
		span.SetStatus(codes.Error, text)
	}
	span.End(at)
}
