package awsaccess

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/rescuecue/rescue/compat"
)

// The values of credentialsSource.
const (
	SourceProfile        = "profile"
	SourceSecret         = "secret"
	SourceServiceAccount = "eks_service_account"
	// SourceServiceAccountDoc is how Kanister's documentation spells the one before.
	SourceServiceAccountDoc = "serviceaccount"
)

// The fields of a Secret of the type secrets.kanister.io/aws.
const (
	fieldID    = "aws_access_key_id"
	fieldKey   = "aws_secret_access_key"
	fieldToken = "aws_session_token"
	fieldRole  = "role"
)

// keys are the credentials that were chosen. No static ones: the SDK's chain.
type keys struct {
	static aws.CredentialsProvider
	role   string // to be assumed with them
	whose  string // "" where none were found
}

const surroundings = "the credentials that surround rescue (environment, shared files, service account, instance role)"

// choose says which credentials to use, as Open documents.
func choose(p *compat.Params, want Wanted) (keys, error) {
	if p == nil {
		p = &compat.Params{}
	}
	switch want.Source {
	case SourceSecret:
		return secretKeys(p, want.Secret)
	case SourceServiceAccount, SourceServiceAccountDoc:
		return keys{whose: surroundings}, nil
	case SourceProfile:
		k, err := profileKeys(p.Profile)
		if err == nil && k.whose == "" {
			err = errors.New("credentialsSource is profile, but " + withoutKeys(p.Profile) +
				": name a profile with AWS keys, or another credentialsSource")
		}
		return k, err
	case "":
		if want.Secret != "" {
			return secretKeys(p, want.Secret)
		}
		k, err := profileKeys(p.Profile)
		if err == nil && k.whose == "" {
			k.whose = surroundings + ", since " + withoutKeys(p.Profile)
		}
		return k, err
	}
	return keys{}, fmt.Errorf("credentialsSource must be %s, %s or %s, found %q", SourceProfile, SourceSecret, SourceServiceAccount, want.Source)
}

func withoutKeys(p *compat.Profile) string {
	if p == nil {
		return "the action has no profile"
	}
	return fmt.Sprintf("the profile's credentials are not AWS's (its location is of type %s)", p.Location.Type)
}

// profileKeys returns the zero keys for a profile whose credentials are another
// provider's.
func profileKeys(p *compat.Profile) (keys, error) {
	switch {
	case p == nil:
		return keys{}, nil
	case p.Credential.Secret != nil && p.Credential.Secret.Type == compat.SecretTypeAWS:
		return fieldsOf(*p.Credential.Secret, "the profile's Secret")
	case p.Credential.KeyPair != nil && p.Location.Type == compat.LocationS3:
		pair := p.Credential.KeyPair
		if pair.ID == "" || pair.Secret == "" {
			return keys{}, errors.New("the profile's key pair is not complete: its access key or its secret key is empty")
		}
		whose := "the profile's key pair"
		if e := p.Location.Endpoint; e != "" && !strings.Contains(e, "amazonaws.com") {
			whose += ", which is for " + e + " and need not be known to AWS (name other credentials with credentialsSource where the function has that)"
		}
		return keys{static: credentials.NewStaticCredentialsProvider(pair.ID, pair.Secret, ""), whose: whose}, nil
	}
	return keys{}, nil
}

// secretKeys looks the Secret up by the name that the blueprint has for it.
func secretKeys(p *compat.Params, name string) (keys, error) {
	if name == "" {
		return keys{}, errors.New("credentialsSource is secret: name the Secret in credentialsSecret")
	}
	if s, ok := p.Secrets[name]; ok {
		return fieldsOf(s, "the action's secret "+name+",")
	}
	objects := map[string]compat.Secret{}
	for _, phase := range []*compat.Phase{p.DeferPhase, p.CurrentPhase} {
		if phase != nil {
			maps.Copy(objects, phase.Secrets)
		}
	}
	if s, ok := objects[name]; ok {
		return fieldsOf(s, "the phase's object "+name+",")
	}
	return keys{}, fmt.Errorf("credentialsSecret is %q, which is neither one of the action's secrets (%s) nor one of the phase's objects (%s)",
		name, namesOf(p.Secrets), namesOf(objects))
}

func namesOf(secrets map[string]compat.Secret) string {
	if len(secrets) == 0 {
		return "it has none"
	}
	return strings.Join(slices.Sorted(maps.Keys(secrets)), ", ")
}

// fieldsOf reads the fields of Kanister's own type of Secret. The type itself is not
// asked for: a Secret that another operator keeps up to date has its own. One of
// that type without both keys means the identity that surrounds rescue, as for locations.
func fieldsOf(s compat.Secret, whose string) (keys, error) {
	whose = fmt.Sprintf("%s %s/%s", whose, s.Namespace, s.Name)
	field := func(name string) string { return strings.TrimSpace(string(s.Data[name])) }
	role := field(fieldRole)
	_, hasID := s.Data[fieldID]
	_, hasKey := s.Data[fieldKey]
	if !hasID && !hasKey && (role != "" || s.Type == compat.SecretTypeAWS) {
		return keys{role: role, whose: surroundings + ", since " + whose + " has no keys"}, nil
	}
	for _, name := range []string{fieldID, fieldKey} {
		if field(name) == "" {
			return keys{}, fmt.Errorf("%s has no %s: a Secret for AWS needs %s and %s, and may have %s and %s",
				whose, name, fieldID, fieldKey, fieldToken, fieldRole)
		}
	}
	k := keys{static: credentials.NewStaticCredentialsProvider(field(fieldID), field(fieldKey), field(fieldToken)), role: role, whose: whose}
	return k, nil
}

// assume changes the credentials for those of a role. They are renewed by themselves.
func (a *Account) assume(k keys, session string) {
	client := sts.NewFromConfig(a.Config)
	a.Source = fmt.Sprintf("the role %s, assumed with %s", k.role, k.whose)
	a.Config.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(client, k.role, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = sessionName(session)
	}))
}

var notInSession = regexp.MustCompile(`[^\w+=,.@-]+`)

// sessionName makes a name as STS wants it, of at most 64 characters.
func sessionName(session string) string {
	name := strings.TrimRight("rescue-"+notInSession.ReplaceAllString(session, "-"), "-")
	return name[:min(len(name), 64)]
}

// retrieve fetches the credentials for the first time.
func (a *Account) retrieve(ctx context.Context) error {
	if a.Config.Credentials == nil {
		return fmt.Errorf("no credentials for AWS: tried %s", a.Source)
	}
	found, err := a.Config.Credentials.Retrieve(ctx)
	if err == nil {
		if strings.HasPrefix(a.Source, surroundings) {
			a.Source = "what surrounds rescue: " + found.Source
		}
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if api := (*Error)(nil); errors.As(a.Explain(err, "fetch credentials"), &api) {
		return api
	}
	return fmt.Errorf("no credentials for AWS: tried %s: %w", a.Source, err)
}
