package compat

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The states of a RepositoryServer's status.progress.
const (
	RepositoryServerReady   = "Ready"
	RepositoryServerPending = "Pending"
	RepositoryServerFailed  = "Failed"
)

// tlsCertField is the field of a TLS Secret that has the certificate.
const tlsCertField = "tls.crt"

// RepositoryServerResource is a RepositoryServer as it stands in a file or a cluster,
// where it names Secrets.
type RepositoryServerResource struct {
	APIVersion string                 `json:"apiVersion,omitempty"`
	Kind       string                 `json:"kind,omitempty"`
	Metadata   Meta                   `json:"metadata"`
	Spec       RepositoryServerSpec   `json:"spec"`
	Status     RepositoryServerStatus `json:"status"`
}

// RepositoryServerSpec says which repository to serve, and to whom.
type RepositoryServerSpec struct {
	Storage    RepositoryStorage `json:"storage"`
	Repository RepositoryWanted  `json:"repository"`
	Server     ServerWanted      `json:"server"`
}

// RepositoryStorage names the Secrets with the location and its credentials.
type RepositoryStorage struct {
	SecretRef           ObjectReference `json:"secretRef"`
	CredentialSecretRef ObjectReference `json:"credentialSecretRef"`
}

// RepositoryWanted is the repository that is served.
type RepositoryWanted struct {
	// RootPath of the repository below the location's prefix.
	RootPath string `json:"rootPath"`
	// Username and Hostname are the server's own identity in the repository.
	Username          string          `json:"username"`
	Hostname          string          `json:"hostname"`
	PasswordSecretRef ObjectReference `json:"passwordSecretRef"`
	// CacheSizeSettings are in MB.
	CacheSizeSettings struct {
		Metadata int `json:"metadata,omitempty"`
		Content  int `json:"content,omitempty"`
	} `json:"cacheSizeSettings"`
	Configuration struct {
		CacheDirectory string `json:"cacheDirectory,omitempty"`
		LogDirectory   string `json:"logDirectory,omitempty"`
		ConfigFilePath string `json:"configFilePath,omitempty"`
	} `json:"configuration"`
}

// ServerWanted says who may use the server, and how it shows who it is.
type ServerWanted struct {
	UserAccess struct {
		Username string `json:"username"`
		// UserAccessSecretRef names a Secret of host names and passwords.
		UserAccessSecretRef ObjectReference `json:"userAccessSecretRef"`
	} `json:"userAccess"`
	AdminSecretRef ObjectReference `json:"adminSecretRef"`
	TLSSecretRef   ObjectReference `json:"tlsSecretRef"`
}

// RepositoryServerStatus is the report of whoever runs the server.
type RepositoryServerStatus struct {
	Progress   string           `json:"progress,omitempty"`
	Conditions []map[string]any `json:"conditions,omitempty"`
	ServerInfo struct {
		PodName     string `json:"podName,omitempty"`
		ServiceName string `json:"serviceName,omitempty"`
	} `json:"serverInfo"`
}

// ReadRepositoryServer reads a document of kind RepositoryServer. The error is an
// Errors.
func ReadRepositoryServer(doc *Document) (*RepositoryServerResource, error) {
	return readRepositoryServer(doc.Root)
}

// RepositoryServerFromObject reads a RepositoryServer as Kubernetes' dynamic client
// returns it.
func RepositoryServerFromObject(object map[string]any) (*RepositoryServerResource, error) {
	return readRepositoryServer(valueOf(object))
}

func readRepositoryServer(root *Value) (*RepositoryServerResource, error) {
	r, b := &RepositoryServerResource{}, &binder{}
	if err := b.bindTo(root, r); err != nil {
		return nil, err
	}
	if errs := r.check(root); len(errs) > 0 {
		return nil, errs
	}
	return r, nil
}

// check finds what a RepositoryServer lacks.
func (r *RepositoryServerResource) check(root *Value) Errors {
	var errs Errors
	for _, field := range []struct{ name, value string }{
		{"spec.storage.secretRef.name", r.Spec.Storage.SecretRef.Name},
		{"spec.repository.rootPath", r.Spec.Repository.RootPath},
		{"spec.repository.username", r.Spec.Repository.Username},
		{"spec.repository.hostname", r.Spec.Repository.Hostname},
		{"spec.repository.passwordSecretRef.name", r.Spec.Repository.PasswordSecretRef.Name},
		{"spec.server.userAccess.username", r.Spec.Server.UserAccess.Username},
		{"spec.server.userAccess.userAccessSecretRef.name", r.Spec.Server.UserAccess.UserAccessSecretRef.Name},
		{"spec.server.adminSecretRef.name", r.Spec.Server.AdminSecretRef.Name},
		{"spec.server.tlsSecretRef.name", r.Spec.Server.TLSSecretRef.Name},
	} {
		if field.value == "" {
			errs = append(errs, root.Errorf("the RepositoryServer has no %s", field.name))
		}
	}
	return errs
}

// NamespaceOf is the namespace that a reference of the RepositoryServer means: its own
// unless it names one.
func (r *RepositoryServerResource) NamespaceOf(ref ObjectReference) string {
	if ref.Namespace == "" {
		return r.Metadata.Namespace
	}
	return ref.Namespace
}

// ParseRepositoryServer reads a RepositoryServer as `toJson .RepositoryServer` writes
// it, names in any case. Errors never show values.
func ParseRepositoryServer(src []byte) (*RepositoryServer, error) {
	root, err := parseJSON("", src)
	if err != nil {
		return nil, err
	}
	switch {
	case root.Kind == Null:
		return nil, errors.New("the repository server is null: the action runs without one")
	case root.Kind != Map:
		return nil, root.Errorf("a repository server must be a JSON object, found %s", root.Kind)
	}
	r, b := &RepositoryServer{}, &binder{anyCase: true}
	if err := b.bindTo(root, r); err != nil {
		return nil, err
	}
	return r, nil
}

// ClientProfile is the profile by which a client on a host logs in to the server. The
// host is a key of the user access Secret; empty means its only one.
func (r *RepositoryServer) ClientProfile(host string) (*Profile, error) {
	host, password, err := r.login(host)
	if err != nil {
		return nil, fmt.Errorf("repository server %s/%s: %w", r.Namespace, r.Name, err)
	}
	return &Profile{
		Location: Location{Type: LocationKopia, Endpoint: r.Address},
		Credential: Credential{Type: CredentialKopia, KopiaServerSecret: &KopiaServerSecret{
			Username: r.Username, Hostname: host, Password: password,
			Cert: string(r.Credentials.ServerTLS.Data[tlsCertField]),
			ConnectOptions: map[string]int{
				"dataStoreGeneralContentCacheSizeMB":  r.ContentCacheMB,
				"dataStoreGeneralMetadataCacheSizeMB": r.MetadataCacheMB,
			},
		}},
	}, nil
}

// login picks the host and its password. Kanister takes any host when none is named;
// then a restore may not find what the backup stored, since each host sees its own.
func (r *RepositoryServer) login(host string) (string, string, error) {
	users := r.Credentials.ServerUserAccess.Data
	hosts := slices.Sorted(maps.Keys(users))
	switch {
	case len(hosts) == 0:
		return "", "", errors.New("its user access secret is empty: it holds a password for each host name")
	case host == "" && len(hosts) > 1:
		return "", "", fmt.Errorf("which host name to log in with is not known: name one of %s", strings.Join(hosts, ", "))
	case host == "":
		host = hosts[0]
	}
	password, ok := users[host]
	if !ok {
		return "", "", fmt.Errorf("its user access secret has no host name %q; it has %s", host, strings.Join(hosts, ", "))
	}
	return host, string(password), nil
}
