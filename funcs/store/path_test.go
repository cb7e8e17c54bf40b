package store_test

import (
	"strings"
	"testing"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/store"
)

func TestPath(t *testing.T) {
	p := &compat.Profile{Location: compat.Location{Bucket: "bucket", Prefix: "ignored"}}
	for prefix, want := range map[string]string{
		"bucket/a":      "bucket/a",
		"bucket":        "bucket",
		"bucket//a/":    "bucket//a/",
		"a":             "bucket/a",
		"a/b":           "bucket/a/b",
		"bucket2/a":     "bucket/bucket2/a",
		"/bucket/a":     "bucket/bucket/a",
		"s3://bucket/a": "bucket/s3:/bucket/a",
		"":              "bucket",
	} {
		if got := store.Path(p, prefix); got != want {
			t.Errorf("Path(%q) = %q, expected %q", prefix, got, want)
		}
	}
}

func TestKey(t *testing.T) {
	tests := []struct{ prefix, path, want, err string }{
		{"", "a/b", "a/b", ""},
		{"", "/a//b/", "a/b", ""},
		{"p", "a", "p/a", ""},
		{"/p/q/", "/a", "p/q/a", ""},
		{"p", "bucket/a", "p/bucket/a", ""},
		{"", "", "", "the path is empty"},
		{"p", "/", "", "the path is empty"},
		{"p", "a/../../b", "", ".. is not allowed"},
		{"", "a..b", "a..b", ""},
	}
	for _, tt := range tests {
		p := &compat.Profile{Location: compat.Location{Bucket: "bucket", Prefix: tt.prefix}}
		got, err := store.Key(p, tt.path)
		if got != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("Key(%q, %q) = %q, %v; expected %q, %s", tt.prefix, tt.path, got, err, tt.want, tt.err)
		}
	}
}

func TestArtifactKey(t *testing.T) {
	tests := []struct{ kind, prefix, artifact, want, err string }{
		{"s3Compliant", "", "a/b", "a/b", ""},
		{"s3Compliant", "", "bucket/a/b", "a/b", ""},
		{"s3Compliant", "", "/bucket/a/b", "a/b", ""},
		{"s3Compliant", "", "bucket2/a", "bucket2/a", ""},
		{"s3Compliant", "", "s3://bucket/a/b", "a/b", ""},
		{"s3Compliant", "p", "s3://bucket/a/b", "p/a/b", ""},
		{"filesystem", "", "bucket/a", "a", ""},
		{"s3Compliant", "", "s3://other/a", "", `artifact "s3://other/a" is in another bucket than the profile's "bucket"`},
		{"filesystem", "", "s3://bucket/a", "", "does not belong to a location of type filesystem"},
		{"s3Compliant", "", "gs://bucket/a", "", "does not belong to a location of type s3Compliant"},
		{"s3Compliant", "", "", "", "would mean everything"},
		{"s3Compliant", "p", "", "", "would mean everything"},
		{"s3Compliant", "p", "/", "", "would mean everything"},
		{"s3Compliant", "", "bucket", "", "would mean everything"},
		{"s3Compliant", "", "bucket/", "", "would mean everything"},
		{"s3Compliant", "", "s3://bucket", "", "would mean everything"},
		{"s3Compliant", "", "s3://bucket/./", "", "would mean everything"},
		{"s3Compliant", "", "a/..", "", "would mean everything"},
		{"s3Compliant", "p", "a/../b", "", ".. is not allowed"},
	}
	for _, tt := range tests {
		p := &compat.Profile{Location: compat.Location{Type: tt.kind, Bucket: "bucket", Prefix: tt.prefix}}
		got, err := store.ArtifactKey(p, tt.artifact)
		if got != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s, prefix %q: ArtifactKey(%q) = %q, %v; expected %q, %s", tt.kind, tt.prefix, tt.artifact, got, err, tt.want, tt.err)
		}
	}
}

func FuzzArtifactKey(f *testing.F) {
	f.Add("p", "s3://bucket/a")
	f.Add("", "../bucket//")
	f.Fuzz(func(t *testing.T, prefix, artifact string) {
		p := &compat.Profile{Location: compat.Location{Type: "s3Compliant", Bucket: "bucket", Prefix: prefix}}
		key, err := store.ArtifactKey(p, artifact)
		if err != nil {
			return
		}
		root, err := store.Key(&compat.Profile{}, prefix)
		if err == nil && !strings.HasPrefix(key, root+"/") || strings.Trim(key, "/") != key || key == "" {
			t.Errorf("prefix %q: ArtifactKey(%q) = %q", prefix, artifact, key)
		}
	})
}
