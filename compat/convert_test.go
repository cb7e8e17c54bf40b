package compat

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/format"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestConvert compares conversions with those in testdata/convert: the CUE, and
// beside it what the conversion reports and what `cue vet -c=false` says.
func TestConvert(t *testing.T) {
	files, err := filepath.Glob("testdata/convert/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			c := convertFile(t, file)
			again, err := format.Source(c.CUE)
			if err != nil || !bytes.Equal(again, c.CUE) {
				t.Errorf("cue fmt changes the result: %v\n%s", err, cmp.Diff(string(c.CUE), string(again)))
			}
			base := strings.TrimSuffix(file, ".yaml")
			golden(t, base+".cue", string(c.CUE))
			golden(t, base+".report", report(c))
		})
	}
}

// report writes what is known of a conversion, one line each.
func report(c *converted) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d template actions native, %d kept\n", c.Native, c.KeptActions())
	for _, k := range c.Kept {
		fmt.Fprintf(&b, "kept %d:%d %s\n", k.Line, k.Column, k.Reason)
	}
	for _, w := range c.Warnings {
		fmt.Fprintf(&b, "warning %d:%d %s\n", w.Line, w.Column, w.Msg)
	}
	for _, err := range errors.Errors(c.vet) {
		format, args := err.Msg()
		fmt.Fprintf(&b, "vet %s: %s\n", strings.Join(err.Path(), "."), fmt.Sprintf(format, args...))
	}
	return b.String()
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; run the test with -update", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got); run the test with -update if that is right\n%s", file, diff)
	}
}
