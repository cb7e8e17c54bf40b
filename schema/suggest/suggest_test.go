package suggest

import "testing"

func TestNearest(t *testing.T) {
	names := []string{"KubeTask", "KubeExec", "KubeExecAll", "BackupData", "BackupDataAll", "inputArtifactNames", "outputArtifacts", "vet"}
	for name, want := range map[string]string{
		"KubeTsk": "KubeTask", "kubetask": "KubeTask", "KubeExecAl": "KubeExecAll", "BackupDataAl": "BackupDataAll",
		"inputArtifacts": "inputArtifactNames", "vte": "vet", "Frobnicate": "", "x": "", "KubeTask": "",
		"outputArtifact": "outputArtifacts", "vets": "vet",
	} {
		if got := Nearest(name, names); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestLevenshtein(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"kitten", "sitting", 3}, {"ab", "ba", 1}, {"größe", "grösse", 2}, {"same", "same", 0}} {
		if got := levenshtein(c.a, c.b); got != c.want {
			t.Errorf("levenshtein(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
		if got := levenshtein(c.b, c.a); got != c.want {
			t.Errorf("levenshtein(%q, %q) = %d, want %d", c.b, c.a, got, c.want)
		}
	}
}

// TestNearestOfFew has candidates of its own for each name.
func TestNearestOfFew(t *testing.T) {
	for _, c := range []struct {
		name       string
		candidates []string
		want       string
	}{
		{"backupId", []string{"backupTag", "backupID"}, "backupID"},
		{"Deploiment", []string{"DeploymentConfig", "Deployment"}, "Deployment"},
		{"Deployments", []string{"StatefulSet", "Deployment"}, "Deployment"},
		{"mod", []string{"mode"}, "mode"},
		{"x", []string{"a", "b"}, ""},
		{"x", []string{"X"}, "X"},
		{"location", []string{"path", "bucket"}, ""},
		{"anything", nil, ""},
	} {
		if got := Nearest(c.name, c.candidates); got != c.want {
			t.Errorf("Nearest(%q, %q) = %q, want %q", c.name, c.candidates, got, c.want)
		}
	}
}
