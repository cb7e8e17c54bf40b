//go:build e2e

package e2e

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"k8s.io/apimachinery/pkg/util/rand"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/store"
	"github.com/rescuecue/rescue/funcs/store/storetest"
)

// s3Profile makes a bucket for the test on the server of the environment.
func s3Profile(t *testing.T) *compat.Profile {
	t.Helper()
	endpoint, id, secret := os.Getenv("RESCUE_E2E_S3_ENDPOINT"), os.Getenv("RESCUE_E2E_S3_ACCESS_KEY"), os.Getenv("RESCUE_E2E_S3_SECRET_KEY")
	if endpoint == "" || id == "" || secret == "" {
		t.Skip("no S3 server: set RESCUE_E2E_S3_ENDPOINT, RESCUE_E2E_S3_ACCESS_KEY and RESCUE_E2E_S3_SECRET_KEY")
	}
	// Tests start at the same moment, so the time alone is no name of their own.
	bucket := "rescue-e2e-" + time.Now().UTC().Format("20060102-150405") + "-" + rand.String(8)
	client := s3.New(s3.Options{
		BaseEndpoint: &endpoint, UsePathStyle: true, Region: "us-east-1",
		Credentials: credentials.NewStaticCredentialsProvider(id, secret, ""),
	})
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { removeBucket(t, client, bucket) })
	return &compat.Profile{
		Location:   compat.Location{Type: compat.LocationS3, Bucket: bucket, Endpoint: endpoint},
		Credential: compat.Credential{Type: "keyPair", KeyPair: &compat.KeyPair{ID: id, Secret: secret}},
	}
}

// removeBucket also reports uploads that were left unfinished in it.
func removeBucket(t *testing.T, client *s3.Client, bucket string) {
	// The test's own context has ended when it cleans up.
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	uploads, err := client.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: &bucket})
	if err != nil {
		t.Error(err)
	} else if n := len(uploads.Uploads); n > 0 {
		t.Errorf("%d uploads were left unfinished", n)
	}
	pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: &bucket})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			t.Error(err)
			return
		}
		for _, o := range page.Contents {
			if _, err := client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: o.Key}); err != nil {
				t.Errorf("%s: %v", aws.ToString(o.Key), err)
			}
		}
	}
	if _, err := client.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &bucket}); err != nil {
		t.Error(err)
	}
}

func TestS3Store(t *testing.T) {
	s, err := store.Open(t.Context(), s3Profile(t))
	if err != nil {
		t.Fatal(err)
	}
	storetest.Run(t, s)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
