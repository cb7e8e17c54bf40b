package main

import (
	"maps"
	"testing"

	"github.com/rescuecue/rescue/compat"
)

// TestWithJob: the label by which people find the pods of an ActionSet's job.
func TestWithJob(t *testing.T) {
	const job = compat.JobLabel
	for name, c := range map[string]struct{ set, action, want map[string]string }{
		"of the set":     {set: map[string]string{job: "7", "team": "a"}, want: map[string]string{job: "7"}},
		"beside others":  {set: map[string]string{job: "7"}, action: map[string]string{"x": "y"}, want: map[string]string{job: "7", "x": "y"}},
		"of the action":  {set: map[string]string{job: "7"}, action: map[string]string{job: "8"}, want: map[string]string{job: "8"}},
		"none":           {set: map[string]string{"team": "a"}, action: map[string]string{"x": "y"}, want: map[string]string{"x": "y"}},
		"none at all":    {},
		"an empty label": {set: map[string]string{job: ""}},
	} {
		t.Run(name, func(t *testing.T) {
			before := maps.Clone(c.action)
			got := withJob(compat.ActionSpec{PodLabels: c.action}, c.set)
			if !maps.Equal(got.PodLabels, c.want) {
				t.Errorf("labels %v, want %v", got.PodLabels, c.want)
			}
			if !maps.Equal(c.action, before) {
				t.Errorf("the ActionSet was changed: %v", c.action)
			}
		})
	}
}
