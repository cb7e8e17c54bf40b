package mover

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/kopia/kopia/repo"

	"github.com/rescuecue/rescue/compat"
)

// serverPort is where kopia's repository servers listen.
const serverPort = "51515"

// serverPatience is how long a server may refuse connections: it may just be
// starting, and its users start with it.
const serverPatience = 10 * time.Minute

// A server that does not answer, or hangs up, is tried lostTries times at least, and for
// lostPatience. While its pod is replaced, a connection is still led to the old one,
// which closes it as soon as it ends.
const (
	lostTries    = 3
	lostPatience = 30 * time.Second
)

// Between two attempts to reach a server pass firstPause, then more, up to lastPause.
const (
	firstPause = 250 * time.Millisecond
	lastPause  = 10 * time.Second
)

// A Server is a repository behind a kopia repository server. What it shows and
// takes is what the server allows its user; without special rules, the snapshots of
// USER@HOST.
type Server interface {
	Repository
	// BackupStream stores a stream as the only file of a snapshot.
	BackupStream(ctx context.Context, req StreamRequest) (BackupResult, error)
	// ReadStream copies the stream that a snapshot has under the name to w. Of a
	// snapshot of a single file the name does not matter.
	ReadStream(ctx context.Context, id, name string, w io.Writer) error
	// HoldsStream tells whether the snapshot is that of a stream with the name, or
	// of a single file. Otherwise it is that of a directory.
	HoldsStream(ctx context.Context, id, name string) (Held, error)
}

// OpenServer logs in to the server of a profile of the type kopia. While the server
// refuses connections, it waits for some minutes; waiting, if it is not nil, is called
// once when that begins.
func OpenServer(ctx context.Context, profile *compat.Profile, waiting func()) (Server, error) {
	r, err := openServer(ctx, Location{Profile: profile}, waiting)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// isServer tells whether the location is that of a repository server.
func (l Location) isServer() bool {
	return l.Profile != nil && l.Profile.Location.Type == compat.LocationKopia
}

func openServer(ctx context.Context, loc Location, waiting func()) (*kopiaRepository, error) {
	if loc.Password != "" {
		return nil, failure(CodeBadRequest, nil, "a repository server has the encryption key itself: give none, and use the functions for Kopia servers")
	}
	config, err := serverConfig(loc.Profile)
	if err != nil {
		return nil, err
	}
	login := loc.Profile.Credential.KopiaServerSecret
	scratch, err := newScratch(config, serverCache(login.ConnectOptions))
	if err != nil {
		return nil, err
	}
	broken := &fatal{}
	rep, err := reach(ctx, waiting, func() (repo.Repository, error) {
		return repo.Open(ctx, scratch.config.path, login.Password, &repo.Options{OnFatalError: broken.set})
	})
	if err != nil {
		return nil, errors.Join(explainServer(ctx, config, err), scratch.remove())
	}
	return &kopiaRepository{Repository: rep, location: loc, scratch: scratch, broken: broken}, nil
}

// serverConfig translates the profile into kopia's terms.
func serverConfig(p *compat.Profile) (*repo.LocalConfig, error) {
	login := p.Credential.KopiaServerSecret
	if login == nil || login.Username == "" || login.Hostname == "" || login.Password == "" {
		return nil, failure(CodeBadRequest, nil, "a location of the type kopia needs credentials of the type kopia: a user name, a host name and a password")
	}
	address, err := serverAddress(p.Location.Endpoint)
	if err != nil {
		return nil, err
	}
	fingerprint, err := Fingerprint([]byte(login.Cert))
	if err != nil {
		return nil, err
	}
	return &repo.LocalConfig{
		APIServer:     &repo.APIServerInfo{BaseURL: address, TrustedServerCertificateFingerprint: fingerprint},
		ClientOptions: repo.ClientOptions{Username: login.Username, Hostname: login.Hostname, Description: "rescue"},
	}, nil
}

// serverAddress completes HOST, HOST:PORT or https://HOST:PORT.
func serverAddress(endpoint string) (string, error) {
	text := endpoint
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.User != nil {
		return "", failure(CodeBadRequest, nil, "the address of a repository server is https://HOST:PORT, found %q", endpoint)
	}
	return "https://" + net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), serverPort)), nil
}

// Fingerprint is the SHA-256 sum of a server's certificate, in hexadecimal digits, by
// which its clients recognise it. The certificate is the first of a PEM text.
func Fingerprint(cert []byte) (string, error) {
	block, _ := pem.Decode(cert)
	if block == nil || block.Type != "CERTIFICATE" {
		return "", failure(CodeBadRequest, nil, "the certificate of the repository server is not in PEM form: it starts with -----BEGIN CERTIFICATE-----")
	}
	if _, err := x509.ParseCertificate(block.Bytes); err != nil {
		return "", failure(CodeBadRequest, err, "the certificate of the repository server cannot be read")
	}
	sum := sha256.Sum256(block.Bytes)
	return hex.EncodeToString(sum[:]), nil
}

// serverCache are the limits that the profile sets, under Kanister's names. Without one
// there is no cache of contents: a copy reads each of them once, and the key of the
// cache alone costs a fifth of a second.
func serverCache(options map[string]int) cacheSizes {
	content := options["dataStoreGeneralContentCacheSizeMB"]
	sizes := CacheLimits{ContentMB: content, MetadataMB: options["dataStoreGeneralMetadataCacheSizeMB"]}.sizes()
	if content == 0 {
		sizes.content = 0
	}
	return sizes
}

// reach opens the repository, and tries again while the server refuses connections,
// or for a shorter time if it does not answer.
func reach(ctx context.Context, waiting func(), open func() (repo.Repository, error)) (repo.Repository, error) {
	patience, cancel := context.WithTimeout(ctx, serverPatience)
	defer cancel()
	var lost absence
	for pause := firstPause; ; pause = min(pause*3/2, lastPause) {
		rep, err := open()
		if err == nil {
			return rep, nil
		}
		if !isRefused(err) && (!isLost(err) || lost.tooLong()) {
			return nil, err
		}
		if pause == firstPause && waiting != nil {
			waiting()
		}
		timer := time.NewTimer(pause)
		select {
		case <-patience.Done():
			timer.Stop()
			return nil, err
		case <-timer.C:
		}
	}
}

// An absence counts how often, and since when, a server does not answer.
type absence struct {
	tries int
	since time.Time
}

// tooLong counts one more try and tells whether it should be the last.
func (a *absence) tooLong() bool {
	if a.tries == 0 {
		a.since = time.Now()
	}
	a.tries++
	return a.tries >= lostTries && time.Since(a.since) >= lostPatience
}

// isRefused goes by the text: of the errors of a connection, kopia keeps nothing else.
func isRefused(err error) bool { return strings.Contains(err.Error(), "connection refused") }

// isLost tells of an address where nothing answers, or that hangs up. A server that is
// not the one meant, and a name that nobody has, stay what they are.
func isLost(err error) bool {
	text := err.Error()
	if strings.Contains(text, wrongCertificate) || strings.Contains(text, unknownHost) {
		return false
	}
	return strings.Contains(text, "i/o timeout") || strings.Contains(text, "no route to host") || strings.Contains(text, unavailable)
}

// What the texts of errors of a connection hold.
const (
	unavailable      = "code = Unavailable"
	wrongCertificate = "certificate matching"
	unknownHost      = "no such host"
)

// explainServer gives an error of the connection its code and words for the user.
func explainServer(ctx context.Context, config *repo.LocalConfig, err error) error {
	where, user := config.APIServer.BaseURL, config.Username+"@"+config.Hostname
	text := err.Error()
	switch {
	case ctx.Err() != nil:
		return failure(CodeCanceled, errors.Join(context.Cause(ctx), err), "connecting to the repository server at %s was stopped", where)
	case strings.Contains(text, "code = PermissionDenied"):
		return failure(CodeDenied, nil, "the repository server at %s does not let %s in: check the user, the host name and the password", where, user)
	case strings.Contains(text, wrongCertificate):
		return failure(CodeDenied, nil, "the repository server at %s shows another certificate than the one that was given: check the TLS secret", where)
	case isRefused(err):
		return failure(CodeUnreachable, nil, "the repository server at %s has refused connections for %s", where, serverPatience)
	case strings.Contains(text, unavailable), strings.Contains(text, unknownHost):
		return failure(CodeUnreachable, err, "the repository server at %s cannot be reached", where)
	}
	return failure(CodeFailed, err, "the repository server at %s cannot be used", where)
}
