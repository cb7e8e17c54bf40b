package mover

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"sync"
	"sync/atomic"

	"github.com/kopia/kopia/repo/blob"
	"github.com/kopia/kopia/repo/blob/s3"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

const (
	// packsFrom is the size, in bytes, from which a blob is worth sending in our own way.
	packsFrom = 1 << 20
	// checksumHeader has the CRC-32C of the content, in base64, as S3 defines it.
	checksumHeader = "x-amz-checksum-crc32c"
)

// packStore is kopia's store in S3, which sends large blobs with a CRC-32C. kopia sends
// them with an MD5 sum, and to compute that takes a fifth of the processor time of a
// backup. The CRC serves the same two purposes: the store checks what has arrived, and
// buckets with an object lock demand a checksum.
type packStore struct {
	blob.Storage
	opt    *s3.Options
	client *minio.Client
	// asKopia says that the store does not take them so, or that the bucket has a
	// configuration of kopia's that says how blobs are stored.
	asKopia   atomic.Bool
	configure sync.Once
}

// openS3 opens a store with the keys that the options name.
func openS3(ctx context.Context, opt *s3.Options) (blob.Storage, error) {
	st, err := s3.New(ctx, opt, false)
	if err != nil || opt.AccessKeyID == "" {
		return st, err
	}
	client, err := packClient(opt)
	if err != nil {
		return nil, errors.Join(err, st.Close(ctx))
	}
	return &packStore{Storage: st, opt: opt, client: client}, nil
}

// packClient does not try again: what fails is left to kopia.
func packClient(opt *s3.Options) (*minio.Client, error) {
	transport, err := minio.DefaultTransport(!opt.DoNotUseTLS)
	if err == nil {
		transport.TLSClientConfig, err = trustOf(opt)
	}
	if err != nil {
		return nil, err
	}
	return minio.New(opt.Endpoint, &minio.Options{
		Creds:           credentials.NewStaticV4(opt.AccessKeyID, opt.SecretAccessKey, opt.SessionToken),
		Secure:          !opt.DoNotUseTLS,
		Region:          opt.Region,
		Transport:       transport,
		TrailingHeaders: true, // without it the client refuses any checksum
		MaxRetries:      1,
	})
}

// trustOf returns whom the options trust.
func trustOf(opt *s3.Options) (*tls.Config, error) {
	trust := &tls.Config{InsecureSkipVerify: opt.DoNotVerifyTLS} //nolint:gosec // the profile says so
	if len(opt.RootCA) == 0 || opt.DoNotVerifyTLS {
		return trust, nil
	}
	trust.RootCAs = x509.NewCertPool()
	if !trust.RootCAs.AppendCertsFromPEM(opt.RootCA) {
		return nil, fmt.Errorf("the CA bundle for %s holds no certificate", opt.Endpoint)
	}
	return trust, nil
}

// PutBlob implements blob.Storage.
func (p *packStore) PutBlob(ctx context.Context, id blob.ID, data blob.Bytes, opt blob.PutOptions) error {
	if data.Length() < packsFrom || opt != (blob.PutOptions{}) || !p.ours(ctx) {
		return p.Storage.PutBlob(ctx, id, data, opt)
	}
	refused := p.put(ctx, id, data)
	if refused == nil {
		return nil
	}
	if err := p.Storage.PutBlob(ctx, id, data, opt); err != nil {
		return err
	}
	// If the store has answered, it was the way that was wrong, and not the network.
	if answer := (minio.ErrorResponse{}); errors.As(refused, &answer) {
		p.asKopia.Store(true)
	}
	return nil
}

// ours tells whether blobs may be sent in our own way.
func (p *packStore) ours(ctx context.Context) bool {
	p.configure.Do(func() {
		err := p.GetBlob(ctx, s3.ConfigName, 0, -1, &blobBuffer{})
		if !errors.Is(err, blob.ErrBlobNotFound) {
			p.asKopia.Store(true)
		}
	})
	return !p.asKopia.Load()
}

func (p *packStore) put(ctx context.Context, id blob.ID, data blob.Bytes) error {
	sum, err := checksum(data)
	if err != nil {
		return err
	}
	content := data.Reader()
	_, err = p.client.PutObject(ctx, p.opt.BucketName, p.opt.Prefix+string(id), content, int64(data.Length()), minio.PutObjectOptions{
		ContentType:      "application/x-kopia",
		DisableMultipart: true,
		UserMetadata:     map[string]string{checksumHeader: sum},
	})
	return errors.Join(err, content.Close())
}

// checksum is the value of checksumHeader.
func checksum(data blob.Bytes) (string, error) {
	sum := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	if _, err := data.WriteTo(sum); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, sum.Sum32())), nil
}
