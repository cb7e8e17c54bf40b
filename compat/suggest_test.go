package compat

import "testing"

func TestNearest(t *testing.T) {
	tests := []struct {
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
	}
	for _, tt := range tests {
		if got := nearest(tt.name, tt.candidates); got != tt.want {
			t.Errorf("nearest(%q, %q) = %q, expected %q", tt.name, tt.candidates, got, tt.want)
		}
	}
}
