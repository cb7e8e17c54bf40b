package cloudtest

import (
	"crypto/rand"
	"encoding/base64"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"

	"github.com/rescuecue/rescue/compat"
)

// azureAccount is the storage account.
const azureAccount = "rescueaccount"

// Azure starts Azurite with an empty container. host is the address of this machine that
// it answers at. It skips the test if there is no such program, or no Node.js.
func Azure(t testing.TB, host string) *Cloud {
	t.Helper()
	program := program(t, "RESCUE_AZURITE", "make dist/azurite")
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("no Node.js, in which Azurite runs")
	}
	secret := make([]byte, 64)
	if _, err := rand.Read(secret); err != nil {
		t.Fatal(err)
	}
	key := base64.StdEncoding.EncodeToString(secret)
	lines := start(t, []string{"AZURITE_ACCOUNTS=" + azureAccount + ":" + key}, node, program,
		"--blobHost", host, "--blobPort", "0", "--inMemoryPersistence", "--silent", "--disableTelemetry", "--skipApiVersionCheck")
	address := awaitAddress(t, lines) + "/" + azureAccount
	c := &Cloud{Profile: &compat.Profile{
		Location:   compat.Location{Type: compat.LocationAzure, Bucket: bucket, Endpoint: address},
		Credential: compat.Credential{Type: compat.CredentialKeyPair, KeyPair: &compat.KeyPair{ID: azureAccount, Secret: key}},
	}, Direct: address, Canaries: []string{key}}
	makeContainer(t, address, key)
	return c
}

// awaitAddress reads where Azurite listens.
func awaitAddress(t testing.TB, lines <-chan string) string {
	t.Helper()
	timeout := time.After(5 * time.Minute)
	for {
		select {
		case line, ok := <-lines:
			if !ok {
				t.Fatal("Azurite has ended")
			}
			if _, address, ok := strings.Cut(line, "successfully listens on "); ok {
				return strings.TrimSpace(address)
			}
		case <-timeout:
			t.Fatal("Azurite does not start")
		}
	}
}

func makeContainer(t testing.TB, address, key string) {
	t.Helper()
	credential, err := azblob.NewSharedKeyCredential(azureAccount, key)
	if err != nil {
		t.Fatal(err)
	}
	client, err := azblob.NewClientWithSharedKeyCredential(address, credential, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.CreateContainer(t.Context(), bucket, nil); err != nil {
		t.Fatal(err)
	}
}
