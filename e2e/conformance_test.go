//go:build e2e

package e2e

import (
	"testing"

	"github.com/rescuecue/rescue/e2e/conformance"
)

// TestConformance runs the blueprints of package conformance, which the local runtime
// runs too: both come to the same.
func TestConformance(t *testing.T) {
	c := newCSI(t)
	conformance.Test(t, conformance.Place{
		Name: "cluster", Env: c.Env, Image: image(),
		StorageClass: c.storage.Name, SnapshotClass: c.snapshot.Name, Driver: c.snapshot.Driver,
	})
}
