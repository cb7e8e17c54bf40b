package blueprinttest

import "testing"

// BenchmarkTest is one test of an example, its package and blueprint loaded already.
func BenchmarkTest(b *testing.B) {
	places, err := Find([]string{"../../examples/postgresql"})
	if err != nil {
		b.Fatal(err)
	}
	pkg, failures := Load(places[0])
	if len(failures) > 0 {
		b.Fatal(failures)
	}
	for b.Loop() {
		if o := pkg.Run(pkg.Tests[0]); !o.Passed {
			b.Fatal(o.Failures)
		}
	}
}

// BenchmarkPackage is all of what `rescue test` does for one example.
func BenchmarkPackage(b *testing.B) {
	for b.Loop() {
		places, err := Find([]string{"../../examples/postgresql"})
		if err != nil {
			b.Fatal(err)
		}
		if passed, failed, broken := RunAll(places, func(string) bool { return true }).Count(); passed == 0 || failed+broken > 0 {
			b.Fatal(passed, failed, broken)
		}
	}
}
