package kando

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/rescuecue/rescue/funcs/store/cloudtest"
)

// What kando prints gets into logs of runs that do not know the keys of a role.
func TestKeysOfRole(t *testing.T) {
	cloud := cloudtest.TalkativeS3(t)
	profile, err := json.Marshal(cloud.Profile)
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"push", "-"}, {"pull", "-"}, {"delete"}} {
		call := append([]string{"location", args[0], "--profile", string(profile), "--path", "a/b"}, args[1:]...)
		stdout, stderr, status := run(t, strings.NewReader("x"), call...)
		if status != exitFailure || !strings.Contains(stderr, "***") {
			t.Errorf("%s: status %d, %s", args[0], status, stderr)
		}
		for _, canary := range cloud.Canaries {
			if strings.Contains(stdout+stderr, canary) {
				t.Errorf("%s: %s is in: %s%s", args[0], canary, stdout, stderr)
			}
		}
	}
}
