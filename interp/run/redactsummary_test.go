package run

import (
	"fmt"
	"testing"

	"github.com/rescuecue/rescue/compat"
)

// TestRedactedSummary: who reads a journal later on knows its secrets by their places.
func TestRedactedSummary(t *testing.T) {
	redact := NewRedactor()
	redact.Add("hunter2")
	events := []Event{
		{Kind: PhaseFinished, Phase: "a", State: Complete, Output: map[string]any{"url": "pg://hunter2@x", "n": 3}},
		{Kind: PhaseFinished, Phase: DeferPhase, State: Complete, Output: map[string]any{"key": "hunter2"}},
		{Kind: RunFinished, State: Complete, Artifacts: map[string]compat.Artifact{
			"x": {KeyValue: map[string]string{"p": "hunter2", "q": "b"}},
			"y": {KopiaSnapshot: "hunter2"},
		}},
	}
	for i := range events {
		events[i].Masked = redact.event(events[i]).Masked
	}
	whole := Summarize(events)
	shown := whole.Redacted()
	if got := fmt.Sprint(shown.Phases[0].Output, shown.Phases[1].Output, shown.Outputs["a"], shown.Artifacts); got !=
		"map[n:3 url:***] map[key:***] map[n:3 url:***] map[x:{map[p:*** q:b] } y:{map[] ***}]" {
		t.Errorf("shown %s", got)
	}
	if whole.Outputs["a"]["url"] != "pg://hunter2@x" || whole.Artifacts["x"].KeyValue["p"] != "hunter2" {
		t.Error("the summary was changed")
	}
}
