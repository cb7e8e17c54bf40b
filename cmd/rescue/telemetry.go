package main

import (
	"context"
	"fmt"
	"os"

	"github.com/rescuecue/rescue/cmd/internal/telemetry"
	"github.com/rescuecue/rescue/interp/run"
)

// startTracing begins to send traces, if the environment asks for them. That they cannot
// be sent is told and no reason not to run.
func (c *call) startTracing(ctx context.Context) {
	tracer, err := telemetry.NewTracer(ctx, os.Getenv)
	if err != nil {
		fmt.Fprintf(c.streams.Stderr, "rescue: %v\n", err)
	}
	c.tracer = tracer
}

// endTracing sends what is left.
func (c *call) endTracing(ctx context.Context) {
	if err := c.tracer.Close(ctx); err != nil {
		fmt.Fprintf(c.streams.Stderr, "rescue: %v\n", err)
	}
}

// trace returns what takes the events of an action.
func (c *call) trace(t *task) func(run.Event) {
	return c.tracer.Follow(t.blueprint.Name(), t.spec.Name, objectName(t.spec.Object))
}

// writeMetrics writes the file of --metrics-file.
func (c *call) writeMetrics(tasks []*task) error {
	if c.metricsFile == "" {
		return nil
	}
	var runs []telemetry.Run
	for _, t := range tasks {
		runs = append(runs, telemetry.Run{Result: t.result, Object: objectName(t.spec.Object)})
	}
	return telemetry.WriteMetrics(c.metricsFile, runs)
}
