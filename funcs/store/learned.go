package store

import (
	"context"
	"encoding/base64"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
)

type learnKey struct{}

// Learning returns a context for Open, OpenBlobs and S3Credentials in which learn is told of
// all keys that are no whole value of a Secret, as soon as they are there: those of a role or
// of the machine, the tokens of a login and what it is made with, and the parts of a service
// account's key. Several goroutines may tell it at once.
func Learning(ctx context.Context, learn func(secret string)) context.Context {
	return context.WithValue(ctx, learnKey{}, learn)
}

// told has keys told to whoever wants to learn of them.
func told(ctx context.Context, keys aws.CredentialsProvider) aws.CredentialsProvider {
	learn, ok := ctx.Value(learnKey{}).(func(string))
	if !ok {
		return keys
	}
	return telling{keys, learn}
}

type telling struct {
	aws.CredentialsProvider
	learn func(string)
}

// Retrieve implements aws.CredentialsProvider.
func (t telling) Retrieve(ctx context.Context) (aws.Credentials, error) {
	c, err := t.CredentialsProvider.Retrieve(ctx)
	for _, secret := range []string{c.AccessKeyID, c.SecretAccessKey, c.SessionToken} {
		t.learn(secret)
	}
	return c, err
}

// Learned keeps the keys that a process has learned of, to take them out of what it says. The
// zero value is ready for use, by several goroutines at once.
type Learned struct {
	mu    sync.Mutex
	known map[string]bool // in all forms
}

// shortest is the length below which a text is no key: to mask it would only garble others.
const shortest = 4

// Add adds a key, in the forms that the text of an error may have it in.
func (l *Learned) Add(secret string) {
	if len(secret) < shortest {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known == nil {
		l.known = map[string]bool{}
	}
	plain := base64.StdEncoding.EncodeToString([]byte(secret))
	quoted := strconv.Quote(secret) // of several lines
	for _, form := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret), plain, url.QueryEscape(plain), quoted[1 : len(quoted)-1]} {
		l.known[form] = true
	}
}

// Mask returns the text with *** in the place of each key.
func (l *Learned) Mask(text string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	// The longest first: a line of a key is a part of the whole.
	longest := func(a, b string) int { return len(b) - len(a) }
	for _, form := range slices.SortedFunc(maps.Keys(l.known), longest) {
		text = strings.ReplaceAll(text, form, "***")
	}
	return text
}
