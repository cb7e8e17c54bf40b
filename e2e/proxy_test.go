//go:build e2e

package e2e

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"
)

// proxyRate is how many bytes a second go through a proxy, both ways together: a fast machine
// would be done before a test can break anything.
const proxyRate = 32 << 20

// A proxy stands between pods and a server, and can be shut.
type proxy struct {
	t        *testing.T
	to       string // HOST:PORT
	listener net.Listener

	mu    sync.Mutex
	shut  bool
	next  time.Time // when more may go through
	conns map[net.Conn]bool
}

// newProxy returns one before the server, and its address for pods.
func newProxy(t *testing.T, server *url.URL) (*proxy, string) {
	t.Helper()
	host := thisHost(t)
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{t: t, to: server.Host, listener: listener, conns: map[net.Conn]bool{}}
	var serving sync.WaitGroup
	serving.Go(p.serve)
	t.Cleanup(func() {
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
		p.close()
		serving.Wait()
	})
	return p, listener.Addr().String()
}

// serve goes on until the listener is closed. While the proxy is shut, it hangs up on
// whoever comes.
func (p *proxy) serve() {
	for {
		in, err := p.listener.Accept()
		if err != nil {
			return
		}
		go p.pass(in)
	}
}

func (p *proxy) pass(in net.Conn) {
	out, err := net.Dial("tcp", p.to)
	if err != nil {
		_ = in.Close() // as the server itself would
		return
	}
	if !p.keep(in, out) {
		return
	}
	defer p.drop(in, out)
	done := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
		go func() {
			// How a connection ends is the affair of its two ends.
			_, _ = io.Copy(way[0], &paced{Reader: way[1], due: p.due})
			done <- struct{}{}
		}()
	}
	<-done
}

// due returns when n bytes more have gone through.
func (p *proxy) due(n int) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := time.Now(); p.next.Before(now) {
		p.next = now
	}
	p.next = p.next.Add(time.Duration(n) * time.Second / proxyRate)
	return p.next
}

// paced reads no faster than it may.
type paced struct {
	io.Reader
	due func(n int) time.Time
}

func (r *paced) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	time.Sleep(time.Until(r.due(n)))
	return n, err
}

// keep notes the connections; while the proxy is shut it closes them.
func (p *proxy) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		if p.shut {
			_ = c.Close()
		} else {
			p.conns[c] = true
		}
	}
	return !p.shut
}

func (p *proxy) drop(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		_ = c.Close() // it may be closed already
		delete(p.conns, c)
	}
}

// close shuts the proxy and cuts what goes through it.
func (p *proxy) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shut = true
	for c := range p.conns {
		_ = c.Close() // it may be closed already
	}
}

// open lets connections through again.
func (p *proxy) open() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shut = false
}
