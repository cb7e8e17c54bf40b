// Package chaos kills runs at random moments, has them go on or collects what they
// left, and looks whether anything was lost, done twice or left behind.
//
// RESCUE_CHAOS_ROUNDS and RESCUE_CHAOS_CLUSTER_ROUNDS say how many rounds there are.
// Without them it is a few, with a seed that is always the same; a campaign has a seed of
// its own, and prints it. RESCUE_CHAOS_SEED repeats it, together with RESCUE_CHAOS_ROUND
// just one of its rounds: the same blueprint, signals and phases to strike in. RESCUE_CORPUS
// names a folder of published blueprints, of which the local campaign takes some more.
package chaos

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rescuecue/rescue/interp/local"
)

// numberOf reads a variable of the environment.
func numberOf(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("$%s: %v", name, err)
	}
	return n
}

// few is how many rounds run with all other tests: one of each of the first scenarios.
const few = 6

// A campaign is a number of rounds that share a seed.
type campaign struct {
	program   string
	seed      uint64
	rounds    uint64
	scenarios []scenario
	figures   figures
}

// figures say what a campaign did.
type figures struct {
	runs, struck, resumed, collected, again atomic.Int64
}

func (f *figures) String() string {
	return fmt.Sprintf("%d runs: %d processes were struck, %d runs went on, %d were collected, %d began anew before their first phase",
		f.runs.Load(), f.struck.Load(), f.resumed.Load(), f.collected.Load(), f.again.Load())
}

// run runs the rounds, as many at a time as -parallel says. newPlace makes what a round
// runs in.
func (c *campaign) run(t *testing.T, newPlace func(*testing.T, application) place) {
	c.seed = 1
	if c.rounds > few {
		c.seed = uint64(time.Now().UnixNano())
	}
	c.seed = numberOf(t, "RESCUE_CHAOS_SEED", c.seed)
	first, last := uint64(0), c.rounds
	if os.Getenv("RESCUE_CHAOS_ROUND") != "" {
		first = numberOf(t, "RESCUE_CHAOS_ROUND", 0)
		last = first + 1
	}
	t.Logf("seed %d, %d rounds of %d scenarios", c.seed, last-first, len(c.scenarios))
	t.Run("rounds", func(t *testing.T) {
		for n := first; n < last; n++ {
			t.Run(strconv.FormatUint(n, 10), func(t *testing.T) {
				t.Parallel()
				c.round(t, n, newPlace)
			})
		}
	})
	t.Logf("%s", &c.figures)
	if c.rounds >= 20 && c.figures.struck.Load() == 0 {
		t.Error("no process was struck")
	}
}

func (c *campaign) round(t *testing.T, n uint64, newPlace func(*testing.T, application) place) {
	what := c.scenarios[n%uint64(len(c.scenarios))]
	t.Logf("scenario %s", what.name)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("repeat it with RESCUE_CHAOS_SEED=%d RESCUE_CHAOS_ROUND=%d", c.seed, n)
		}
	})
	what.run(&round{
		T: t, campaign: c, app: what.app, dir: t.TempDir(), place: newPlace(t, what.app),
		chance: rand.New(rand.NewPCG(c.seed, n)),
	})
}

// workDir is where the program is built.
var workDir string

// program builds the program that is put to the test, or takes the one that
// RESCUE_CHAOS_PROGRAM names.
var program = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("RESCUE_CHAOS_PROGRAM"); path != "" {
		return filepath.Abs(path)
	}
	path := filepath.Join(workDir, "rescue")
	out, err := exec.Command("go", "build", "-o", path, "../../cmd/rescue").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	local.ContainerMain() // TestLocal asks whether containers run here.
	var err error
	if workDir, err = os.MkdirTemp("", "rescue-chaos-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := os.RemoveAll(workDir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

func programFor(t *testing.T) string {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	return path
}
