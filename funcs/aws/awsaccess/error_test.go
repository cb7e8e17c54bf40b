package awsaccess_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/aws/awsaccess"
	"github.com/rescuecue/rescue/funcs/aws/awstest"
)

func open(t *testing.T, s *awstest.Server, k awstest.Key) *awsaccess.Account {
	t.Helper()
	a, err := awsaccess.Open(t.Context(), s.Options(), &compat.Params{Profile: secretProfile(awsSecret("s", k, ""))}, awsaccess.Wanted{})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestWhatAWSSaid(t *testing.T) {
	s := newServer(t)
	wrong := other
	wrong.Secret = "wrong"
	old := awstest.Key{ID: "ASIAOLD", Secret: "old", Token: "t", Expires: time.Now().Add(-time.Second)}
	denied := awstest.Key{ID: "AKIADENIED", Secret: "d", Deny: []string{"sts:GetCallerIdentity"}}
	s.AddKey(old)
	s.AddKey(denied)
	tests := []struct {
		name  string
		key   awstest.Key
		parts []string
	}{
		{"unknown key", awstest.Key{ID: "AKIANOBODY", Secret: "x"}, []string{"AWS said InvalidClientTokenId: ", "AWS does not accept the credentials: they are of the profile's Secret vault/s"}},
		{"wrong secret", wrong, []string{"AWS said SignatureDoesNotMatch: ", "they are of the profile's Secret vault/s"}},
		{"expired", old, []string{"AWS said ExpiredToken: ", "the credentials have expired, renew them"}},
		{"denied", denied, []string{"ask who I am (sts:GetCallerIdentity in eu-central-1): AWS said AccessDenied: ", "; allow sts:GetCallerIdentity to the profile's Secret vault/s (request request-"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := whoAmI(t.Context(), open(t, s, tt.key))
			if err == nil {
				t.Fatal("no error")
			}
			for _, part := range tt.parts {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q is not in %q", part, err)
				}
			}
		})
	}
}

func TestThrottling(t *testing.T) {
	s := newServer(t)
	a := open(t, s, other)
	s.Throttle("sts:GetCallerIdentity", 3)
	if _, err := whoAmI(t.Context(), a); err != nil {
		t.Errorf("three times throttled: %v", err)
	}
	s.Throttle("sts:GetCallerIdentity", 0)
	_, err := whoAmI(t.Context(), a)
	if err == nil || !awsaccess.Throttled(err) || !strings.Contains(err.Error(), "4 attempts have not been enough") {
		t.Errorf("throttled for ever: %v", err)
	}
}

func TestAdvice(t *testing.T) {
	s := newServer(t)
	for code, want := range map[string]string{
		"SnapshotLimitExceeded":        "a quota of the account is used up",
		"SnapshotQuotaExceeded":        "a quota of the account is used up",
		"InstanceQuotaExceededFault":   "a quota of the account is used up",
		"InvalidSnapshot.NotFound":     "is it of this account and this region?",
		"DBInstanceNotFoundFault":      "is it of this account and this region?",
		"IncorrectState":               "it is in another state than that needs",
		"InvalidDBInstanceState":       "it is in another state than that needs",
		"InvalidDBSnapshotStateFault":  "it is in another state than that needs",
		"InvalidSnapshot.InUse":        "it is in another state than that needs",
		"InsufficientVolumeCapacity":   "AWS has no room for it in that zone now",
		"UnrecognizedClientException":  "AWS does not accept the credentials",
		"ExpiredTokenException":        "the credentials have expired",
		"UnauthorizedOperation":        "allow sts:GetCallerIdentity to",
		"InvalidParameterValue":        "(request ",
		"Client.UnauthorizedOperation": "allow sts:GetCallerIdentity to",
	} {
		s.Fail(awstest.Fault{Action: "sts:GetCallerIdentity", Times: 1, Code: code, Message: "As it is."})
		_, err := whoAmI(t.Context(), open(t, s, other))
		if err == nil || !strings.Contains(err.Error(), "AWS said "+code+": As it is") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", code, err, want)
		}
		if got := awsaccess.NotFound(err); got != strings.Contains(code, "NotFound") {
			t.Errorf("%s: NotFound %v", code, got)
		}
	}
}

// A connection that breaks is tried again, with the same outcome.
func TestLostAnswer(t *testing.T) {
	s := newServer(t)
	s.Fail(awstest.Fault{Action: "sts:GetCallerIdentity", Times: 2, Lost: true})
	if _, err := whoAmI(t.Context(), open(t, s, other)); err != nil {
		t.Error(err)
	}
	if n := len(s.Requests("GetCallerIdentity")); n != 3 {
		t.Errorf("%d requests", n)
	}
}

func TestUnreachable(t *testing.T) {
	s := newServer(t)
	a := open(t, s, other)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := whoAmI(ctx, a); err == nil || !strings.Contains(err.Error(), "ask who I am: ") {
		t.Errorf("error %v", err)
	}
}
