package mover

import (
	"encoding/json"
	"net/url"
	"strings"

	"github.com/kopia/kopia/repo/blob"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/store"
)

// programGCS and programAzure are what the kopia program reads of such locations. Its
// own packages for them would make ours much larger.
type programGCS struct {
	Bucket      string          `json:"bucket"`
	Prefix      string          `json:"prefix,omitempty"`
	Credentials json.RawMessage `json:"credentials"`
}

type programAzure struct {
	Container      string `json:"container"`
	Prefix         string `json:"prefix,omitempty"`
	StorageAccount string `json:"storageAccount"`
	StorageKey     string `json:"storageKey"`
	StorageDomain  string `json:"storageDomain"`
	DoNotUseTLS    bool   `json:"doNotUseTLS,omitempty"`
}

// programConnection is what connection says, in terms that the kopia program knows. It
// is an error if there are none.
func (l Location) programConnection() (blob.ConnectionInfo, error) {
	if l.Profile != nil {
		switch l.Profile.Location.Type {
		case compat.LocationS3:
			return l.programS3()
		case compat.LocationGCS:
			return l.programGCS()
		case compat.LocationAzure:
			return l.programAzure()
		}
	}
	conn, err := l.connection()
	conn.Type = strings.TrimPrefix(conn.Type, "rescue-") // our variant of the store is unknown to the program
	return conn, err
}

// programS3 leaves it to the program to assume a role, and to find the identity of the
// machine.
func (l Location) programS3() (blob.ConnectionInfo, error) {
	opt, identity, err := l.s3Options()
	if err != nil {
		return blob.ConnectionInfo{}, err
	}
	if opt.RoleARN = identity.Role; opt.RoleARN != "" {
		if identity.Key.ID == "" {
			return blob.ConnectionInfo{}, failure(CodeBadRequest, nil, "the kopia program cannot assume the role %s without keys: give aws_access_key_id and aws_secret_access_key", identity.Role)
		}
		opt.RoleEndpoint, opt.RoleRegion = store.STSEndpoint(l.Profile.Location), l.Profile.Location.Region
		opt.SessionName = store.SessionName
	}
	return blob.ConnectionInfo{Type: "s3", Config: opt}, nil
}

func (l Location) programGCS() (blob.ConnectionInfo, error) {
	key, err := store.GCSKeyOf(l.Profile)
	if err != nil {
		return blob.ConnectionInfo{}, &Error{Code: CodeBadRequest, Text: err.Error()}
	}
	bucket, prefix, err := l.programPlace()
	if err == nil && l.Profile.Location.Endpoint != "" {
		err = failure(CodeBadRequest, nil, "the kopia program knows no other endpoint of Google Cloud Storage than Google's own: leave location.endpoint out")
	}
	return blob.ConnectionInfo{Type: "gcs", Config: &programGCS{Bucket: bucket, Prefix: prefix, Credentials: key.JSON}}, err
}

func (l Location) programAzure() (blob.ConnectionInfo, error) {
	key, err := store.AzureKeyOf(l.Profile)
	if err != nil {
		return blob.ConnectionInfo{}, &Error{Code: CodeBadRequest, Text: err.Error()}
	}
	if key.Federated {
		return blob.ConnectionInfo{}, failure(CodeBadRequest, nil, "the kopia program cannot be told of a federated identity: give azure_storage_key")
	}
	bucket, prefix, err := l.programPlace()
	if err != nil {
		return blob.ConnectionInfo{}, err
	}
	opt := &programAzure{Container: bucket, Prefix: prefix, StorageAccount: key.Account, StorageKey: key.Key, StorageDomain: key.Domain}
	if endpoint := l.Profile.Location.Endpoint; endpoint != "" {
		u, err := url.Parse(endpoint)
		if err != nil || strings.Trim(u.Path, "/") != "" || !strings.HasPrefix(u.Host, key.Account+".") {
			return blob.ConnectionInfo{}, failure(CodeBadRequest, nil, "the kopia program needs an endpoint of Azure of the form https://ACCOUNT.DOMAIN")
		}
		opt.StorageDomain, opt.DoNotUseTLS = strings.TrimPrefix(u.Host, key.Account+"."), u.Scheme == "http"
	}
	return blob.ConnectionInfo{Type: "azureBlob", Config: opt}, nil
}

// programPlace is place for clouds of which the program takes no certificates.
func (l Location) programPlace() (bucket, prefix string, err error) {
	bucket, prefix, err = l.place()
	if p := l.trusting(); err == nil && (p.SkipSSLVerify || p.CABundle != "") {
		err = failure(CodeBadRequest, nil, "the kopia program can be told nothing of the certificates of %s: "+
			"leave skipSSLVerify and caBundle out, and name a file of certificates in SSL_CERT_FILE in its container", p.Location.Type)
	}
	return bucket, prefix, err
}
