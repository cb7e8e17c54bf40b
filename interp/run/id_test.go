package run_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/rescuecue/rescue/interp/run"
)

func TestLabelValue(t *testing.T) {
	valid := regexp.MustCompile(`^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$`)
	long := strings.Repeat("p", 63)
	seen := map[string]string{}
	for _, text := range []string{
		"", "dump", "dump-1", long, "backup/dump", "backup-dump", "backup dump", "-dump", "dump-", ".", "..", "-",
		long + "a", long + "b", strings.Repeat("p", 62) + "/", "übung", "ubung",
	} {
		got := run.LabelValue(text)
		if !valid.MatchString(got) {
			t.Errorf("%q: %q is no value of a label", text, got)
		}
		if other, taken := seen[got]; taken {
			t.Errorf("%q and %q both become %q", text, other, got)
		}
		seen[got] = text
		if valid.MatchString(text) && got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}
