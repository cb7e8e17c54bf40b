package store_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/store"
	"github.com/rescuecue/rescue/funcs/store/cloudtest"
)

// The keys of a role are told as soon as they are there, so that they can be taken out of
// errors in which a server repeats them.
func TestLearnedKeys(t *testing.T) {
	cloud := cloudtest.TalkativeS3(t)
	keys := &store.Learned{}
	s, err := store.Open(store.Learning(t.Context(), keys.Add), cloud.Profile)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Get(t.Context(), "a", io.Discard)
	if err == nil || !strings.Contains(err.Error(), cloud.Canaries[0]) {
		t.Fatalf("the server does not repeat the keys: %v", err)
	}
	text := keys.Mask(err.Error())
	for _, canary := range cloud.Canaries {
		if strings.Contains(text, canary) {
			t.Errorf("%s is in: %s", canary, text)
		}
	}
	if !strings.Contains(text, "refused to *** with ***") {
		t.Errorf("too much was masked: %s", text)
	}
}

// What is too short for a key is not masked.
func TestLearnedShort(t *testing.T) {
	keys := &store.Learned{}
	keys.Add("")
	keys.Add("a")
	if got := keys.Mask("a bucket"); got != "a bucket" {
		t.Errorf("got %q", got)
	}
}

// repeating is a service of a cloud, and the login to it, that refuse with all that they were
// sent. With lends, the login gives the token "token-of-the-cloud".
func repeating(t *testing.T, lends bool) (service, login *httptest.Server) {
	t.Helper()
	login = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if lends {
			fmt.Fprint(w, `{"access_token":"token-of-the-cloud","token_type":"Bearer","expires_in":3600}`)
			return
		}
		sent := r.FormValue("assertion") + r.FormValue("client_assertion")
		w.WriteHeader(http.StatusUnauthorized)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": "bad", "error_description": "login with " + sent + " or " + url.QueryEscape(sent)})
	}))
	t.Cleanup(login.Close)
	service = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text := "refused to " + r.Header.Get("Authorization")
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("x-ms-error-code", text) // all that is shown of Azure's errors
		w.WriteHeader(http.StatusForbidden)
		_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]string{"message": text}})
	}))
	service.Config.ErrorLog = log.New(io.Discard, "", 0)
	service.StartTLS() // tokens are sent over TLS alone
	t.Cleanup(service.Close)
	return service, login
}

// masked is the error of a store, before and after all keys that it told of were taken out.
func masked(t *testing.T, p *compat.Profile) (plain, text string) {
	t.Helper()
	keys := &store.Learned{}
	var err error
	s, openErr := store.Open(store.Learning(t.Context(), keys.Add), p)
	if openErr != nil {
		t.Fatal(openErr)
	}
	defer s.Close()
	if _, err = s.Get(context.WithoutCancel(t.Context()), "a", io.Discard); err == nil {
		t.Fatal("the server takes the request")
	}
	return err.Error(), keys.Mask(err.Error())
}

// TestLearnedGCS: neither a token, what a login is made with, nor a part of the service
// account's key is left in what a server repeats.
func TestLearnedGCS(t *testing.T) {
	service, login := repeating(t, true)
	pair := cloudtest.NewServiceAccount(t, login.URL)
	p := profileOf("gcs", service.URL, compat.Credential{Type: compat.CredentialKeyPair, KeyPair: pair})
	p.SkipSSLVerify = true
	plain, text := masked(t, p)
	if !strings.Contains(plain, "token-of-the-cloud") || strings.Contains(text, "token-of-the-cloud") || !strings.Contains(text, "refused to Bearer ***") {
		t.Errorf("the token: %s\nmasked: %s", plain, text)
	}

	_, login = repeating(t, false)
	p.Credential.KeyPair = cloudtest.NewServiceAccount(t, login.URL)
	plain, text = masked(t, p)
	if !strings.Contains(plain, "login with eyJ") || strings.Contains(text, "eyJ") || !strings.Contains(text, "login with *** or ***") {
		t.Errorf("the assertion: %s\nmasked: %s", plain, text)
	}
}

// TestLearnedKeyParts: a server that repeats a part of the service account's key, as it is or
// as JSON has it.
func TestLearnedKeyParts(t *testing.T) {
	pair := cloudtest.NewServiceAccount(t, "https://127.0.0.1:1/token")
	var account struct {
		PrivateKey string `json:"private_key"`
	}
	if err := json.Unmarshal([]byte(pair.Secret), &account); err != nil {
		t.Fatal(err)
	}
	keys := &store.Learned{}
	s, err := store.Open(store.Learning(t.Context(), keys.Add), profileOf("gcs", "", compat.Credential{Type: compat.CredentialKeyPair, KeyPair: pair}))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	line := strings.Split(account.PrivateKey, "\n")[3]
	for name, part := range map[string]string{
		"the whole": account.PrivateKey, "as JSON has it": strings.ReplaceAll(account.PrivateKey, "\n", `\n`), "a line": line, "a line in an address": url.QueryEscape(line),
	} {
		if got := keys.Mask("key " + part + " is refused"); got != "key *** is refused" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// TestLearnedAzure: the same of a pod's federated identity.
func TestLearnedAzure(t *testing.T) {
	service, login := repeating(t, true)
	file := filepath.Join(t.TempDir(), "token")
	writeFile(t, file, "assertion-of-the-pod\n")
	t.Setenv("AZURE_TENANT_ID", "tenant")
	t.Setenv("AZURE_CLIENT_ID", "client")
	t.Setenv("AZURE_FEDERATED_TOKEN_FILE", file)
	t.Setenv("AZURE_AUTHORITY_HOST", login.URL)
	p := profileOf("azure", service.URL, typed(compat.SecretTypeAzure, "azure_storage_account_id", "a", "azure_federated_identity", "true"))
	p.SkipSSLVerify = true
	plain, text := masked(t, p)
	if !strings.Contains(plain, "token-of-the-cloud") || strings.Contains(text, "token-of-the-cloud") || !strings.Contains(text, "refused to Bearer ***") {
		t.Errorf("the token: %s\nmasked: %s", plain, text)
	}

	_, login = repeating(t, false)
	t.Setenv("AZURE_AUTHORITY_HOST", login.URL)
	plain, text = masked(t, p)
	if !strings.Contains(plain, "assertion-of-the-pod") || strings.Contains(text, "assertion-of-the-pod") || !strings.Contains(text, "login with *** or ***") {
		t.Errorf("the assertion: %s\nmasked: %s", plain, text)
	}
}
