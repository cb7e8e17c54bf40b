package mover

import (
	"path/filepath"
	"strings"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/store"
)

// ResticAccess is how the restic program gets at the repository of a location, where
// Kanister has made it.
type ResticAccess struct {
	// Env are variables of its environment, secrets included.
	Env map[string]string
	// GoogleKey is a file that it wants to read, and CABundle another; both may be empty.
	GoogleKey, CABundle string
	// Insecure accepts any certificate of the store.
	Insecure bool
}

// ResticAccessTo returns the access.
func ResticAccessTo(loc Location) (ResticAccess, error) {
	if loc.Profile == nil || loc.isServer() {
		return ResticAccess{}, failure(CodeNoRepository, nil, "restic has no repository there")
	}
	bucket, prefix, err := loc.repository()
	if err != nil {
		return ResticAccess{}, err
	}
	p := loc.trusting()
	a := ResticAccess{
		Env:      map[string]string{"RESTIC_PASSWORD": loc.Password},
		CABundle: p.CABundle,
		Insecure: p.SkipSSLVerify,
	}
	switch p.Location.Type {
	case compat.LocationS3:
		err = a.s3(p, bucket, prefix)
	case compat.LocationGCS:
		err = a.gcs(p, bucket, prefix)
	case compat.LocationAzure:
		err = a.azure(p, bucket, prefix)
	case compat.LocationFilesystem:
		a.Env["RESTIC_REPOSITORY"] = filepath.Join(p.Location.Endpoint, bucket, prefix)
	default:
		err = failure(CodeNoRepository, nil, "restic has no repository in a location of the type %s", p.Location.Type)
	}
	return a, err
}

func (a *ResticAccess) s3(p *compat.Profile, bucket, prefix string) error {
	identity, err := store.S3IdentityOf(p)
	if err != nil {
		return &Error{Code: CodeBadRequest, Text: err.Error()}
	}
	if !identity.Lasting() {
		return failure(CodeBadRequest, nil, "a repository of restic can only be read with keys of its own, not with a role: give a profile with an access key")
	}
	endpoint := strings.TrimRight(p.Location.Endpoint, "/")
	if endpoint == "" {
		endpoint = defaultS3Endpoint
	}
	a.Env["RESTIC_REPOSITORY"] = "s3:" + endpoint + "/" + strings.TrimRight(bucket+"/"+prefix, "/")
	a.Env["AWS_ACCESS_KEY_ID"], a.Env["AWS_SECRET_ACCESS_KEY"] = identity.Key.ID, identity.Key.Secret
	if identity.Key.Token != "" {
		a.Env["AWS_SESSION_TOKEN"] = identity.Key.Token
	}
	if p.Location.Region != "" {
		a.Env["AWS_DEFAULT_REGION"] = p.Location.Region
	}
	return nil
}

func (a *ResticAccess) gcs(p *compat.Profile, bucket, prefix string) error {
	key, err := store.GCSKeyOf(p)
	if err != nil {
		return &Error{Code: CodeBadRequest, Text: err.Error()}
	}
	a.GoogleKey = string(key.JSON)
	a.Env["GOOGLE_PROJECT_ID"] = key.Project
	a.Env["RESTIC_REPOSITORY"] = "gs:" + bucket + ":/" + prefix + "/"
	return nil
}

func (a *ResticAccess) azure(p *compat.Profile, bucket, prefix string) error {
	key, err := store.AzureKeyOf(p)
	if err != nil {
		return &Error{Code: CodeBadRequest, Text: err.Error()}
	}
	if key.Federated {
		return failure(CodeBadRequest, nil, "a repository of restic can only be read with the key of the storage account, not with a federated identity")
	}
	a.Env["AZURE_ACCOUNT_NAME"], a.Env["AZURE_ACCOUNT_KEY"] = key.Account, key.Key
	a.Env["RESTIC_REPOSITORY"] = "azure:" + bucket + ":/" + prefix + "/"
	return nil
}
