package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

const (
	// azureLogin is the authority of the public cloud.
	azureLogin = "https://login.microsoftonline.com/"
	// assertionType says that the token of a service account stands for a password.
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
)

// azureIdentity is the workload identity of a pod: Azure trusts its service account.
// The variables and the file are those that Azure's webhook gives to pods.
type azureIdentity struct {
	client, tokenURL, file string
	http                   *http.Client
	learn                  func(secret string)
}

func newAzureIdentity(learn func(secret string)) (*azureIdentity, error) {
	tenant := os.Getenv("AZURE_TENANT_ID")
	id := &azureIdentity{
		client: os.Getenv("AZURE_CLIENT_ID"), file: os.Getenv("AZURE_FEDERATED_TOKEN_FILE"),
		// Certificates of the authority are not those of the location.
		http: &http.Client{Timeout: loginTime, Transport: tellingLogin{http.DefaultTransport, learn}}, learn: learn,
	}
	if id.client == "" || id.file == "" || tenant == "" {
		return nil, errors.New("the credential's secret asks for a federated identity, and this pod or machine has none: " +
			"AZURE_CLIENT_ID, AZURE_TENANT_ID or AZURE_FEDERATED_TOKEN_FILE is missing; use a service account with a workload identity, or give azure_storage_key")
	}
	authority := strings.TrimRight(cmp.Or(os.Getenv("AZURE_AUTHORITY_HOST"), azureLogin), "/")
	id.tokenURL = authority + "/" + url.PathEscape(tenant) + "/oauth2/v2.0/token"
	return id, nil
}

// GetToken implements azcore.TokenCredential. Its caller keeps the token until shortly
// before it expires. The file is read each time, as what is in it expires, too.
func (i *azureIdentity) GetToken(ctx context.Context, opt policy.TokenRequestOptions) (azcore.AccessToken, error) {
	assertion, err := os.ReadFile(i.file)
	if err != nil {
		return azcore.AccessToken{}, &loginError{fmt.Errorf("the token of this pod's service account: %w", err)}
	}
	login := clientcredentials.Config{
		ClientID: i.client, TokenURL: i.tokenURL, Scopes: opt.Scopes, AuthStyle: oauth2.AuthStyleInParams,
		EndpointParams: url.Values{"client_assertion_type": {assertionType}, "client_assertion": {strings.TrimSpace(string(assertion))}},
	}
	token, err := login.Token(context.WithValue(ctx, oauth2.HTTPClient, i.http))
	if isRefusedLogin(err) {
		return azcore.AccessToken{}, &loginError{err}
	}
	if err != nil {
		return azcore.AccessToken{}, fmt.Errorf("log in with this pod's federated identity: %w", err)
	}
	i.learn(token.AccessToken)
	return azcore.AccessToken{Token: token.AccessToken, ExpiresOn: token.Expiry}, nil
}

// loginError is one that no repetition mends.
type loginError struct{ err error }

// Error implements error. What the authority says may be long, and its start says what
// matters.
func (e *loginError) Error() string {
	if reason := loginReason(e.err); reason != "" {
		return "the federated identity of this pod is refused" + reason
	}
	return e.err.Error()
}

func (e *loginError) Unwrap() error { return e.err }

// NonRetriable makes the client give up at once.
func (e *loginError) NonRetriable() {}
