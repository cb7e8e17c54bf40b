package store_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/store"
	"github.com/rescuecue/rescue/funcs/store/cloudtest"
	"github.com/rescuecue/rescue/funcs/store/storetest"
)

// A role is assumed with the keys, and its own keys are renewed before they expire.
func TestS3Role(t *testing.T) {
	cloud := cloudtest.NewS3(t, "127.0.0.1", s3Profile(serve(t, newFakeS3("b"))))
	s := open(t, cloud.Profile)
	storetest.Put(t, s, "a/x", "y")
	if got := storetest.Keys(t, s, "a/"); len(got) != 1 {
		t.Errorf("there are %q", got)
	}
	if n := cloud.Sessions(); n < 2 {
		t.Errorf("all requests were signed with the same keys, though they expire: %d sessions", n)
	}

	other := awsSecret("aws_access_key_id", "LENDER", "aws_secret_access_key", "canary", "role", "arn:other")
	p := *cloud.Profile
	p.Credential = other
	_, err := open(t, &p).Get(t.Context(), "a/x", io.Discard)
	if err == nil || !strings.Contains(err.Error(), "the role arn:other of the profile cannot be assumed") || strings.Contains(err.Error(), "canary") {
		t.Errorf("another role gives %v", err)
	}
	t.Log(err)
}

// A certificate of an authority that the machine does not know is trusted by the
// profile's caBundle alone, and no other.
func TestS3CABundle(t *testing.T) {
	cloud := cloudtest.NewS3(t, "127.0.0.1", s3Profile(serve(t, newFakeS3("b"))))
	other := cloudtest.NewS3(t, "127.0.0.1", s3Profile(serve(t, newFakeS3("b"))))
	for bundle, want := range map[string]string{
		cloud.Profile.CABundle: "", "": "certificate", other.Profile.CABundle: "certificate",
	} {
		p := *cloud.Profile
		p.CABundle = bundle
		err := open(t, &p).Delete(t.Context(), "x")
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("caBundle %.40q gives %v", bundle, err)
		}
	}
	p := *cloud.Profile
	p.CABundle = "no certificate"
	if _, err := store.Open(t.Context(), &p); err == nil || !strings.Contains(err.Error(), "caBundle") {
		t.Errorf("a caBundle that is none gives %v", err)
	}
}

func awsSecret(kv ...string) compat.Credential {
	data := map[string][]byte{}
	for i := 0; i < len(kv); i += 2 {
		data[kv[i]] = []byte(kv[i+1])
	}
	return compat.Credential{Type: compat.CredentialSecret, Secret: &compat.Secret{Type: compat.SecretTypeAWS, Data: data}}
}

// noIdentity hides what this machine has of Amazon's.
func noIdentity(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none")
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "",
		"AWS_CONFIG_FILE": none, "AWS_SHARED_CREDENTIALS_FILE": none, "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_ROLE_ARN": "", "AWS_WEB_IDENTITY_TOKEN_FILE": "", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "",
	} {
		t.Setenv(name, value)
	}
}

// Without keys the identity is that of the pod's service account, as on EKS.
func TestS3WebIdentity(t *testing.T) {
	noIdentity(t)
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("jwt"), 0o600); err != nil {
		t.Fatal(err)
	}
	sts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("Action") != "AssumeRoleWithWebIdentity" || r.FormValue("WebIdentityToken") != "jwt" {
			t.Errorf("asked for %s with the token %q", r.FormValue("Action"), r.FormValue("WebIdentityToken"))
		}
		fmt.Fprint(w, `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult>
			<Credentials><AccessKeyId>id</AccessKeyId><SecretAccessKey>key</SecretAccessKey><SessionToken>ambient</SessionToken>
			<Expiration>2100-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`)
	}))
	t.Cleanup(sts.Close)
	t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", token)
	t.Setenv("AWS_ROLE_ARN", cloudtest.Role)
	t.Setenv("AWS_ENDPOINT_URL_STS", sts.URL)
	f := newFakeS3("b")
	p := s3Profile(serve(t, f))
	p.Credential = awsSecret()
	storetest.Put(t, open(t, p), "x", "y")
	if !f.tokens["ambient"] {
		t.Errorf("the keys of the service account were not used, but %v", f.tokens)
	}
}

func TestS3WithoutIdentity(t *testing.T) {
	noIdentity(t)
	p := s3Profile("http://127.0.0.1:1")
	p.Credential = awsSecret()
	_, err := open(t, p).Get(t.Context(), "x", io.Discard)
	if err == nil || !strings.Contains(err.Error(), "the profile's secret has no keys") {
		t.Errorf("got %v", err)
	}
	p.Credential = awsSecret("aws_access_key_id", "", "aws_secret_access_key", "")
	if _, err := store.Open(t.Context(), p); err == nil || !strings.Contains(err.Error(), "is empty") {
		t.Errorf("empty keys give %v", err)
	}
}

func TestSTSEndpoint(t *testing.T) {
	for _, tc := range []struct{ endpoint, region, want string }{
		{"", "", "https://sts.us-east-1.amazonaws.com"},
		{"", "eu-west-1", "https://sts.eu-west-1.amazonaws.com"},
		{"https://bucket.vpce-1.s3.eu-west-1.vpce.amazonaws.com", "eu-west-1", "https://sts.eu-west-1.amazonaws.com"},
		{"s3.cn-north-1.amazonaws.com.cn", "cn-north-1", "https://sts.cn-north-1.amazonaws.com.cn"},
		{"", "cn-north-1", "https://sts.cn-north-1.amazonaws.com.cn"},
		{"minio:9000", "", "https://minio:9000"},
		{"http://amazonaws.com.example/", "", "http://amazonaws.com.example"},
	} {
		if got := store.STSEndpoint(compat.Location{Endpoint: tc.endpoint, Region: tc.region}); got != tc.want {
			t.Errorf("%s in %q: %s, want %s", tc.endpoint, tc.region, got, tc.want)
		}
	}
}
