package store_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/store"
)

// canary stands for a key. It must be in no error.
const canary = "CANARYcanaryCANARY"

func profileOf(kind, endpoint string, c compat.Credential) *compat.Profile {
	return &compat.Profile{Location: compat.Location{Type: kind, Bucket: "b", Endpoint: endpoint}, Credential: c}
}

func pair(id, secret string) compat.Credential {
	return compat.Credential{Type: compat.CredentialKeyPair, KeyPair: &compat.KeyPair{ID: id, Secret: secret}}
}

func typed(kind string, kv ...string) compat.Credential {
	c := awsSecret(kv...)
	c.Secret.Type = kind
	return c
}

func TestCloudKeyErrors(t *testing.T) {
	good := base64.StdEncoding.EncodeToString([]byte(canary))
	for _, tc := range []struct {
		name    string
		profile *compat.Profile
		want    string
	}{
		{"gcs without credential", profileOf("gcs", "", compat.Credential{}), "the profile has no credential; a location of type gcs needs one"},
		{"gcs with a key of Amazon", profileOf("gcs", "", awsSecret()), `needs a secret of type secrets.kanister.io/gcp, found "secrets.kanister.io/aws"`},
		{"gcs without JSON", profileOf("gcs", "", pair("p", canary)), "must be the JSON text that Google hands out"},
		{"gcs of a person", profileOf("gcs", "", pair("p", `{"type":"authorized_user","refresh_token":"`+canary+`"}`)), `its type is "authorized_user", and must be service_account`},
		{"gcs without key", profileOf("gcs", "", typed(compat.SecretTypeGCP, "gcp_project_id", "p", "service-account.json",
			`{"type":"service_account","client_email":"a@b","private_key":"`+canary+`"}`)), "private_key in PEM form"},
		{"azure without credential", profileOf("azure", "", compat.Credential{}), "a location of type azure needs one"},
		{"azure without key", profileOf("azure", "", pair("account", "")), "storage account or its key is empty"},
		{"azure with a connection string", profileOf("azure", "", pair("account", "AccountKey="+canary+";")), "is not the base64 text that Azure hands out"},
		{"azure in no cloud", profileOf("azure", "", typed(compat.SecretTypeAzure, "azure_storage_account_id", "a", "azure_storage_key", good, "azure_storage_environment", "AzureMoonCloud")),
			`azure_storage_environment "AzureMoonCloud" is not known; it is one of azurechinacloud, azurepubliccloud, azureusgovernmentcloud`},
		{"azure with a key in its address", profileOf("azure", "https://a.blob.core.windows.net?sig="+canary, pair("a", good)), "the location's endpoint is not an address"},
		{"azure with another protocol", profileOf("azure", "ftp://a", pair("a", good)), "the location's endpoint is not an address"},
	} {
		s, err := store.Open(t.Context(), tc.profile)
		if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v, %v; want %s", tc.name, s, err, tc.want)
		}
	}
}

func TestAzureKey(t *testing.T) {
	key := base64.StdEncoding.EncodeToString([]byte(canary))
	for environment, domain := range map[string]string{
		"": "blob.core.windows.net", "AzurePublicCloud": "blob.core.windows.net",
		"AZUREUSGOVERNMENTCLOUD": "blob.core.usgovcloudapi.net", "AzureChinaCloud\n": "blob.core.chinacloudapi.cn",
	} {
		got, err := store.AzureKeyOf(profileOf("azure", "", typed(compat.SecretTypeAzure,
			"azure_storage_account_id", "a\n", "azure_storage_key", key+"\n", "azure_storage_environment", environment)))
		if want := (store.AzureKey{Account: "a", Key: key, Domain: domain}); err != nil || got != want {
			t.Errorf("%s: %+v, %v", environment, got, err)
		}
	}
}

func TestGCSKeyOfTypedSecret(t *testing.T) {
	_, err := store.GCSKeyOf(profileOf("gcs", "", typed(compat.SecretTypeGCP, "gcp_project_id", "p")))
	if err == nil || !strings.Contains(err.Error(), "service account") {
		t.Errorf("no JSON: %v", err)
	}
}
