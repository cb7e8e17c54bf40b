// Package loopback gives tests addresses of this machine on which ports stay free.
package loopback

import (
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"testing"
)

// Host is an address of this machine that most likely no other test listens at: a server
// may leave a port there and come back to it, which at 127.0.0.1 another server has
// taken now and then. All of 127.0.0.0/8 belongs to Linux; elsewhere it is 127.0.0.1.
func Host() string {
	if runtime.GOOS != "linux" {
		return "127.0.0.1"
	}
	return fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254))
}

// FreePort is a port of the host where nobody listens: for programs that cannot choose one
// themselves, and for what is not there.
func FreePort(t testing.TB, host string) string {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // it only was to find the port
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
