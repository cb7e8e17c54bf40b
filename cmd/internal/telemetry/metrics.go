// Package telemetry tells other systems about runs: metrics for Prometheus in a file,
// and traces by OpenTelemetry. Only `rescue` has it, not the small rescue-vet.
package telemetry

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/rescuecue/rescue/interp/run"
)

// A Run is a run that has ended, and what it worked on.
type Run struct {
	Result *run.Result
	// Object is what the action worked on: NAMESPACE/NAME, or empty.
	Object string
}

// lastSuccess is the metric that outlives a failed run.
const lastSuccess = "rescue_run_last_success_timestamp_seconds"

// runLabels tell the runs of one file apart.
var runLabels = []string{"blueprint", "action", "object"}

// WriteMetrics writes what came of runs to a file in Prometheus' text format, for the
// textfile collector of node-exporter or for a Pushgateway. The file is replaced as a
// whole, so nobody reads half of it. When the last success was is carried over from the
// file that was there: an alert on its age has to fire also after a failure.
func WriteMetrics(path string, runs []Run) error {
	before, err := successes(path)
	if err != nil {
		return fmt.Errorf("metrics file: %w", err)
	}
	registry := prometheus.NewRegistry()
	m := newMetrics(registry)
	for _, r := range runs {
		m.add(r, before)
	}
	if err := prometheus.WriteToTextfile(path, registry); err != nil {
		return fmt.Errorf("metrics file: %w", err)
	}
	return nil
}

type metrics struct {
	success, duration, ended, last *prometheus.GaugeVec
	phaseSuccess, phaseDuration    *prometheus.GaugeVec
	phaseAttempts, phaseBytes      *prometheus.GaugeVec
}

func newMetrics(registry *prometheus.Registry) *metrics {
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, append(append([]string{}, runLabels...), labels...))
		registry.MustRegister(g)
		return g
	}
	return &metrics{
		success:       gauge("rescue_run_success", "1 if the last run succeeded, 0 if it did not."),
		duration:      gauge("rescue_run_duration_seconds", "How long the last run took."),
		ended:         gauge("rescue_run_end_timestamp_seconds", "When the last run ended."),
		last:          gauge(lastSuccess, "When a run last succeeded."),
		phaseSuccess:  gauge("rescue_phase_success", "1 if the phase succeeded, 0 if it failed, was cancelled or never started.", "phase", "func"),
		phaseDuration: gauge("rescue_phase_duration_seconds", "How long the phase took, all attempts together.", "phase", "func"),
		phaseAttempts: gauge("rescue_phase_attempts", "How often the phase was tried.", "phase", "func"),
		phaseBytes:    gauge("rescue_phase_bytes", "What a phase that moves data has read new (hashed), known already (cached), written to the store (uploaded), or restored.", "phase", "func", "kind"),
	}
}

func (m *metrics) add(r Run, before map[[3]string]float64) {
	res := r.Result
	labels := []string{res.Blueprint, res.Action, r.Object}
	m.success.WithLabelValues(labels...).Set(truth(res.State == run.Complete))
	m.duration.WithLabelValues(labels...).Set(res.Ended.Sub(res.Started).Seconds())
	m.ended.WithLabelValues(labels...).Set(seconds(res.Ended))
	if res.State == run.Complete {
		m.last.WithLabelValues(labels...).Set(seconds(res.Ended))
	} else if at, ok := before[[3]string(labels)]; ok {
		m.last.WithLabelValues(labels...).Set(at)
	}
	for _, p := range res.Phases {
		m.phase(labels, p)
	}
	if res.DeferPhase != nil {
		m.phase(labels, res.DeferPhase)
	}
}

func (m *metrics) phase(of []string, p *run.PhaseResult) {
	labels := append(append([]string{}, of...), p.Name, p.Func)
	m.phaseSuccess.WithLabelValues(labels...).Set(truth(p.State == run.Complete))
	m.phaseAttempts.WithLabelValues(labels...).Set(float64(p.Attempts))
	if p.Started != nil && p.Ended != nil {
		m.phaseDuration.WithLabelValues(labels...).Set(p.Ended.Sub(*p.Started).Seconds())
	}
	if p.Progress == nil {
		return
	}
	for kind, n := range map[string]int64{
		"hashed": p.Progress.Hashed, "cached": p.Progress.Cached, "uploaded": p.Progress.Uploaded, "restored": p.Progress.Restored,
	} {
		m.phaseBytes.WithLabelValues(append(labels, kind)...).Set(float64(n))
	}
}

func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// successes reads when runs last succeeded from the file of an earlier call.
func successes(path string) (map[[3]string]float64, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(f)
	if err != nil {
		return nil, fmt.Errorf("%s is there and holds no metrics: %w", path, err)
	}
	found := map[[3]string]float64{}
	for _, metric := range families[lastSuccess].GetMetric() {
		labels := map[string]string{}
		for _, l := range metric.GetLabel() {
			labels[l.GetName()] = l.GetValue()
		}
		var key [3]string
		for i, name := range runLabels {
			key[i] = labels[name]
		}
		// The parser takes a metric without a type line for an untyped one.
		found[key] = max(metric.GetGauge().GetValue(), metric.GetUntyped().GetValue())
	}
	return found, nil
}
