package mover

import (
	"crypto/tls"
	"encoding/pem"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/kopia/kopia/repo/blob"
	"github.com/kopia/kopia/repo/blob/s3"
)

// putServer takes what is put, as S3 does.
type putServer struct {
	t *testing.T
	// config is that of kopia's in the bucket; empty: there is none.
	config string
	// refuses checksums that it does not know.
	refuses bool

	mu   sync.Mutex
	puts []put
}

type put struct {
	path, md5, crc, class string
	body                  string
}

func (s *putServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Error(err)
	}
	switch {
	case r.Method == http.MethodPut:
		s.take(w, put{r.URL.Path, r.Header.Get("Content-Md5"), r.Header.Get(checksumHeader), r.Header.Get("X-Amz-Storage-Class"), string(body)})
	case strings.HasSuffix(r.URL.Path, s3.ConfigName) && s.config != "":
		w.Header().Set("Last-Modified", "Mon, 02 Jan 2006 15:04:05 GMT")
		_, err = io.WriteString(w, s.config)
	default:
		w.WriteHeader(http.StatusNotFound)
		_, err = io.WriteString(w, `<Error><Code>NoSuchKey</Code></Error>`)
	}
	if err != nil {
		s.t.Error(err)
	}
}

func (s *putServer) take(w http.ResponseWriter, p put) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.puts = append(s.puts, p)
	if s.refuses && p.crc != "" {
		w.WriteHeader(http.StatusBadRequest)
		if _, err := io.WriteString(w, `<Error><Code>InvalidArgument</Code><Message>Unsupported header</Message></Error>`); err != nil {
			s.t.Error(err)
		}
	}
}

// store opens it over TLS, where contents are sent as they are.
func (s *putServer) store() blob.Storage {
	server := httptest.NewUnstartedServer(s)
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	server.StartTLS()
	s.t.Cleanup(server.Close)
	st, err := openS3(s.t.Context(), &s3.Options{
		BucketName: "backups", Prefix: "shop/", Endpoint: server.Listener.Addr().String(), Region: "us-east-1",
		AccessKeyID: "id", SecretAccessKey: "secret",
		RootCA: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return st
}

func (s *putServer) put(st blob.Storage, id blob.ID, data blobText, opt blob.PutOptions) {
	s.t.Helper()
	if err := st.PutBlob(s.t.Context(), id, data, opt); err != nil {
		s.t.Errorf("%s: %v", id, err)
	}
}

// ways tells how each blob was sent that was put, in their order.
func (s *putServer) ways() string {
	var ways []string
	for _, p := range s.puts {
		way := strings.TrimPrefix(p.path, "/backups/shop/")
		for name, value := range map[string]string{"md5": p.md5, "crc": p.crc} {
			if value != "" {
				way += " " + name
			}
		}
		ways = append(ways, strings.TrimSpace(way+" "+p.class))
	}
	return strings.Join(ways, ", ")
}

func packOf(t *testing.T, seed byte) blobText {
	t.Helper()
	pack := make([]byte, packsFrom)
	if _, err := rand.NewChaCha8([32]byte{seed}).Read(pack); err != nil {
		t.Fatal(err)
	}
	return blobText(pack)
}

func TestPacksAreSentWithACRC(t *testing.T) {
	s := &putServer{t: t}
	st := s.store()
	pack := packOf(t, 1)
	s.put(st, "p1", pack, blob.PutOptions{})
	s.put(st, "small", pack[:packsFrom-1], blob.PutOptions{})
	s.put(st, "locked", pack, blob.PutOptions{RetentionMode: blob.Governance, RetentionPeriod: 1e9})
	if got, want := s.ways(), "p1 crc, small md5, locked md5"; got != want {
		t.Errorf("sent %s, want %s", got, want)
	}
	if s.puts[0].body != string(pack) {
		t.Error("another content arrived")
	}
	if want, err := checksum(blobText(s.puts[0].body)); err != nil || s.puts[0].crc != want {
		t.Errorf("checksum %s, want %s, %v", s.puts[0].crc, want, err)
	}
}

// TestChecksum compares with the check value that is published with the definition of
// CRC-32C: E3069283.
func TestChecksum(t *testing.T) {
	if got, err := checksum(blobText("123456789")); got != "4waSgw==" || err != nil {
		t.Errorf("%s, %v", got, err)
	}
}

func TestStoresThatRefuseACRCGetAnMD5Sum(t *testing.T) {
	s := &putServer{t: t, refuses: true}
	st := s.store()
	s.put(st, "p1", packOf(t, 1), blob.PutOptions{})
	s.put(st, "p2", packOf(t, 2), blob.PutOptions{})
	if got, want := s.ways(), "p1 crc, p1 md5, p2 md5"; got != want {
		t.Errorf("sent %s, want %s", got, want)
	}
}

func TestStorageClassesOfKopiaHold(t *testing.T) {
	s := &putServer{t: t, config: `{"blobOptions":[{"prefix":"p","storageClass":"STANDARD_IA"}]}`}
	s.put(s.store(), "p1", packOf(t, 1), blob.PutOptions{})
	if got, want := s.ways(), "p1 md5 STANDARD_IA"; got != want {
		t.Errorf("sent %s, want %s", got, want)
	}
}
