package funcs

import (
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"
)

func phaseEnv(run, phase string) *Env {
	return &Env{Log: slog.New(slog.DiscardHandler), Labels: map[string]string{RunLabel: run, PhaseLabel: phase}}
}

func TestCleanLabels(t *testing.T) {
	long := strings.Repeat("x", 70)
	for name, c := range map[string]struct {
		labels, want map[string]string
		err          string
	}{
		"sound":            {map[string]string{"app": "shop", "example.com/tier": "db-1_a.b"}, map[string]string{"app": "shop", "example.com/tier": "db-1_a.b"}, ""},
		"values":           {map[string]string{"a": "my app!", "b": "-x-", "c": "", "d": "äöü"}, map[string]string{"a": "myapp", "b": "x", "c": "", "d": ""}, ""},
		"keys":             {map[string]string{"my app": "a", "_b_": "c", "!!": "dropped"}, map[string]string{"myapp": "a", "b": "c"}, ""},
		"prefixes":         {map[string]string{"a/b/c": "1", "Not A Domain/d": "2", "/e": "3", "example.com/": "4"}, map[string]string{"a/bc": "1", "d": "2", "e": "3"}, ""},
		"too long":         {map[string]string{long: long + "y"}, map[string]string{long[:63]: long[:63]}, ""},
		"an end at 63":     {map[string]string{"a": strings.Repeat("x", 62) + "-y"}, map[string]string{"a": strings.Repeat("x", 62)}, ""},
		"two that are one": {map[string]string{"a b": "1", "ab": "2"}, nil, `labels "a b" and "ab" are both "ab"`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := cleanLabels(phaseEnv("r", "p"), c.labels)
			if c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) || c.err == "" && (err != nil || !maps.Equal(got, c.want)) {
				t.Errorf("got %v, error %v", got, err)
			}
		})
	}
}

// FuzzCleanLabels: what comes out is what Kubernetes takes, and stays as it is.
func FuzzCleanLabels(f *testing.F) {
	for _, seed := range []string{"app", "a/b", "example.com/a b", "-", "ä/ö", strings.Repeat("x-", 40), "A.b/c/d"} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		got, err := cleanLabels(phaseEnv("r", "p"), map[string]string{key: value})
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range got {
			if problems := slices.Concat(validation.IsQualifiedName(k), validation.IsValidLabelValue(v)); len(problems) > 0 {
				t.Errorf("%q=%q became %q=%q: %s", key, value, k, v, problems)
			}
		}
		if len(validation.IsQualifiedName(key)) == 0 && len(validation.IsValidLabelValue(value)) == 0 && got[key] != value {
			t.Errorf("%q=%q was sound, and became %v", key, value, got)
		}
	})
}

// TestNames: the attempts of a phase find what the one before has made, and nobody
// else does.
func TestNames(t *testing.T) {
	name := func(env *Env, pvc string) string {
		return nameWith(pvc, "-snapshot-"+nameSuffix(env.nameSeed("ns", pvc)))
	}
	a := name(phaseEnv("run", "snap"), "data")
	if again := name(phaseEnv("run", "snap"), "data"); a != again {
		t.Errorf("%s, then %s", a, again)
	}
	long := strings.Repeat("a", 237) + ".b" // the cut leaves the point at the end
	others := []string{
		name(phaseEnv("run", "other"), "data"), name(phaseEnv("run2", "snap"), "data"), name(phaseEnv("run", "snap"), "wal"),
		name(phaseEnv("", ""), "data"), name(phaseEnv("", ""), "data"), name(phaseEnv("run", "snap"), long),
		nameWith(long, "-content-"+nameUUID(phaseEnv("run", "snap").nameSeed("x"))),
	}
	for _, other := range append(others, a) {
		if problems := validation.IsDNS1123Subdomain(other); len(problems) > 0 {
			t.Errorf("%s: %s", other, problems)
		}
	}
	all := slices.Sorted(slices.Values(append(others, a)))
	if len(slices.Compact(all)) != len(others)+1 {
		t.Errorf("names %q", all)
	}
}
