package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/rescuecue/rescue/compat"
)

// defaultRegion is signed with when a Profile names none. Servers other than
// Amazon's seldom look at it.
const defaultRegion = "us-east-1"

// bucket is a Store in a bucket of an S3-compatible server.
type bucket struct {
	client *s3.Client
	name   string
	// where describes the bucket in errors.
	where    string
	partSize int // of the first parts
}

func openS3(ctx context.Context, p *compat.Profile) (*bucket, error) {
	l := p.Location
	if l.Bucket == "" {
		return nil, errors.New("the location has no bucket")
	}
	keys, err := S3Credentials(ctx, p)
	if err != nil {
		return nil, err
	}
	client, err := httpClient(p)
	if err != nil {
		return nil, err
	}
	opts := s3.Options{
		Region:      cmp.Or(l.Region, defaultRegion),
		Credentials: keys,
		HTTPClient:  client,
		Retryer:     retryer(),
		// Newer checksums are unknown to many servers. The signature covers the
		// content in any case.
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
	}
	where := "bucket " + l.Bucket
	if l.Endpoint != "" {
		opts.BaseEndpoint = aws.String(endpointURL(l.Endpoint))
		opts.UsePathStyle = true
		where += " at " + *opts.BaseEndpoint
	}
	return &bucket{client: s3.New(opts), name: l.Bucket, where: where, partSize: firstPartSize}, nil
}

// endpointURL takes an endpoint without a scheme for HTTPS.
func endpointURL(endpoint string) string {
	if !strings.Contains(endpoint, "://") {
		endpoint = "https://" + endpoint
	}
	return strings.TrimRight(endpoint, "/")
}

func httpClient(p *compat.Profile) (aws.HTTPClient, error) {
	trust, err := tlsConfig(p)
	if err != nil {
		return nil, err
	}
	return awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) { t.TLSClientConfig = trust }), nil
}

func retryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) { o.Retryables = slices.Concat(notCertificates, o.Retryables) })
}

// notCertificates keeps the client from asking again where the server's certificate
// is at fault, which no repetition mends.
var notCertificates = []retry.IsErrorRetryable{
	retry.IsErrorRetryableFunc(func(err error) aws.Ternary {
		if isUntrusted(err) {
			return aws.FalseTernary
		}
		return aws.UnknownTernary
	}),
}

func (b *bucket) Close() error { return nil }

func (b *bucket) Get(ctx context.Context, key string, w io.Writer) (int64, error) {
	out, err := b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.name, Key: &key})
	if err != nil {
		return 0, b.explain("get", key, err)
	}
	defer out.Body.Close() // only read from
	n, err := io.Copy(w, out.Body)
	if err == nil && out.ContentLength != nil && n != *out.ContentLength {
		err = fmt.Errorf("%d of %d bytes arrived", n, *out.ContentLength)
	}
	if err != nil {
		return n, fmt.Errorf("get %s from %s: %w", key, b.where, err)
	}
	return n, nil
}

func (b *bucket) List(ctx context.Context, prefix string, each func(Object) error) error {
	pages := s3.NewListObjectsV2Paginator(b.client, &s3.ListObjectsV2Input{Bucket: &b.name, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return b.explain("list", prefix, err)
		}
		for _, o := range page.Contents {
			object := Object{Key: aws.ToString(o.Key), Size: aws.ToInt64(o.Size), Modified: aws.ToTime(o.LastModified)}
			if err := each(object); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bucket) Delete(ctx context.Context, key string) error {
	_, err := b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.name, Key: &key})
	if err == nil {
		return nil
	}
	if err = b.explain("delete", key, err); errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// explain turns the client's error into what a user can act on.
func (b *bucket) explain(action, key string, err error) error {
	api := smithy.APIError(nil)
	if !errors.As(err, &api) {
		return fmt.Errorf("%s %s in %s: %w", action, key, b.where, err)
	}
	switch api.ErrorCode() {
	case "NoSuchKey", "NotFound":
		return fmt.Errorf("%s in %s: %w", key, b.where, ErrNotFound)
	case "NoSuchBucket":
		return fmt.Errorf("%s: %w", b.where, ErrNoBucket)
	case "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken":
		return fmt.Errorf("%s %s in %s: %w: %w", action, key, b.where, ErrDenied, err)
	case "PermanentRedirect", "AuthorizationHeaderMalformed":
		return fmt.Errorf("%s %s in %s: does location.region name the bucket's region? %w", action, key, b.where, err)
	}
	return fmt.Errorf("%s %s in %s: %w", action, key, b.where, err)
}
