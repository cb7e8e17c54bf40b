package telemetry

import (
	"context"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/proto/otlp/collector/trace/v1"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/rescuecue/rescue/interp/run"
)

// A collector keeps the spans that it is sent.
type collector struct {
	mu    sync.Mutex
	spans map[string]*spans.Span
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var req v1.ExportTraceServiceRequest
	if err != nil || proto.Unmarshal(body, &req) != nil {
		http.Error(w, "no trace", http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, rs := range req.GetResourceSpans() {
		for _, ss := range rs.GetScopeSpans() {
			for _, s := range ss.GetSpans() {
				c.spans[s.GetName()] = s
			}
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// environment asks for traces at url. The exporter reads the process's own.
func environment(t *testing.T, url string, more map[string]string) func(string) string {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
	vars := map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": url}
	for k, v := range more {
		vars[k] = v
	}
	return func(name string) string { return vars[name] }
}

// events of a run whose second phase fails at its second attempt.
func events() []run.Event {
	at := func(s int64, e run.Event) run.Event {
		e.Time, e.Run = time.Unix(s, 0), "r1"
		return e
	}
	return []run.Event{
		at(1, run.Event{Kind: run.RunStarted}),
		at(2, run.Event{Kind: run.PhaseStarted, Phase: "stop", Func: "ScaleWorkload", Attempt: 1}),
		at(3, run.Event{Kind: run.PhaseFinished, Phase: "stop", State: run.Complete}),
		at(4, run.Event{Kind: run.PhaseStarted, Phase: "dump", Func: "KubeTask", Attempt: 1}),
		at(5, run.Event{Kind: run.PhaseStarted, Phase: "dump", Func: "KubeTask", Attempt: 2}),
		at(6, run.Event{Kind: run.PhaseFinished, Phase: "dump", State: run.Failed, Error: "disk is full"}),
		at(7, run.Event{Kind: run.PhaseStarted, Phase: "(deferPhase)", Func: "ScaleWorkload", Attempt: 1}),
		at(8, run.Event{Kind: run.PhaseFinished, Phase: "(deferPhase)", State: run.Complete}),
		at(9, run.Event{Kind: run.RunFinished, State: run.Failed, Errors: []string{"phase dump: disk is full"}}),
	}
}

func TestARunIsATrace(t *testing.T) {
	c := &collector{spans: map[string]*spans.Span{}}
	server := httptest.NewServer(c)
	defer server.Close()
	const parent = "0123456789abcdef"
	getenv := environment(t, server.URL, map[string]string{"TRACEPARENT": "00-0123456789abcdef0123456789abcdef-" + parent + "-01"})
	tracer, err := NewTracer(context.Background(), getenv)
	if err != nil {
		t.Fatal(err)
	}
	follow := tracer.Follow("pg", "backup", "shop/db")
	for _, e := range events() {
		follow(e)
	}
	if err := tracer.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	root, dump := c.spans["backup of pg"], c.spans["dump"]
	if len(c.spans) != 4 || root == nil || dump == nil || c.spans["stop"] == nil || c.spans["deferPhase"] == nil {
		t.Fatalf("spans %v", c.spans)
	}
	if hex.EncodeToString(root.GetParentSpanId()) != parent || string(dump.GetParentSpanId()) != string(root.GetSpanId()) {
		t.Errorf("parents: run %x, phase %x", root.GetParentSpanId(), dump.GetParentSpanId())
	}
	if dump.GetStatus().GetMessage() != "disk is full" || dump.GetStatus().GetCode() != spans.Status_STATUS_CODE_ERROR || len(dump.GetEvents()) != 1 {
		t.Errorf("dump is %v", dump)
	}
	if took := dump.GetEndTimeUnixNano() - dump.GetStartTimeUnixNano(); took != uint64(2*time.Second) {
		t.Errorf("dump took %d ns", took)
	}
}

func TestNobodyAskedForTraces(t *testing.T) {
	for _, vars := range []map[string]string{
		{},
		{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:1", "OTEL_SDK_DISABLED": "true"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:1", "OTEL_TRACES_EXPORTER": "none"},
	} {
		tracer, err := NewTracer(context.Background(), func(name string) string { return vars[name] })
		if tracer != nil || err != nil {
			t.Errorf("%v: tracer %v, error %v", vars, tracer, err)
		}
		tracer.Follow("b", "a", "")(run.Event{Kind: run.RunStarted})
		if err := tracer.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

func TestACollectorThatRefusesIsTold(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "go away", http.StatusForbidden) }))
	defer server.Close()
	tracer, err := NewTracer(context.Background(), environment(t, server.URL, nil))
	if err != nil {
		t.Fatal(err)
	}
	follow := tracer.Follow("pg", "backup", "")
	for _, e := range events() {
		follow(e)
	}
	if err := tracer.Close(context.Background()); err == nil || !strings.HasPrefix(err.Error(), "traces: ") {
		t.Errorf("error %v", err)
	}
}

func TestAnotherProtocolIsRefused(t *testing.T) {
	_, err := NewTracer(context.Background(), environment(t, "http://localhost:1", map[string]string{"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}))
	if err == nil || !strings.Contains(err.Error(), "http/protobuf") {
		t.Errorf("error %v", err)
	}
}
