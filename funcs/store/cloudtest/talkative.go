package cloudtest

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/rescuecue/rescue/compat"
)

// TalkativeS3 starts an S3 server that lends a role, and that refuses each request with an
// error which repeats the keys that it was signed with, in several forms. The profile is one
// of the role; the canaries are the keys that the role gives.
func TalkativeS3(t testing.TB) *Cloud {
	t.Helper()
	id, key, token := "ASIA"+randomText(), "key/"+randomText()+"+=", "token/"+randomText()+"+="
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/xml")
		if r.Method == http.MethodPost && r.URL.Path == "/" {
			writeSession(w, id, key, token, time.Now().Add(time.Hour))
			return
		}
		sent := r.Header.Get("X-Amz-Security-Token")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, "<Error><Code>AccessDenied</Code><Message>refused to %s with %s, %s or %s</Message></Error>",
			accessKey(r.Header.Get("Authorization")), sent, url.QueryEscape(sent), base64.StdEncoding.EncodeToString([]byte(sent)))
	}))
	t.Cleanup(server.Close)
	return &Cloud{
		Profile: &compat.Profile{
			Location: compat.Location{Type: compat.LocationS3, Bucket: bucket, Endpoint: server.URL},
			Credential: compat.Credential{Type: compat.CredentialSecret, Secret: &compat.Secret{Type: compat.SecretTypeAWS, Data: map[string][]byte{
				"aws_access_key_id": []byte("LENDER"), "aws_secret_access_key": []byte(randomText()), "role": []byte(Role),
			}}},
		},
		Direct:   server.URL,
		Canaries: []string{id, key, token, url.QueryEscape(token), base64.StdEncoding.EncodeToString([]byte(token))},
	}
}
