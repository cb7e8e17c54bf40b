package awsaccess

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"

	"github.com/rescuecue/rescue/compat"
)

// Wanted is what a phase says about its access to AWS. The zero value leaves all to
// the profile and the surroundings.
type Wanted struct {
	// Source is the argument credentialsSource: profile, secret, eks_service_account
	// or its other spelling serviceaccount. Empty: see Open.
	Source string
	// Secret is the argument credentialsSecret: a name among the action's secrets, or
	// else among the objects of the phase.
	Secret string
	// Region is the region to work in. Empty: the profile's, or else the surroundings'.
	Region string
	// Session names the work in AWS's own log, where a role is assumed for it.
	Session string
}

// An Account is access to AWS: credentials that were there when it was opened, and a
// region.
type Account struct {
	// Config makes clients of services, by their NewFromConfig.
	Config aws.Config
	// Options are those that it was opened with.
	Options Options
	// Source says whose credentials these are, for messages.
	Source string
}

// Open finds credentials and region. Without a Source, credentials are those of the
// first of these that there is:
//
//  1. the Secret that the phase names,
//  2. the profile, if its credentials are of AWS's kind: a key pair of an
//     S3-compatible location, or a Secret of the type secrets.kanister.io/aws, with the
//     role that it may name,
//  3. what surrounds rescue: the SDK's chain of environment variables, shared files,
//     the service account's role (IRSA, Pod Identity) and the instance's role.
//
// A source that is named is the only one that is tried. The credentials are fetched
// here, so that the error says whose they are when they cannot be had.
func Open(ctx context.Context, o Options, p *compat.Params, want Wanted) (*Account, error) {
	keys, err := choose(p, want)
	if err != nil {
		return nil, fmt.Errorf("credentials for AWS: %w", err)
	}
	cfg, err := o.load(ctx, cmp.Or(want.Region, profileRegion(p)), keys)
	if err != nil {
		return nil, fmt.Errorf("configuration for AWS, as the environment and the shared files have it: %w", err)
	}
	a := &Account{Config: cfg, Options: o, Source: keys.whose}
	if a.Config.Region == "" {
		if a.Config.Region, err = instanceRegion(ctx, cfg); err != nil {
			return nil, err
		}
	}
	if keys.role != "" {
		a.assume(keys, want.Session)
	}
	return a, a.retrieve(ctx)
}

// In returns the same access to another region.
func (a *Account) In(region string) *Account {
	other := *a
	other.Config = a.Config.Copy()
	other.Config.Region = region
	return &other
}

// Region is the region that the account works in.
func (a *Account) Region() string { return a.Config.Region }

// load reads the configuration that surrounds rescue. Keys, if there are any, go
// before the credentials that are found there.
func (o Options) load(ctx context.Context, region string, k keys) (aws.Config, error) {
	opts := []func(*config.LoadOptions) error{
		config.WithRegion(region), config.WithBaseEndpoint(o.BaseEndpoint), config.WithAppID("rescue"),
	}
	if k.static != nil {
		opts = append(opts, config.WithCredentialsProvider(k.static))
	}
	if o.HTTPClient != nil {
		opts = append(opts, config.WithHTTPClient(o.HTTPClient))
	}
	if o.MaxBackoff != 0 {
		opts = append(opts, config.WithRetryer(func() aws.Retryer {
			return retry.NewStandard(func(s *retry.StandardOptions) { s.MaxBackoff = o.MaxBackoff })
		}))
	}
	cfg, err := config.LoadDefaultConfig(ctx, opts...)
	cfg.RetryMaxAttempts = cmp.Or(o.MaxAttempts, cfg.RetryMaxAttempts, DefaultMaxAttempts)
	return cfg, err
}

func profileRegion(p *compat.Params) string {
	if p == nil || p.Profile == nil {
		return ""
	}
	return p.Profile.Location.Region
}

// instanceRegion asks the machine's metadata service, which only answers on AWS.
func instanceRegion(ctx context.Context, cfg aws.Config) (string, error) {
	out, err := imds.NewFromConfig(cfg).GetRegion(ctx, &imds.GetRegionInput{})
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if err != nil {
		return "", errors.New("no region of AWS is known: give the phase the argument region if it has one, " +
			"or the profile a location.region, or set AWS_REGION (this machine is not on EC2 either, where it could be asked)")
	}
	return out.Region, nil
}
