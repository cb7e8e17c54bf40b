package interp

import (
	"maps"

	"github.com/rescuecue/rescue/compat"
)

// veiled copies parameters with a placeholder for each secret value.
func veiled(given *compat.Params, secretOptions []string) *compat.Params {
	p := *given
	p.Options = maps.Clone(given.Options)
	for _, name := range secretOptions {
		if _, ok := p.Options[name]; ok {
			p.Options[name] = inputMark("options", name)
		}
	}
	p.Secrets = map[string]compat.Secret{}
	for name, s := range given.Secrets {
		p.Secrets[name] = veiledSecret(s, "secrets", name)
	}
	if given.Profile != nil {
		p.Profile = veiledProfile(*given.Profile)
	}
	if given.RepositoryServer != nil {
		r := *given.RepositoryServer
		r.Credentials.ServerTLS = veiledSecret(r.Credentials.ServerTLS, "repositoryServer", "credentials", "serverTls")
		r.Credentials.ServerUserAccess = veiledSecret(r.Credentials.ServerUserAccess, "repositoryServer", "credentials", "serverUserAccess")
		p.RepositoryServer = &r
	}
	p.Phases = map[string]*compat.Phase{}
	for name, ph := range given.Phases {
		p.Phases[name] = &compat.Phase{Output: ph.Output, ConfigMaps: ph.ConfigMaps}
	}
	return &p
}

func veiledSecret(s compat.Secret, at ...string) compat.Secret {
	data := map[string][]byte{}
	for key := range s.Data {
		data[key] = []byte(inputMark(append(append([]string{}, at...), "data", key)...))
	}
	s.Data = data
	return s
}

func veiledProfile(p compat.Profile) *compat.Profile {
	if p.Credential.KeyPair != nil {
		p.Credential.KeyPair = &compat.KeyPair{
			ID: inputMark("profile", "credential", "keyPair", "id"), Secret: inputMark("profile", "credential", "keyPair", "secret"),
		}
	}
	if p.Credential.Secret != nil {
		s := veiledSecret(*p.Credential.Secret, "profile", "credential", "secret")
		p.Credential.Secret = &s
	}
	if k := p.Credential.KopiaServerSecret; k != nil {
		veiled := *k
		veiled.Password = inputMark("profile", "credential", "kopiaServerSecret", "password")
		p.Credential.KopiaServerSecret = &veiled
	}
	return &p
}
