package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/rescuecue/rescue/compat"
)

// azureBlock is the size of the blocks that a stream is cut into, of which Azure takes
// 50,000: 780 GiB.
const azureBlock = 16 << 20

// azureContainer is a container of Azure Blob Storage.
type azureContainer struct {
	client    *container.Client
	transport *http.Transport
	where     string // describes the container in errors
}

func openAzure(ctx context.Context, p *compat.Profile) (*azureContainer, error) {
	l := p.Location
	if l.Bucket == "" {
		return nil, errors.New("the location has no bucket, which of Azure is a container")
	}
	key, err := AzureKeyOf(p)
	if err != nil {
		return nil, err
	}
	address, err := key.serviceURL(l.Endpoint)
	if err != nil {
		return nil, err
	}
	transport, err := newTransport(p)
	if err != nil {
		return nil, err
	}
	options := &azblob.ClientOptions{ClientOptions: azcore.ClientOptions{
		Transport: &http.Client{Transport: transport},
		Retry: policy.RetryOptions{
			MaxRetries: tries - 1, RetryDelay: firstPause, MaxRetryDelay: maxPause, ShouldRetry: worthwhile,
		},
		Telemetry: policy.TelemetryOptions{ApplicationID: "rescue"},
	}}
	client, err := key.client(ctx, address, options)
	if err != nil {
		return nil, err
	}
	return &azureContainer{
		client: client.ServiceClient().NewContainerClient(l.Bucket), transport: transport,
		where: "container " + l.Bucket + " at " + address,
	}, nil
}

// client logs in with the key, or with the identity of the pod.
func (k AzureKey) client(ctx context.Context, address string, options *azblob.ClientOptions) (*azblob.Client, error) {
	if k.Federated {
		identity, err := newAzureIdentity(learner(ctx))
		if err != nil {
			return nil, err
		}
		return azblob.NewClient(address, identity, options)
	}
	credential, err := azblob.NewSharedKeyCredential(k.Account, k.Key)
	if err != nil {
		return nil, errors.New("the key of the profile's storage account is not usable")
	}
	return azblob.NewClientWithSharedKeyCredential(address, credential, options)
}

// Close implements Store.
func (c *azureContainer) Close() error {
	c.transport.CloseIdleConnections()
	return nil
}

// Put uploads a stream in blocks, which become the object all at once at the end.
// Blocks without an object are dropped by Azure after a week.
func (c *azureContainer) Put(ctx context.Context, key string, r io.Reader) (int64, error) {
	counted := &counter{r: untilDone(ctx, r)}
	_, err := c.client.NewBlockBlobClient(key).UploadStream(ctx, counted, &blockblob.UploadStreamOptions{
		BlockSize: azureBlock, Concurrency: uploaders,
	})
	switch {
	case counted.err != nil:
		return 0, fmt.Errorf("put %s: read what to upload: %w", key, counted.err)
	case err != nil:
		return 0, c.explain("put", key, err)
	}
	return counted.n, nil
}

// counter counts what is read, and keeps the error that ends it too early.
type counter struct {
	r   io.Reader
	n   int64
	err error
}

// Read implements io.Reader.
func (c *counter) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = err
	}
	return n, err
}

// PutBytes implements Blobs.
func (c *azureContainer) PutBytes(ctx context.Context, key string, size int64, content func() io.ReadSeekCloser) (Object, error) {
	body := content()
	resp, err := c.client.NewBlockBlobClient(key).Upload(ctx, body, nil)
	if err := errors.Join(err, body.Close()); err != nil {
		return Object{}, c.explain("put", key, err)
	}
	return Object{Key: key, Size: size, Modified: value(resp.LastModified)}, nil
}

// Get implements Store.
func (c *azureContainer) Get(ctx context.Context, key string, w io.Writer) (int64, error) {
	return c.GetRange(ctx, key, 0, -1, w)
}

// GetRange implements Blobs.
func (c *azureContainer) GetRange(ctx context.Context, key string, offset, length int64, w io.Writer) (int64, error) {
	options := &blob.DownloadStreamOptions{}
	if length >= 0 {
		options.Range = blob.HTTPRange{Offset: offset, Count: max(length, 1)}
	}
	resp, err := c.client.NewBlobClient(key).DownloadStream(ctx, options)
	if err != nil {
		return 0, c.explain("get", key, err)
	}
	// It goes on where a connection breaks off, as long as the object is the same.
	body := resp.NewRetryReader(ctx, &blob.RetryReaderOptions{MaxRetries: tries})
	defer body.Close() // only read from
	if length == 0 {
		return 0, nil
	}
	n, err := io.Copy(w, body)
	if err != nil {
		return n, fmt.Errorf("get %s from %s: %w", key, c.where, err)
	}
	return n, nil
}

// Stat implements Blobs.
func (c *azureContainer) Stat(ctx context.Context, key string) (Object, error) {
	resp, err := c.client.NewBlobClient(key).GetProperties(ctx, nil)
	if err != nil {
		return Object{}, c.explain("look up", key, err)
	}
	return Object{Key: key, Size: value(resp.ContentLength), Modified: value(resp.LastModified)}, nil
}

// List implements Store.
func (c *azureContainer) List(ctx context.Context, prefix string, each func(Object) error) error {
	pages := c.client.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{Prefix: &prefix})
	for pages.More() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return c.explain("list", prefix, err)
		}
		for _, item := range page.Segment.BlobItems {
			if err := each(azureObject(item)); err != nil {
				return err
			}
		}
	}
	return nil
}

func azureObject(item *container.BlobItem) Object {
	o := Object{Key: value(item.Name)}
	if p := item.Properties; p != nil {
		o.Size, o.Modified = value(p.ContentLength), value(p.LastModified)
	}
	return o
}

// Delete implements Store.
func (c *azureContainer) Delete(ctx context.Context, key string) error {
	_, err := c.client.NewBlobClient(key).Delete(ctx, nil)
	if err == nil {
		return nil
	}
	if err = c.explain("delete", key, err); errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// explain turns the client's error, which is a page long, into what a user can act on.
func (c *azureContainer) explain(action, key string, err error) error {
	var answer *azcore.ResponseError
	var refused *loginError
	switch {
	case errors.As(err, &refused):
		return fmt.Errorf("%s %s in %s: %w: %w", action, key, c.where, ErrDenied, refused)
	case !errors.As(err, &answer):
		return fmt.Errorf("%s %s in %s: %w", action, key, c.where, err)
	}
	switch {
	case bloberror.HasCode(err, bloberror.ContainerNotFound, bloberror.ContainerBeingDeleted):
		return fmt.Errorf("%s: %w", c.where, ErrNoBucket)
	case answer.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%s in %s: %w", key, c.where, ErrNotFound)
	case answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden:
		return fmt.Errorf("%s %s in %s: %w: %s", action, key, c.where, ErrDenied, answer.ErrorCode)
	case answer.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		return fmt.Errorf("%s %s in %s: %w", action, key, c.where, ErrRange)
	}
	return fmt.Errorf("%s %s in %s: the server answered %d %s", action, key, c.where, answer.StatusCode, answer.ErrorCode)
}

// value is what a pointer leads to, or the zero value.
func value[T int64 | string | time.Time](p *T) T {
	if p == nil {
		var none T
		return none
	}
	return *p
}
