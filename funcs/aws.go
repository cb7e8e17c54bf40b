package funcs

import (
	"context"
	"maps"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rescuecue/rescue/funcs/aws/awsaccess"
)

// awsArgs are the arguments that say how a function reaches AWS, for those that have
// them; they are embedded in the function's own.
type awsArgs struct {
	CredentialsSource string `json:"credentialsSource"`
	CredentialsSecret string `json:"credentialsSecret"`
	Region            string `json:"region"`
}

// openAWS finds the credentials and the region of a phase.
func (e *Env) openAWS(ctx context.Context, a awsArgs) (*awsaccess.Account, error) {
	account, err := awsaccess.Open(ctx, e.AWS, e.Params, awsaccess.Wanted{
		Source: a.CredentialsSource, Secret: a.CredentialsSecret, Region: a.Region, Session: e.Labels[RunLabel],
	})
	if err != nil {
		return nil, err
	}
	account.Config.Credentials = tainted{account.Config.Credentials, e}
	return account, nil
}

// tainted makes credentials known as secrets whenever they are fetched: those of a role, or
// of the machine, come from nowhere that the run has read, and change while it runs.
type tainted struct {
	aws.CredentialsProvider
	env *Env
}

// Retrieve implements aws.CredentialsProvider.
func (t tainted) Retrieve(ctx context.Context) (aws.Credentials, error) {
	c, err := t.CredentialsProvider.Retrieve(ctx)
	for _, secret := range []string{c.AccessKeyID, c.SecretAccessKey, c.SessionToken} {
		t.env.taint(secret)
	}
	return c, err
}

// TemporaryTag marks what a function makes in AWS for its own time only. Together with
// RunLabel it tells what a dead process has left behind from what is meant to stay.
const TemporaryTag = "rescue.dev/temporary"

// awsTags are the tags of what a phase makes in AWS: its origin, and more. A second
// attempt of the phase finds its own work by them.
func (e *Env) awsTags(more map[string]string) map[string]string {
	tags := maps.Clone(more)
	if tags == nil {
		tags = map[string]string{}
	}
	maps.Copy(tags, e.origin())
	return tags
}

// awsToken makes an AWS request one that is carried out once: all attempts of the
// phase have the same token for the same purpose. Outside of a run it is random.
func (e *Env) awsToken(purpose ...string) string { return nameUUID(e.nameSeed(purpose...)) }
