package store_test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/store"
)

// A pod with a workload identity needs no key. The login knows one service account's
// token alone.
func TestAzureFederatedIdentity(t *testing.T) {
	login := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path != "/tenant/oauth2/v2.0/token" || r.FormValue("client_id") != "client" || r.FormValue("client_assertion") != "jwt" ||
			r.FormValue("scope") != "https://storage.azure.com/.default" || r.FormValue("grant_type") != "client_credentials" {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"error":"invalid_client","error_description":"AADSTS700213: no matching federated identity"}`)
			return
		}
		fmt.Fprint(w, `{"access_token":"bearer","token_type":"Bearer","expires_in":3600}`)
	}))
	t.Cleanup(login.Close)
	azure := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer bearer" || r.URL.Path != "/b/x" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		fmt.Fprint(w, "content")
	}))
	azure.Config.ErrorLog = log.New(io.Discard, "", 0)
	azure.StartTLS() // tokens are sent over TLS alone
	t.Cleanup(azure.Close)
	p := profileOf("azure", azure.URL, typed(compat.SecretTypeAzure, "azure_storage_account_id", "a", "azure_federated_identity", "true"))
	p.SkipSSLVerify = true
	for _, name := range []string{"AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE"} {
		t.Setenv(name, "")
	}
	if _, err := store.Open(t.Context(), p); err == nil || !strings.Contains(err.Error(), "AZURE_FEDERATED_TOKEN_FILE") {
		t.Errorf("a pod without identity: %v", err)
	}

	file := filepath.Join(t.TempDir(), "token")
	t.Setenv("AZURE_TENANT_ID", "tenant")
	t.Setenv("AZURE_CLIENT_ID", "client")
	t.Setenv("AZURE_AUTHORITY_HOST", login.URL+"/")
	t.Setenv("AZURE_FEDERATED_TOKEN_FILE", file)
	if _, err := open(t, p).Get(t.Context(), "x", io.Discard); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("no token: %v", err)
	}
	writeFile(t, file, "canary")
	_, err := open(t, p).Get(t.Context(), "x", io.Discard)
	if !errors.Is(err, store.ErrDenied) || !strings.Contains(err.Error(), "AADSTS700213") || strings.Contains(err.Error(), "canary") {
		t.Errorf("another token: %v", err)
	}
	t.Log(err)
	writeFile(t, file, "jwt\n")
	var got strings.Builder
	if _, err := open(t, p).Get(t.Context(), "x", &got); err != nil || got.String() != "content" {
		t.Errorf("got %q, %v", got.String(), err)
	}
}

func writeFile(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
