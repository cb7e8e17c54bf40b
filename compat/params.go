// Package compat holds all that is legacy: Kanister's YAML, its template language
// and template parameters, and the conversion to CUE.
package compat

// Params are the template parameters of one action, with the names that Kanister's
// templates use. The JSON form (`rescue render --params`) has the same names, in
// any case.
type Params struct {
	StatefulSet      *Workload           `json:"StatefulSet,omitempty"`
	Deployment       *Workload           `json:"Deployment,omitempty"`
	DeploymentConfig *Workload           `json:"DeploymentConfig,omitempty"`
	PVC              *NamespacedName     `json:"PVC,omitempty"`
	Namespace        *NamespacedName     `json:"Namespace,omitempty"`
	Object           map[string]any      `json:"Object,omitempty"`
	ArtifactsIn      map[string]Artifact `json:"ArtifactsIn,omitempty"`
	ConfigMaps       map[string]ConfigMap
	Secrets          map[string]Secret
	Profile          *Profile
	RepositoryServer *RepositoryServer
	// Time is when the action started: RFC 3339 with nanoseconds, in UTC.
	Time           string
	Options        map[string]string
	Phases         map[string]*Phase
	DeferPhase     *Phase
	CurrentPhase   *Phase
	PodOverride    map[string]any
	PodLabels      map[string]string
	PodAnnotations map[string]string
}

// Workload describes a StatefulSet, Deployment or DeploymentConfig as it was when
// the action started.
type Workload struct {
	Name      string
	Namespace string
	// Pods are the names of the running pods.
	Pods []string
	// Containers of each pod, in the order of Pods.
	Containers [][]string
	// PersistentVolumeClaims: pod name to claim name to mount path.
	PersistentVolumeClaims map[string]map[string]string
}

// NamespacedName names a PersistentVolumeClaim or a Namespace.
type NamespacedName struct {
	Name      string
	Namespace string
}

// Artifact is what one action hands to another.
type Artifact struct {
	KeyValue      map[string]string `json:"keyValue,omitempty"`
	KopiaSnapshot string            `json:"kopiaSnapshot,omitempty"`
}

// Phase is what later phases may read of a phase.
type Phase struct {
	Secrets    map[string]Secret
	ConfigMaps map[string]ConfigMap
	Output     map[string]any
}

// Meta has the fields of Kubernetes' object metadata that templates use.
type Meta struct {
	Name        string            `json:"name,omitempty"`
	Namespace   string            `json:"namespace,omitempty"`
	UID         string            `json:"uid,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// Secret is a Kubernetes Secret. Data holds the decoded bytes; in JSON they are
// base64.
type Secret struct {
	Meta `json:"metadata"`
	Data map[string][]byte `json:"data,omitempty"`
	Type string            `json:"type,omitempty"`
}

// ConfigMap is a Kubernetes ConfigMap.
type ConfigMap struct {
	Meta       `json:"metadata"`
	Data       map[string]string `json:"data,omitempty"`
	BinaryData map[string][]byte `json:"binaryData,omitempty"`
}

// Profile is a Profile with the Secrets it names read. `toJson .Profile` is what
// `kando --profile` takes; the field names there are these.
type Profile struct {
	Location      Location
	Credential    Credential
	SkipSSLVerify bool
	// CABundle are the certificates, in PEM form, of whom to believe that a server is
	// the location. Empty: whom this machine believes.
	CABundle string `json:",omitempty"`
}

// Location says where backups are kept.
type Location struct {
	// Type is s3Compliant, gcs, azure, filesystem or kopia.
	Type string `json:"type"`
	// Bucket is the bucket; of a filesystem, a folder in the directory.
	Bucket string `json:"bucket"`
	// Endpoint is a host or URL; of a filesystem, the directory.
	Endpoint string `json:"endpoint"`
	Prefix   string `json:"prefix"`
	Region   string `json:"region"`
	// Claim is the PersistentVolumeClaim that pods mount at the directory of a
	// filesystem.
	Claim string `json:"claim,omitempty"`
}

// Credential is what a location asks for.
type Credential struct {
	// Type is keyPair, secret or kopia.
	Type              string
	KeyPair           *KeyPair
	Secret            *Secret
	KopiaServerSecret *KopiaServerSecret
}

// KeyPair is an access key and its secret key, an account and its key, or a
// project and its service account.
type KeyPair struct {
	ID     string
	Secret string
}

// KopiaServerSecret is what a client of a Kopia repository server needs.
type KopiaServerSecret struct {
	Username       string
	Hostname       string
	Password       string
	Cert           string
	ConnectOptions map[string]int
}

// RepositoryServer is a Kopia repository server and how to reach it.
type RepositoryServer struct {
	Name        string
	Namespace   string
	ServerInfo  ServerInfo
	Username    string
	Credentials RepositoryServerCredentials
	Address     string
	// ContentCacheMB and MetadataCacheMB limit the client's caches, in MB.
	ContentCacheMB  int
	MetadataCacheMB int
}

// ServerInfo names the pod and the service of a repository server.
type ServerInfo struct {
	PodName     string
	ServiceName string
}

// RepositoryServerCredentials are the Secrets of a repository server's clients.
type RepositoryServerCredentials struct {
	ServerTLS        Secret
	ServerUserAccess Secret
}
