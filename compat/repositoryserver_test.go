package compat

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const repositoryServerYAML = `apiVersion: cr.kanister.io/v1alpha1
kind: RepositoryServer
metadata: {name: backups, namespace: vault}
spec:
  storage:
    secretRef: {name: location, namespace: other}
    credentialSecretRef: {name: keys}
  repository:
    rootPath: kopia
    username: server
    hostname: here
    passwordSecretRef: {name: password}
    cacheSizeSettings: {metadata: 100, content: 200}
  server:
    userAccess:
      username: backup
      userAccessSecretRef: {name: users}
    adminSecretRef: {name: admin}
    tlsSecretRef: {name: tls}
status:
  progress: Ready
  conditions: [{type: ServerSetup, status: "True"}]
  serverInfo: {podName: p, serviceName: s}
`

func TestReadRepositoryServer(t *testing.T) {
	r, err := ReadRepositoryServer(document(t, repositoryServerYAML))
	if err != nil {
		t.Fatal(err)
	}
	if r.Spec.Repository.CacheSizeSettings.Content != 200 || r.Status.ServerInfo.ServiceName != "s" || r.Status.Progress != RepositoryServerReady {
		t.Errorf("read %+v", r)
	}
	if ns := r.NamespaceOf(r.Spec.Storage.SecretRef); ns != "other" {
		t.Errorf("a namespace that is given: %s", ns)
	}
	if ns := r.NamespaceOf(r.Spec.Server.TLSSecretRef); ns != "vault" {
		t.Errorf("a namespace that is not given: %s", ns)
	}
}

// Every reference that a server cannot do without is missed by name.
func TestReadRepositoryServerLacks(t *testing.T) {
	for _, tt := range []struct{ line, want string }{
		{"    rootPath: kopia\n", "spec.repository.rootPath"},
		{"    secretRef: {name: location, namespace: other}\n", "spec.storage.secretRef.name"},
		{"      userAccessSecretRef: {name: users}\n", "spec.server.userAccess.userAccessSecretRef.name"},
		{"    tlsSecretRef: {name: tls}\n", "spec.server.tlsSecretRef.name"},
	} {
		_, err := ReadRepositoryServer(document(t, strings.Replace(repositoryServerYAML, tt.line, "", 1)))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("without %q: %v", tt.line, err)
		}
	}
	_, err := ReadRepositoryServer(document(t, strings.Replace(repositoryServerYAML, "rootPath:", "rootPth:", 1)))
	if err == nil || !strings.Contains(err.Error(), "did you mean rootPath") {
		t.Errorf("misspelt: %v", err)
	}
}

func server() *RepositoryServer {
	return &RepositoryServer{
		Name: "backups", Namespace: "vault", Username: "backup", Address: "https://s.vault.svc.cluster.local:51515",
		Credentials: RepositoryServerCredentials{
			ServerTLS:        Secret{Meta: Meta{Name: "tls"}, Data: map[string][]byte{"tls.crt": []byte("CERT")}},
			ServerUserAccess: Secret{Meta: Meta{Name: "users"}, Data: map[string][]byte{"shop": []byte("hunter2")}},
		},
		ContentCacheMB: 5,
	}
}

// What a template writes, kando reads.
func TestParseRepositoryServer(t *testing.T) {
	text, err := Engine{}.Render("{{ toJson .RepositoryServer }}", &Params{RepositoryServer: server()})
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseRepositoryServer([]byte(text))
	if d := cmp.Diff(server(), got); err != nil || d != "" {
		t.Errorf("%v (-expected +got):\n%s", err, d)
	}
	for src, want := range map[string]string{
		"null": "the action runs without one", "[]": "must be a JSON object", "{": "", `{"Adress":"hunter2"}`: "did you mean Address",
	} {
		_, err := ParseRepositoryServer([]byte(src))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", src, err)
		}
	}
}

func TestClientProfile(t *testing.T) {
	p, err := server().ClientProfile("")
	if err != nil {
		t.Fatal(err)
	}
	want := &KopiaServerSecret{
		Username: "backup", Hostname: "shop", Password: "hunter2", Cert: "CERT",
		ConnectOptions: map[string]int{"dataStoreGeneralContentCacheSizeMB": 5, "dataStoreGeneralMetadataCacheSizeMB": 0},
	}
	if d := cmp.Diff(want, p.Credential.KopiaServerSecret); d != "" || p.Location.Endpoint != server().Address || p.Location.Type != LocationKopia {
		t.Errorf("location %+v (-expected +got):\n%s", p.Location, d)
	}
	two := server()
	two.Credentials.ServerUserAccess.Data["bar"] = []byte("hunter2")
	none := server()
	none.Credentials.ServerUserAccess.Data = nil
	for _, tt := range []struct {
		server     *RepositoryServer
		host, want string
	}{
		{two, "", "name one of bar, shop"}, {two, "foo", `no host name "foo"; it has bar, shop`}, {none, "", "is empty"}, {none, "x", "is empty"},
	} {
		_, err := tt.server.ClientProfile(tt.host)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "vault/backups") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("host %q: %v, expected %q", tt.host, err, tt.want)
		}
	}
	if p, err := two.ClientProfile("bar"); err != nil || p.Credential.KopiaServerSecret.Hostname != "bar" {
		t.Errorf("the named host: %+v, %v", p, err)
	}
}

// FuzzParseRepositoryServer: whatever a script hands over, reading it ends, and what
// can be read can be written and read again.
func FuzzParseRepositoryServer(f *testing.F) {
	text, err := json.Marshal(server())
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{string(text), "null", "{}", `{"name":"a","NAME":"b"}`, `{"Credentials":{"serverTLS":{"data":{"a":"?"}}}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		r, err := ParseRepositoryServer(src)
		if err != nil {
			return
		}
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseRepositoryServer(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if second, err := json.Marshal(again); err != nil || string(second) != string(text) {
			t.Errorf("%s became %s, %v", text, second, err)
		}
	})
}
