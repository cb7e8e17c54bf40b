package store

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/rescuecue/rescue/compat"
)

const (
	// SessionName shows in the logs of who lends a role.
	SessionName = "rescue"
	// renewBefore is how long before their end temporary keys are renewed.
	renewBefore = 5 * time.Minute
)

// S3Identity is who a Profile says makes requests to S3.
type S3Identity struct {
	// Key to sign with. Without ID it is that of the pod or machine: of its service
	// account (IRSA) or of its instance.
	Key S3Key
	// Role to be assumed with the key; it may be empty.
	Role string
}

// Lasting tells whether the requests are always signed with Key.
func (i S3Identity) Lasting() bool { return i.Key.ID != "" && i.Role == "" }

// S3Credentials returns what requests to the location are signed with. Keys that expire
// are renewed when they are asked for, and told as Learning says.
func S3Credentials(ctx context.Context, p *compat.Profile) (aws.CredentialsProvider, error) {
	identity, err := S3IdentityOf(p)
	if err != nil {
		return nil, err
	}
	keys, err := identity.base(ctx, p.Location.Region)
	if err == nil && identity.Key.ID == "" {
		keys = told(ctx, keys)
	}
	if err != nil || identity.Role == "" {
		return keys, err
	}
	lent, err := identity.assume(p, keys)
	if err != nil {
		return nil, err
	}
	return told(ctx, lent), nil
}

// base returns the keys to start with.
func (i S3Identity) base(ctx context.Context, region string) (aws.CredentialsProvider, error) {
	if k := i.Key; k.ID != "" {
		return credentials.NewStaticCredentialsProvider(k.ID, k.Secret, k.Token), nil
	}
	c, err := config.LoadDefaultConfig(ctx, config.WithDefaultRegion(cmp.Or(region, defaultRegion)))
	if err != nil {
		return nil, fmt.Errorf("the identity of this pod or machine at Amazon: %w", err)
	}
	return explained{c.Credentials, "the profile's secret has no keys, and this pod or machine has no identity of its own that Amazon knows; " +
		"give the keys, or run it with a service account or on an instance that has a role"}, nil
}

// assume returns the keys that the role gives.
func (i S3Identity) assume(p *compat.Profile, base aws.CredentialsProvider) (aws.CredentialsProvider, error) {
	client, err := httpClient(p)
	if err != nil {
		return nil, err
	}
	lender := sts.New(sts.Options{
		Region: cmp.Or(p.Location.Region, defaultRegion), Credentials: aws.NewCredentialsCache(base), HTTPClient: client,
		BaseEndpoint: aws.String(STSEndpoint(p.Location)), Retryer: retryer(),
	})
	role := stscreds.NewAssumeRoleProvider(lender, i.Role, func(o *stscreds.AssumeRoleOptions) { o.RoleSessionName = SessionName })
	kept := aws.NewCredentialsCache(role, func(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = renewBefore })
	return explained{kept, fmt.Sprintf("the role %s of the profile cannot be assumed", i.Role)}, nil
}

// STSEndpoint is where roles are lent: at Amazon by its own service in the region; other
// servers, such as MinIO and Ceph, do it themselves.
func STSEndpoint(l compat.Location) string {
	region := cmp.Or(l.Region, defaultRegion)
	host := ""
	if u, err := url.Parse(endpointURL(l.Endpoint)); err == nil {
		host = "." + strings.ToLower(u.Hostname())
	}
	switch {
	case strings.HasSuffix(host, ".amazonaws.com.cn") || l.Endpoint == "" && strings.HasPrefix(region, "cn-"):
		return "https://sts." + region + ".amazonaws.com.cn"
	case strings.HasSuffix(host, ".amazonaws.com") || l.Endpoint == "":
		return "https://sts." + region + ".amazonaws.com"
	}
	return endpointURL(l.Endpoint)
}

// explained says what it means that there are no keys.
type explained struct {
	aws.CredentialsProvider
	text string
}

// Retrieve implements aws.CredentialsProvider.
func (e explained) Retrieve(ctx context.Context) (aws.Credentials, error) {
	keys, err := e.CredentialsProvider.Retrieve(ctx)
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("%s: %w", e.text, err)
	}
	return keys, nil
}
