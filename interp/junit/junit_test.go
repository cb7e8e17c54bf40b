package junit

import (
	"strings"
	"testing"
)

func sample() []Suite {
	return []Suite{
		{Name: "a", Time: "0.5", Cases: []Case{
			{Name: "fails", Classname: "a", File: "a.cue", Line: 3, Failure: &Problem{Message: `1 < "2"`, Type: "sum", Text: "line\n"}},
			{Name: "passes", Classname: "a", Output: "a warning"},
		}},
		{Name: "b", Cases: []Case{{Name: "b", Classname: "b", Error: &Problem{Message: "unreadable"}}}},
		{Name: "empty"},
	}
}

const plain = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="3" failures="1">
  <testsuite name="a" tests="2" failures="1" time="0.5">
    <testcase name="fails" classname="a" file="a.cue" line="3">
      <failure message="1 &lt; &#34;2&#34;" type="sum">line&#xA;</failure>
    </testcase>
    <testcase name="passes" classname="a">
      <system-out>a warning</system-out>
    </testcase>
  </testsuite>
  <testsuite name="b" tests="1" failures="0">
    <testcase name="b" classname="b">
      <error message="unreadable"></error>
    </testcase>
  </testsuite>
  <testsuite name="empty" tests="0" failures="0"></testsuite>
</testsuites>
`

func TestWrite(t *testing.T) {
	counted := strings.NewReplacer(
		`tests="3" failures="1"`, `tests="3" failures="1" errors="1"`,
		`tests="2" failures="1"`, `tests="2" failures="1" errors="0"`,
		`tests="1" failures="0"`, `tests="1" failures="0" errors="1"`,
		`tests="0" failures="0"`, `tests="0" failures="0" errors="0"`,
	).Replace(plain)
	for want, r := range map[string]Report{
		plain:   {Suites: sample()},
		counted: {Suites: sample(), CountErrors: true},
	} {
		var got strings.Builder
		if err := r.Write(&got); err != nil || got.String() != want {
			t.Errorf("%v, got\n%s\nwant\n%s", err, got.String(), want)
		}
	}
}
