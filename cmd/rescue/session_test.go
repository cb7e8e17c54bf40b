package main

import (
	"testing"
	"time"

	"github.com/rescuecue/rescue/funcs/kube"
)

func TestPodPatience(t *testing.T) {
	for name, c := range map[string]struct {
		flags   kube.Patience
		minutes string
		want    kube.Patience
		bad     bool
	}{
		"defaults":  {},
		"variable":  {minutes: "45", want: kube.Patience{Start: 45 * time.Minute}},
		"flag wins": {flags: kube.Patience{Start: time.Minute}, minutes: "45", want: kube.Patience{Start: time.Minute}},
		"others":    {flags: kube.Patience{Image: time.Hour}, minutes: "1", want: kube.Patience{Start: time.Minute, Image: time.Hour}},
		"no number": {minutes: "soon", bad: true},
		"no time":   {minutes: "0", bad: true},
		"disks":     {flags: kube.Patience{Volume: time.Hour}, want: kube.Patience{Volume: time.Hour}},
		"negative":  {flags: kube.Patience{Unschedulable: -time.Second}, bad: true},
		"backwards": {flags: kube.Patience{Volume: -time.Second}, bad: true},
	} {
		t.Run(name, func(t *testing.T) {
			f := sessionFlags{patience: c.flags}
			got, err := f.podPatience(c.minutes)
			if (err != nil) != c.bad || err == nil && got != c.want {
				t.Errorf("%+v, error %v", got, err)
			}
		})
	}
}
