package bench

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// newBucket makes the bucket of a store, and returns what removes it.
func newBucket(b *testing.B, s store) func() {
	b.Helper()
	client := s3.New(s3.Options{
		BaseEndpoint: &s.endpoint, UsePathStyle: true, Region: "us-east-1",
		Credentials: credentials.NewStaticCredentialsProvider(s.id, s.secret, ""),
	})
	if _, err := client.CreateBucket(b.Context(), &s3.CreateBucketInput{Bucket: &s.bucket}); err != nil {
		b.Fatal(err)
	}
	return func() {
		if err := emptyBucket(b.Context(), client, s.bucket); err != nil {
			b.Error(err)
		}
	}
}

func emptyBucket(ctx context.Context, client *s3.Client, bucket string) error {
	pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: &bucket})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, o := range page.Contents {
			if _, err := client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: o.Key}); err != nil {
				return err
			}
		}
	}
	_, err := client.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &bucket})
	return err
}
