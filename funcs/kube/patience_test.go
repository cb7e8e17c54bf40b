package kube

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestAlarm plays troubles over time, and looks when the alarm rings.
func TestAlarm(t *testing.T) {
	type step struct {
		after  time.Duration
		reason string // "" for none
	}
	for name, c := range map[string]struct {
		steps  []step
		helped bool
		rings  time.Duration // 0: never
		with   string
	}{
		"at once":                  {steps: []step{{0, "InvalidImageName"}}, rings: time.Nanosecond, with: "InvalidImageName"},
		"image":                    {steps: []step{{0, "ErrImagePull"}}, rings: 15 * time.Second, with: "ErrImagePull"},
		"the same by another name": {steps: []step{{0, "ErrImagePull"}, {5 * time.Second, "ImagePullBackOff"}}, rings: 15 * time.Second, with: "ImagePullBackOff"},
		"it passes":                {steps: []step{{0, "ErrImagePull"}, {5 * time.Second, ""}}},
		"it comes back":            {steps: []step{{0, "ErrImagePull"}, {5 * time.Second, ""}, {time.Second, "ErrImagePull"}}, rings: 21 * time.Second, with: "ErrImagePull"},
		"another trouble":          {steps: []step{{0, "Unschedulable"}, {20 * time.Second, "CreateContainerConfigError"}}, rings: 30 * time.Second, with: "CreateContainerConfigError"},
		"an autoscaler helps":      {steps: []step{{0, "Unschedulable"}}, helped: true},
		"no node":                  {steps: []step{{0, "Unschedulable"}}, rings: 30 * time.Second, with: "Unschedulable"},
		"held back by a queue":     {steps: []step{{0, "SchedulingGated"}}, rings: 15 * time.Minute, with: "SchedulingGated"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				var rang time.Duration
				var reason string
				a := &alarm{
					patience: Patience{}.withDefaults(),
					ring:     func(e *PodError) { rang, reason = time.Since(start), e.Reason },
					helped:   func(*PodError) bool { return c.helped },
				}
				for _, s := range c.steps {
					time.Sleep(s.after)
					if s.reason == "" {
						a.note(nil, false)
						continue
					}
					a.note(&PodError{Reason: s.reason}, false)
				}
				time.Sleep(time.Hour)
				synctest.Wait()
				if c.rings == 0 && reason != "" || c.rings != 0 && (reason != c.with || rang.Round(time.Second) != c.rings.Round(time.Second)) {
					t.Errorf("rang after %s with %q", rang, reason)
				}
			})
		})
	}
}
