//go:build e2e

package e2e

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// storeRate is how many bytes a second go to a store and from it, together: a fast machine
// would be done before a test can break anything.
const storeRate = 32 << 20

// A proxy stands between a server, which other tests use too, and clients. It can be
// taken away and come back.
type proxy struct {
	t           *testing.T
	to, address string // HOST:PORT
	rate        int    // bytes a second, 0 for any

	mu       sync.Mutex
	listener net.Listener // nil while connections are refused
	away     bool
	mute     bool
	next     time.Time // when more may go through
	conns    map[net.Conn]bool
	serving  sync.WaitGroup
}

// ownHost is an address of this machine that nobody else uses. So a proxy that refuses
// connections finds its port again.
func ownHost() string {
	return fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(250), rand.IntN(250), 1+rand.IntN(250))
}

// newProxy returns one before the server, HOST:PORT, at a port of host.
func newProxy(t *testing.T, server, host string, rate int) *proxy {
	t.Helper()
	p := &proxy{t: t, to: server, address: net.JoinHostPort(host, "0"), rate: rate, conns: map[net.Conn]bool{}}
	p.start()
	t.Cleanup(func() {
		p.stop()
		p.mu.Lock()
		if p.listener != nil {
			p.listener.Close()
		}
		p.mu.Unlock()
		p.serving.Wait()
	})
	return p
}

// start lets connections through.
func (p *proxy) start() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.away, p.mute = false, false
	if p.listener != nil {
		return
	}
	listener, err := net.Listen("tcp", p.address)
	if err != nil {
		p.t.Error(err)
		return
	}
	p.listener, p.address = listener, listener.Addr().String()
	p.serving.Go(func() { p.serve(listener) })
}

// stop takes the server away. What is open breaks, and who comes is refused: or, at an
// address that others use too, is hung up on.
func (p *proxy) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.away = true
	if p.listener != nil && strings.HasPrefix(p.address, "127.") {
		p.listener.Close()
		p.listener = nil
	}
	p.breakAll()
}

// cut breaks what is open, once.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.breakAll()
}

// silence has nobody who comes from now on get an answer.
func (p *proxy) silence() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mute = true
}

// breakAll is for who holds the lock.
func (p *proxy) breakAll() {
	for c := range p.conns {
		c.Close() // it may be closed already
	}
	clear(p.conns)
}

// serve goes on until the listener is closed.
func (p *proxy) serve(listener net.Listener) {
	for {
		in, err := listener.Accept()
		if err != nil {
			return
		}
		go p.pass(in)
	}
}

func (p *proxy) pass(in net.Conn) {
	defer p.drop(in)
	mute, ok := p.keep(in)
	if !ok {
		return
	}
	if mute {
		_, _ = io.Copy(io.Discard, in) // until somebody hangs up
		return
	}
	out, err := net.Dial("tcp", p.to)
	if err != nil {
		return // as the server itself would
	}
	defer p.drop(out)
	if _, ok := p.keep(out); !ok {
		return
	}
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
	if p.rate > 0 {
		p.next = p.next.Add(time.Duration(n) * time.Second / time.Duration(p.rate))
	}
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

// keep notes a connection, unless the server is away. mute says that it gets no answer.
func (p *proxy) keep(c net.Conn) (mute, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.away {
		return false, false
	}
	p.conns[c] = true
	return p.mute, true
}

func (p *proxy) drop(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.Close() // it may be closed already
	delete(p.conns, c)
}
