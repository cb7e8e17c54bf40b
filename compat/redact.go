package compat

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// minSecret is the shortest value that is blacked out. Shorter ones are found in
// every sentence.
const minSecret = 3

// redact removes the values of secrets from a message: as they are, in base64 and
// as Go quotes them.
func redact(msg string, p *Params) string {
	for _, s := range p.SecretValues() {
		quoted := strconv.Quote(s)
		for _, form := range []string{s, quoted[1 : len(quoted)-1], base64.StdEncoding.EncodeToString([]byte(s))} {
			msg = strings.ReplaceAll(msg, form, "(secret)")
		}
	}
	return msg
}

// SecretValues are the texts that must not be shown, the longest first.
func (p *Params) SecretValues() []string {
	var values []string
	add := func(s string) {
		for _, s := range []string{s, strings.TrimSpace(s)} {
			if len(s) >= minSecret {
				values = append(values, s)
			}
		}
	}
	secrets := func(m map[string]Secret) {
		for _, s := range m {
			s.each(add)
		}
	}
	secrets(p.Secrets)
	for _, ph := range p.Phases {
		ph.eachSecret(secrets)
	}
	p.DeferPhase.eachSecret(secrets)
	p.CurrentPhase.eachSecret(secrets)
	p.Profile.eachSecret(add)
	if r := p.RepositoryServer; r != nil {
		r.Credentials.ServerTLS.each(add)
		r.Credentials.ServerUserAccess.each(add)
	}
	slices.SortFunc(values, func(a, b string) int { return len(b) - len(a) })
	return slices.Compact(values)
}

// PublicValues are texts that everybody sees in the cluster, in logs and in what a run
// creates: the names of the objects that the action works on, and where backups go. A
// Secret may hold them too.
func (p *Params) PublicValues() []string {
	var values []string
	for _, w := range []*Workload{p.StatefulSet, p.Deployment, p.DeploymentConfig} {
		if w == nil {
			continue
		}
		values = append(append(values, w.Name, w.Namespace), w.Pods...)
		for i := range w.Containers {
			values = append(values, w.Containers[i]...)
		}
	}
	for _, n := range []*NamespacedName{p.PVC, p.Namespace} {
		if n != nil {
			values = append(values, n.Name, n.Namespace)
		}
	}
	for _, s := range p.Secrets {
		values = append(values, s.Name, s.Namespace)
	}
	if p.Profile != nil {
		l := p.Profile.Location
		values = append(values, l.Type, l.Bucket, l.Endpoint, l.Prefix, l.Region, l.Claim)
	}
	return values
}

func (s Secret) each(add func(string)) {
	for _, v := range s.Data {
		add(string(v))
	}
}

func (p *Phase) eachSecret(secrets func(map[string]Secret)) {
	if p != nil {
		secrets(p.Secrets)
	}
}

func (p *Profile) eachSecret(add func(string)) {
	if p == nil {
		return
	}
	if kp := p.Credential.KeyPair; kp != nil {
		add(kp.ID)
		add(kp.Secret)
		add(serviceAccountKey([]byte(kp.Secret)))
	}
	if s := p.Credential.Secret; s != nil {
		s.each(add)
		for _, v := range s.Data {
			add(serviceAccountKey(v))
		}
	}
	if k := p.Credential.KopiaServerSecret; k != nil {
		add(k.Password)
	}
}

// serviceAccountKey is the private key in what Google hands out for a service account,
// which is JSON.
func serviceAccountKey(text []byte) string {
	var account struct {
		Key string `json:"private_key"`
	}
	if json.Unmarshal(text, &account) != nil {
		return ""
	}
	return account.Key
}
