package schema

import "testing"

func TestFunction(t *testing.T) {
	f, ok := Function("KubeTask")
	if !ok {
		t.Fatal("no KubeTask")
	}
	t.Logf("%+v", f)
	s, _ := Function("ScaleWorkload")
	t.Logf("%+v", s)
}
