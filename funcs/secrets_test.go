package funcs_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/aws/awstest"
	"github.com/rescuecue/rescue/funcs/funcstest"
)

// A vault notes what functions take for secret, and finds it.
type vault struct {
	mu     sync.Mutex
	values []string
}

func (v *vault) Add(value string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.values = append(v.values, value)
}

func (v *vault) Find(text string) (spans [][2]int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, value := range v.values {
		if i := strings.Index(text, value); i >= 0 {
			spans = append(spans, [2]int{i, i + len(value)})
		}
	}
	return spans
}

// TestSessionKeysAreSecrets: the keys of a role come from AWS, and from nowhere that a run
// has read.
func TestSessionKeysAreSecrets(t *testing.T) {
	const role = "arn:aws:iam::123456789012:role/backup"
	r := newRDSTest(t)
	r.Server.Server.AddRole(awstest.Role{ARN: role, By: []string{awstest.TestKey.ID}})
	r.env.Params.Profile.Credential = compat.Credential{Type: "secret", Secret: &compat.Secret{
		Meta: compat.Meta{Name: "s", Namespace: "vault"}, Type: compat.SecretTypeAWS,
		Data: map[string][]byte{
			"aws_access_key_id": []byte(awstest.TestKey.ID), "aws_secret_access_key": []byte(awstest.TestKey.Secret), "role": []byte(role),
		},
	}}
	secrets := &vault{}
	r.env.Secrets = secrets
	if _, err := funcs.CreateRDSSnapshot().Exec(t.Context(), r.env, funcs.Args{"instanceID": "shop"}); err != nil {
		t.Fatal(err)
	}
	for _, begin := range []string{"ASIATEST", "session/secret+", "session-token-"} {
		if !slices.ContainsFunc(secrets.values, func(v string) bool { return strings.HasPrefix(v, begin) }) {
			t.Errorf("%s… is not among the secrets", begin)
		}
	}
}

// TestSecretInACommandIsToldOnce: it does not get truer with each attempt.
func TestSecretInACommandIsToldOnce(t *testing.T) {
	env, _, log := funcstest.NewEnv()
	env.Exec = funcstest.Exec(func(context.Context, funcs.ExecOptions) error { return nil })
	secrets := &vault{}
	secrets.Add("hunter2")
	env.Secrets = secrets
	for attempt := range 3 {
		env.Attempt = attempt + 1
		args := funcs.Args{"namespace": "db", "pod": "pg-0", "command": []any{"login", "hunter2"}}
		if _, err := funcs.KubeExec().Exec(t.Context(), env, args); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(log.String(), "a secret stands in the command"); n != 1 {
		t.Errorf("it is told %d times:\n%s", n, log)
	}
}
