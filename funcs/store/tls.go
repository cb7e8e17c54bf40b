package store

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"

	"github.com/rescuecue/rescue/compat"
)

// tlsConfig says which servers count as the location: those that the Profile's
// certificates vouch for, or else the machine's. Go reads the latter from where
// SSL_CERT_FILE and SSL_CERT_DIR say.
func tlsConfig(p *compat.Profile) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: p.SkipSSLVerify}
	if p.CABundle == "" {
		return config, nil
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM([]byte(p.CABundle)) {
		return nil, errors.New("the profile's caBundle has no certificate in PEM form")
	}
	return config, nil
}

// newTransport is one for the servers of the location. It takes contents as they are:
// unpacking what a server has compressed would change their length.
func newTransport(p *compat.Profile) (*http.Transport, error) {
	config, err := tlsConfig(p)
	if err != nil {
		return nil, err
	}
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = config
	t.DisableCompression = true
	t.MaxIdleConnsPerHost = idleConnections
	return t, nil
}

// idleConnections are kept open: a repository reads and writes many objects at a time.
const idleConnections = 32

// isUntrusted tells whether the certificate of the server was refused, which no
// repetition mends.
func isUntrusted(err error) bool {
	var cert *tls.CertificateVerificationError
	return errors.As(err, &cert)
}
