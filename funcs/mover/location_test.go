package mover

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/kopia/kopia/repo/blob/filesystem"
	"github.com/kopia/kopia/repo/blob/s3"

	"github.com/rescuecue/rescue/compat"
)

func s3Location(change func(*Location)) Location {
	l := Location{
		Profile: &compat.Profile{
			Location:   compat.Location{Type: "s3Compliant", Bucket: "backups", Region: "eu-1"},
			Credential: compat.Credential{Type: "keyPair", KeyPair: &compat.KeyPair{ID: "id", Secret: "canary"}},
		},
		Path: "backups/a/b",
	}
	if change != nil {
		change(&l)
	}
	return l
}

func TestS3Location(t *testing.T) {
	base := s3.Options{BucketName: "backups", Prefix: "a/b/", Endpoint: "s3.amazonaws.com", Region: "eu-1", AccessKeyID: "id", SecretAccessKey: "canary"}
	for _, tc := range []struct {
		name   string
		change func(*Location)
		want   func(*s3.Options)
	}{
		{"Amazon", nil, nil},
		{"host", func(l *Location) { l.Profile.Location.Endpoint = "minio:9000" }, func(o *s3.Options) { o.Endpoint = "minio:9000" }},
		{"https", func(l *Location) { l.Profile.Location.Endpoint = "https://minio/" }, func(o *s3.Options) { o.Endpoint = "minio" }},
		{"http", func(l *Location) { l.Profile.Location.Endpoint = "http://minio:9000//" }, func(o *s3.Options) { o.Endpoint, o.DoNotUseTLS = "minio:9000", true }},
		{"skipSSLVerify", func(l *Location) { l.Profile.SkipSSLVerify = true }, func(o *s3.Options) { o.DoNotVerifyTLS = true }},
		{"insecureTLS", func(l *Location) { l.InsecureTLS = true }, func(o *s3.Options) { o.DoNotVerifyTLS = true }},
		{"slashes", func(l *Location) { l.Path = "/backups//a/b/" }, nil},
		{"bucket alone", func(l *Location) { l.Path = "backups" }, func(o *s3.Options) { o.Prefix = "" }},
		{"session token", func(l *Location) {
			l.Profile.Credential = compat.Credential{Type: "secret", Secret: &compat.Secret{Type: compat.SecretTypeAWS, Data: map[string][]byte{
				"aws_access_key_id": []byte("id"), "aws_secret_access_key": []byte("canary"), "aws_session_token": []byte("tok"),
			}}}
		}, func(o *s3.Options) { o.SessionToken = "tok" }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want := base
			if tc.want != nil {
				tc.want(&want)
			}
			conn, err := s3Location(tc.change).connection()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&want, conn.Config.(*s3.Options)); diff != "" {
				t.Errorf("options (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLocationErrors(t *testing.T) {
	for name, change := range map[string]func(*Location){
		"no profile":         func(l *Location) { l.Profile = nil },
		"other type":         func(l *Location) { l.Profile.Location.Type = "tape" },
		"endpoint with path": func(l *Location) { l.Profile.Location.Endpoint = "http://minio/x" },
		"endpoint with user": func(l *Location) { l.Profile.Location.Endpoint = "http://u:canary@minio" },
		"other scheme":       func(l *Location) { l.Profile.Location.Endpoint = "ftp://minio" },
		"no credential":      func(l *Location) { l.Profile.Credential = compat.Credential{} },
		"empty key":          func(l *Location) { l.Profile.Credential.KeyPair.ID = "" },
		"no bucket":          func(l *Location) { l.Path = "/" },
		"path that climbs":   func(l *Location) { l.Path = "backups/../other" },
		"relative directory": func(l *Location) { l.Profile.Location = compat.Location{Type: "filesystem", Endpoint: "x"} },
	} {
		_, err := s3Location(change).connection()
		if CodeOf(err) != CodeBadRequest || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: error %v with code %s, want a bad request without secrets", name, err, CodeOf(err))
		}
	}
}

func TestFilesystemLocation(t *testing.T) {
	dir := t.TempDir()
	l := Location{Profile: &compat.Profile{Location: compat.Location{Type: "filesystem", Endpoint: dir}}, Path: "/backups//a/"}
	conn, err := l.connection()
	if err != nil {
		t.Fatal(err)
	}
	if got := conn.Config.(*filesystem.Options).Path; got != dir+"/backups/a" {
		t.Errorf("path %s, want %s/backups/a", got, dir)
	}
}
