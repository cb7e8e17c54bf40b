package store

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rescuecue/rescue/compat"
)

// AzureKey is a storage account and its key.
type AzureKey struct {
	Account, Key string
	// Federated says that there is no key: the pod's own identity is to be used.
	Federated bool
	// Domain of the cloud that the account is in; blob.core.windows.net is the public one.
	Domain string
}

// azureDomains are those of blob storage, by the cloud's name in small letters.
var azureDomains = map[string]string{
	"azurepubliccloud":       "blob.core.windows.net",
	"azureusgovernmentcloud": "blob.core.usgovcloudapi.net",
	"azurechinacloud":        "blob.core.chinacloudapi.cn",
}

// AzureKeyOf takes the key out of a Profile, whose credential is a key pair of account
// and key, or a Secret of type secrets.kanister.io/azure.
func AzureKeyOf(p *compat.Profile) (AzureKey, error) {
	key, environment := AzureKey{}, ""
	switch c := p.Credential; {
	case c.KeyPair != nil:
		key.Account, key.Key = c.KeyPair.ID, c.KeyPair.Secret
	case c.Secret != nil && c.Secret.Type == compat.SecretTypeAzure:
		data := c.Secret.Data
		key.Account, key.Key = string(data["azure_storage_account_id"]), string(data["azure_storage_key"])
		key.Federated = key.Key == "" && string(data["azure_federated_identity"]) == "true"
		environment = strings.TrimSpace(string(data["azure_storage_environment"]))
	default:
		return AzureKey{}, wrongCredential(p, compat.SecretTypeAzure)
	}
	return key.complete(environment)
}

func (k AzureKey) complete(environment string) (AzureKey, error) {
	k.Account, k.Key = strings.TrimSpace(k.Account), strings.TrimSpace(k.Key)
	if k.Account == "" || k.Key == "" && !k.Federated {
		return AzureKey{}, errors.New("the profile's storage account or its key is empty")
	}
	if _, err := base64.StdEncoding.DecodeString(k.Key); err != nil {
		return AzureKey{}, errors.New("the key of the profile's storage account is not the base64 text that Azure hands out")
	}
	k.Domain = azureDomains[strings.ToLower(cmp.Or(environment, "AzurePublicCloud"))]
	if k.Domain == "" {
		return AzureKey{}, fmt.Errorf("azure_storage_environment %q is not known; it is one of %s, in any case",
			environment, strings.Join(slices.Sorted(maps.Keys(azureDomains)), ", "))
	}
	return k, nil
}

// serviceURL is the address of the account's blobs.
func (k AzureKey) serviceURL(endpoint string) (string, error) {
	if endpoint == "" {
		return "https://" + k.Account + "." + k.Domain, nil
	}
	return serviceURL(endpoint)
}
