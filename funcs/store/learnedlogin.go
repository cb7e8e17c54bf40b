package store

import (
	"context"
	"encoding/pem"
	"io"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/oauth2"
)

// learner is who wants to learn of keys; without one, they are told to nobody.
func learner(ctx context.Context) func(secret string) {
	if learn, ok := ctx.Value(learnKey{}).(func(string)); ok {
		return learn
	}
	return func(string) {}
}

// keyPart is how long a line of a key must be to be told: the last one may be a few letters,
// which any text has.
const keyPart = 16

// tell tells the parts of a service account's key: an error that repeats one of them does
// not have the whole JSON in it, which is what the Profile is known by.
func (a serviceAccount) tell(learn func(secret string)) {
	learn(a.PrivateKey)
	learn(a.PrivateKeyID)
	block, _ := pem.Decode([]byte(a.PrivateKey))
	if block == nil {
		return
	}
	for _, line := range strings.Split(string(pem.EncodeToMemory(block)), "\n") {
		if !strings.HasPrefix(line, "-----") && len(line) >= keyPart {
			learn(line)
		}
	}
}

// tellingTokens tells each token that a login gives.
type tellingTokens struct {
	oauth2.TokenSource
	learn func(secret string)
}

// Token implements oauth2.TokenSource.
func (t tellingTokens) Token() (*oauth2.Token, error) {
	token, err := t.TokenSource.Token()
	if err == nil {
		t.learn(token.AccessToken)
	}
	return token, err
}

// tellingLogin tells what a login is made with: the assertion, signed with a key or by a
// cluster, lets in whoever has it.
type tellingLogin struct {
	http.RoundTripper
	learn func(secret string)
}

// RoundTrip implements http.RoundTripper.
func (t tellingLogin) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.GetBody != nil {
		if body, err := r.GetBody(); err == nil {
			t.tell(body)
		}
	}
	return t.RoundTripper.RoundTrip(r)
}

func (t tellingLogin) tell(body io.ReadCloser) {
	defer body.Close() // a copy in memory
	text, err := io.ReadAll(io.LimitReader(body, errorBody))
	if err != nil {
		return // sending it fails as well
	}
	form, err := url.ParseQuery(string(text))
	if err != nil {
		return // no login of ours
	}
	for _, name := range []string{"assertion", "client_assertion"} {
		t.learn(form.Get(name))
	}
}
