package awsaccess_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/aws/awsaccess"
	"github.com/rescuecue/rescue/funcs/aws/awstest"
)

const role = "arn:aws:iam::123456789012:role/backup"

// nothingAround takes away what the machine of the test says about AWS.
func nothingAround(t *testing.T) {
	t.Helper()
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
			if err := os.Unsetenv(name); err != nil { // t.Setenv puts it back
				t.Fatal(err)
			}
		}
	}
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

func awsSecret(name string, k awstest.Key, role string) compat.Secret {
	s := compat.Secret{Meta: compat.Meta{Namespace: "vault", Name: name}, Type: compat.SecretTypeAWS, Data: map[string][]byte{
		"aws_access_key_id": []byte(k.ID), "aws_secret_access_key": []byte(k.Secret + "\n"),
	}}
	if k.Token != "" {
		s.Data["aws_session_token"] = []byte(k.Token)
	}
	if role != "" {
		s.Data["role"] = []byte(role)
	}
	return s
}

// noKeys is a Secret that leaves the identity to what surrounds rescue.
func noKeys(role string) compat.Secret {
	s := awsSecret("s", awstest.Key{}, role)
	delete(s.Data, "aws_access_key_id")
	delete(s.Data, "aws_secret_access_key")
	return s
}

func pairProfile(k awstest.Key) *compat.Profile {
	return &compat.Profile{
		Location:   compat.Location{Type: compat.LocationS3, Bucket: "b", Region: "eu-central-1"},
		Credential: compat.Credential{Type: compat.CredentialKeyPair, KeyPair: &compat.KeyPair{ID: k.ID, Secret: k.Secret}},
	}
}

func secretProfile(s compat.Secret) *compat.Profile {
	return &compat.Profile{
		Location:   compat.Location{Type: compat.LocationS3, Bucket: "b", Region: "eu-central-1"},
		Credential: compat.Credential{Type: compat.CredentialSecret, Secret: &s},
	}
}

var (
	other   = awstest.Key{ID: "AKIAOTHER", Secret: "other+secret"}
	session = awstest.Key{ID: "ASIASESSION", Secret: "session+secret", Token: "a token"}
)

func newServer(t *testing.T) *awstest.Server {
	t.Helper()
	nothingAround(t)
	s := awstest.New(t)
	s.AddKey(other)
	s.AddKey(session)
	s.AddRole(awstest.Role{ARN: role, By: []string{awstest.TestKey.ID}, WebToken: "a service account's token"})
	return s
}

// whoAmI asks AWS for the key that the account's requests are signed with.
func whoAmI(ctx context.Context, a *awsaccess.Account) (string, error) {
	out, err := sts.NewFromConfig(a.Config).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", a.Explain(err, "ask who I am")
	}
	return *out.UserId, nil
}

func TestWhoseCredentials(t *testing.T) {
	environment := func(t *testing.T, k awstest.Key) {
		t.Setenv("AWS_ACCESS_KEY_ID", k.ID)
		t.Setenv("AWS_SECRET_ACCESS_KEY", k.Secret)
		t.Setenv("AWS_REGION", "us-east-2")
	}
	gcs := &compat.Profile{Location: compat.Location{Type: compat.LocationGCS}, Credential: compat.Credential{KeyPair: &compat.KeyPair{ID: "project", Secret: "{}"}}}
	minio := pairProfile(awstest.TestKey)
	minio.Location.Endpoint = "https://minio.example"
	secrets := map[string]compat.Secret{"aws": awsSecret("creds", other, "")}
	tests := []struct {
		name   string
		params compat.Params
		want   awsaccess.Wanted
		env    *awstest.Key
		key    string // the ID, or how it begins
		region string
		source string
	}{
		{name: "key pair", params: compat.Params{Profile: pairProfile(other)}, key: other.ID, region: "eu-central-1", source: "the profile's key pair"},
		{name: "the argument's region wins", params: compat.Params{Profile: pairProfile(other)}, want: awsaccess.Wanted{Region: "us-west-1"}, key: other.ID, region: "us-west-1"},
		{name: "the profile goes before the environment", params: compat.Params{Profile: pairProfile(other)}, env: &awstest.TestKey, key: other.ID, region: "eu-central-1"},
		{name: "key pair of another S3", params: compat.Params{Profile: minio}, key: awstest.TestKey.ID, region: "eu-central-1", source: "https://minio.example"},
		{name: "secret of the profile", params: compat.Params{Profile: secretProfile(awsSecret("s", other, ""))}, key: other.ID, source: "the profile's Secret vault/s"},
		{name: "session of the profile", params: compat.Params{Profile: secretProfile(awsSecret("s", session, ""))}, key: session.ID},
		{name: "role", params: compat.Params{Profile: secretProfile(awsSecret("s", awstest.TestKey, role))}, key: "ASIATEST", source: "the role " + role},
		{name: "secret without keys", params: compat.Params{Profile: secretProfile(noKeys(""))}, env: &other, key: other.ID, region: "eu-central-1", source: "what surrounds rescue"},
		{name: "role without keys", params: compat.Params{Profile: secretProfile(noKeys(role))}, env: &awstest.TestKey, key: "ASIATEST", source: "the role " + role + ", assumed with the credentials that surround rescue"},
		{
			name: "the phase's secret goes before the profile", params: compat.Params{Profile: pairProfile(awstest.TestKey), Secrets: secrets},
			want: awsaccess.Wanted{Secret: "aws"}, key: other.ID, source: "the action's secret aws, vault/creds",
		},
		{
			name: "an object of the phase", params: compat.Params{CurrentPhase: &compat.Phase{Secrets: secrets}},
			want: awsaccess.Wanted{Source: "secret", Secret: "aws", Region: "eu-west-1"}, key: other.ID, source: "the phase's object aws",
		},
		{
			name: "an object of the defer phase", params: compat.Params{DeferPhase: &compat.Phase{Secrets: secrets}},
			want: awsaccess.Wanted{Source: "secret", Secret: "aws", Region: "eu-west-1"}, key: other.ID,
		},
		{
			name: "profile that is named", params: compat.Params{Profile: pairProfile(awstest.TestKey), Secrets: secrets},
			want: awsaccess.Wanted{Source: "profile", Secret: "aws"}, key: awstest.TestKey.ID,
		},
		{name: "no profile", env: &other, key: other.ID, region: "us-east-2", source: "what surrounds rescue"},
		{name: "another cloud's profile", params: compat.Params{Profile: gcs}, env: &other, key: other.ID},
		{
			name: "the surroundings, named", params: compat.Params{Profile: pairProfile(awstest.TestKey)},
			want: awsaccess.Wanted{Source: "serviceaccount"}, env: &other, key: other.ID, region: "eu-central-1",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t)
			if tt.env != nil {
				environment(t, *tt.env)
			}
			a, err := awsaccess.Open(t.Context(), s.Options(), &tt.params, tt.want)
			if err != nil {
				t.Fatal(err)
			}
			who, err := whoAmI(t.Context(), a)
			if err != nil || !strings.HasPrefix(who, tt.key) {
				t.Errorf("asked as %q, %v; expected %s", who, err, tt.key)
			}
			if tt.region != "" && a.Region() != tt.region {
				t.Errorf("region %s, expected %s", a.Region(), tt.region)
			}
			if !strings.Contains(a.Source, tt.source) {
				t.Errorf("source %q, expected %q", a.Source, tt.source)
			}
		})
	}
}

// IRSA: the service account's token is changed for the credentials of its role.
func TestServiceAccount(t *testing.T) {
	s := newServer(t)
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("a service account's token"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", token)
	t.Setenv("AWS_ROLE_ARN", role)
	t.Setenv("AWS_REGION", "eu-west-3")
	a, err := awsaccess.Open(t.Context(), s.Options(), nil, awsaccess.Wanted{Source: "eks_service_account"})
	if err != nil {
		t.Fatal(err)
	}
	if who, err := whoAmI(t.Context(), a); err != nil || !strings.HasPrefix(who, "ASIATEST") {
		t.Errorf("asked as %q, %v", who, err)
	}
	for _, r := range s.Requests("AssumeRoleWithWebIdentity") {
		if r.Form.Get("WebIdentityToken") != "***" {
			t.Errorf("the token is in the log of requests: %v", r.Form)
		}
	}
}

// The SDK itself honours the variable of a service's endpoint.
func TestEndpointVariable(t *testing.T) {
	s := newServer(t)
	t.Setenv("AWS_ENDPOINT_URL_STS", s.URL)
	a, err := awsaccess.Open(t.Context(), awsaccess.Options{}, &compat.Params{Profile: pairProfile(other)}, awsaccess.Wanted{})
	if err != nil {
		t.Fatal(err)
	}
	if who, err := whoAmI(t.Context(), a); err != nil || who != other.ID {
		t.Errorf("asked as %q, %v", who, err)
	}
}

func TestSessionNameIsTheRun(t *testing.T) {
	s := newServer(t)
	p := &compat.Params{Profile: secretProfile(awsSecret("s", awstest.TestKey, role))}
	if _, err := awsaccess.Open(t.Context(), s.Options(), p, awsaccess.Wanted{Session: "20260102/ü b"}); err != nil {
		t.Fatal(err)
	}
	asked := s.Requests("AssumeRole")
	if len(asked) != 1 || asked[0].Form.Get("RoleSessionName") != "rescue-20260102-b" {
		t.Errorf("asked %v", asked)
	}
}

func TestNoCredentials(t *testing.T) {
	noID := awsSecret("s", other, "")
	delete(noID.Data, "aws_access_key_id")
	half := pairProfile(other)
	half.Credential.KeyPair.Secret = ""
	filesystem := &compat.Profile{Location: compat.Location{Type: compat.LocationFilesystem}}
	secrets := map[string]compat.Secret{"b": {}, "a": {}}
	tests := []struct {
		name   string
		params compat.Params
		want   awsaccess.Wanted
		err    string
	}{
		{"unknown source", compat.Params{}, awsaccess.Wanted{Source: "vault"}, `credentialsSource must be profile, secret or eks_service_account, found "vault"`},
		{"secret without a name", compat.Params{}, awsaccess.Wanted{Source: "secret"}, "name the Secret in credentialsSecret"},
		{"no such secret", compat.Params{Secrets: secrets}, awsaccess.Wanted{Secret: "c"}, `credentialsSecret is "c", which is neither one of the action's secrets (a, b) nor one of the phase's objects (it has none)`},
		{"no profile", compat.Params{}, awsaccess.Wanted{Source: "profile"}, "credentialsSource is profile, but the action has no profile"},
		{"profile without keys", compat.Params{Profile: filesystem}, awsaccess.Wanted{Source: "profile"}, "its location is of type filesystem"},
		{"secret without a field", compat.Params{Profile: secretProfile(noID)}, awsaccess.Wanted{}, "the profile's Secret vault/s has no aws_access_key_id: a Secret for AWS needs aws_access_key_id and aws_secret_access_key"},
		{"half a key pair", compat.Params{Profile: half}, awsaccess.Wanted{}, "its access key or its secret key is empty"},
		{"nothing around", compat.Params{}, awsaccess.Wanted{Region: "eu-central-1"}, "no credentials for AWS: tried the credentials that surround rescue (environment, shared files, service account, instance role), since the action has no profile"},
		{"no region", compat.Params{Secrets: map[string]compat.Secret{"a": awsSecret("s", other, "")}}, awsaccess.Wanted{Secret: "a"}, "no region of AWS is known"},
		{"role that is not ours", compat.Params{Profile: secretProfile(awsSecret("s", other, role))}, awsaccess.Wanted{}, "fetch credentials (sts:AssumeRole in eu-central-1): AWS said AccessDenied: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t)
			_, err := awsaccess.Open(t.Context(), s.Options(), &tt.params, tt.want)
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got  %v\nwant %s", err, tt.err)
			}
			if err != nil && strings.Contains(err.Error(), other.Secret) {
				t.Errorf("the secret key is in the error: %v", err)
			}
		})
	}
}

// The cause of a cancel must not be lost on the way.
func TestCancel(t *testing.T) {
	s := newServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	s.Fail(awstest.Fault{Action: "sts:AssumeRole", Before: cancel, Code: "Throttling", Status: 503})
	_, err := awsaccess.Open(ctx, s.Options(), &compat.Params{Profile: secretProfile(awsSecret("s", awstest.TestKey, role))}, awsaccess.Wanted{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
