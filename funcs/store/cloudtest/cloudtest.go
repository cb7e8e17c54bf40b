// Package cloudtest starts what tests take for the object stores of clouds: emulators,
// which are programs of their own. make emulators puts them in place.
package cloudtest

import (
	"bufio"
	"crypto/rand"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/rescuecue/rescue/compat"
)

// Cloud is an object store that runs as long as the test.
type Cloud struct {
	// Profile of the location, with the keys, and a bucket that is empty.
	Profile *compat.Profile
	// Direct is an address of the emulator on this machine.
	Direct string
	// Canaries are parts of the keys that must be seen nowhere.
	Canaries []string
}

// program finds an emulator, or skips the test.
func program(t testing.TB, variable, advice string) string {
	t.Helper()
	path := os.Getenv(variable)
	if path == "" {
		t.Skipf("no emulator: %s, and name it in %s, as make does", advice, variable)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return path
}

func randomText() string { return rand.Text() }

func listen(t testing.TB, host string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// start runs a program until the test ends. The returned channel gets the lines that it
// prints; what nobody reads is dropped. When the test fails, all lines go to its log.
func start(t testing.TB, env []string, name string, args ...string) <-chan string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env...)
	r, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 16)
	var said []string
	var reading sync.WaitGroup
	reading.Go(func() {
		for scan := bufio.NewScanner(r); scan.Scan(); {
			said = append(said, scan.Text())
			select {
			case lines <- scan.Text():
			default:
			}
		}
		close(lines)
		_, _ = io.Copy(io.Discard, r) // or the program would wait for a reader
	})
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended by itself
		_ = cmd.Wait()         // that it was killed is no news
		w.Close()
		reading.Wait()
		if t.Failed() {
			t.Logf("%s printed:\n%s", name, strings.Join(said, "\n"))
		}
	})
	return lines
}
