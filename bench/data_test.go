package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/mover"
	"github.com/rescuecue/rescue/funcs/mover/agent"
)

// BenchmarkData moves the same data to the same store and back with `rescue mover`, the
// kopia program and restic, each as a process of its own. The repository is there before.
// Caches are empty, but the second backup finds that of the first if the program keeps one,
// which rescue does not. It needs an S3 server, the programs, and RESCUE_BENCH_DATA=1,
// because it takes a while; RESCUE_BENCH_SCALE=0.1 takes a tenth of the data.
func BenchmarkData(b *testing.B) {
	if os.Getenv("RESCUE_BENCH_DATA") == "" {
		b.Skip("moves gigabytes: set RESCUE_BENCH_DATA=1")
	}
	rescue, _, _ := programs(b)
	ours, kopia, restic := &rescueProgram{path: rescue}, &kopiaProgram{}, &resticProgram{}
	for _, set := range []struct {
		name         string
		files, bytes int
		programs     []program
	}{
		{"one file of 1 GiB", 1, 1 << 30, []program{ours, kopia, restic}},
		{"1024 files of 1 MiB", 1024, 1 << 20, []program{ours, kopia, restic}},
		{"20,000 files of 4 KiB", 20_000, 4 << 10, []program{ours, kopia, restic}},
		{"100,000 files of 4 KiB", 100_000, 4 << 10, []program{ours, kopia, restic}},
		// The kopia program would take twenty minutes to restore them.
		{"1,000,000 files of 256 bytes", 1_000_000, 256, []program{ours, restic}},
	} {
		files, size := set.files, set.bytes
		if files == 1 {
			size = int(float64(size) * scale(b))
		} else {
			files = int(float64(files) * scale(b))
		}
		for _, p := range set.programs {
			b.Run(set.name+"/"+p.name(), func(b *testing.B) {
				for b.Loop() {
					measure(b, p, files, size)
				}
			})
		}
	}
}

func scale(b *testing.B) float64 {
	text := os.Getenv("RESCUE_BENCH_SCALE")
	if text == "" {
		return 1
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// A program moves data.
type program interface {
	name() string
	// create makes a repository.
	create(b *testing.B, s store)
	backup(b *testing.B, s store, dir string) usage
	restore(b *testing.B, s store, dir, target string) usage
}

// usage is what a process took.
type usage struct {
	took time.Duration
	cpu  time.Duration
	kib  int64
}

func used(start time.Time, p *os.ProcessState) usage {
	return usage{time.Since(start), p.UserTime() + p.SystemTime(), maxRSS(p)}
}

// store is where a program keeps its repository, and its scratch directory.
type store struct {
	endpoint, bucket, prefix, id, secret, scratch string
}

const password = "a password"

func (s store) host() string { return strings.TrimPrefix(s.endpoint, "http://") }

// cold empties the caches of a program.
func (s store) cold(b *testing.B) {
	b.Helper()
	if err := errors.Join(os.RemoveAll(s.scratch), os.MkdirAll(s.scratch, 0o700)); err != nil {
		b.Fatal(err)
	}
}

func measure(b *testing.B, p program, files, size int) {
	b.Helper()
	dir := b.TempDir()
	source, target := filepath.Join(dir, "source"), filepath.Join(dir, "target")
	generate(b, source, files, size)
	s := newStore(b, filepath.Join(dir, "scratch"))
	defer newBucket(b, s)()
	s.cold(b)
	p.create(b, s)
	s.cold(b)
	first := p.backup(b, s, source)
	change(b, source, files, size)
	second := p.backup(b, s, source)
	s.cold(b)
	back := p.restore(b, s, source, target)
	if want, got := total(b, source), total(b, target); want != got {
		b.Fatalf("%d bytes restored, want %d", got, want)
	}
	b.ReportMetric(first.took.Seconds(), "s-first")
	b.ReportMetric(second.took.Seconds(), "s-second")
	b.ReportMetric(back.took.Seconds(), "s-restore")
	b.ReportMetric(first.cpu.Seconds(), "cpu-s-first")
	b.ReportMetric(second.cpu.Seconds(), "cpu-s-second")
	b.ReportMetric(back.cpu.Seconds(), "cpu-s-restore")
	b.ReportMetric(float64(first.kib)/1024, "MB-first")
	b.ReportMetric(float64(back.kib)/1024, "MB-restore")
}

func needed(b *testing.B, name string) string {
	b.Helper()
	value := os.Getenv(name)
	if value == "" {
		b.Fatal("no S3 server: set " + name)
	}
	return value
}

// generate fills a directory with files of random data, 256 in each folder.
func generate(b *testing.B, dir string, files, size int) {
	b.Helper()
	for i := range files {
		path := filepath.Join(dir, strconv.Itoa(i/256), strconv.Itoa(i))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			b.Fatal(err)
		}
		f, err := os.Create(path)
		if err != nil {
			b.Fatal(err)
		}
		_, err = io.CopyN(f, rand.Reader, int64(size))
		if err := errors.Join(err, f.Close()); err != nil {
			b.Fatal(err)
		}
	}
}

// change gives a hundredth of the data another content.
func change(b *testing.B, dir string, files, size int) {
	b.Helper()
	if files == 1 {
		f, err := os.OpenFile(filepath.Join(dir, "0", "0"), os.O_WRONLY, 0)
		if err != nil {
			b.Fatal(err)
		}
		_, err = io.CopyN(io.NewOffsetWriter(f, int64(size/2)), rand.Reader, int64(size/100))
		if err := errors.Join(err, f.Close()); err != nil {
			b.Fatal(err)
		}
		return
	}
	for i := 0; i < files; i += 100 {
		content := make([]byte, size)
		if _, err := rand.Read(content); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(i/256), strconv.Itoa(i)), content, 0o600); err != nil {
			b.Fatal(err)
		}
	}
}

// total is the size of all files below a directory.
func total(b *testing.B, dir string) (sum int64) {
	b.Helper()
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			sum += info.Size()
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return sum
}

// timed runs a process to its end.
func timed(b *testing.B, env []string, name string, args ...string) usage {
	b.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env...)
	start := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return used(start, cmd.ProcessState)
}

// found is a program that is compared with.
func found(b *testing.B, variable, name string) string {
	b.Helper()
	path, err := exec.LookPath(name)
	if set := os.Getenv(variable); set != "" {
		path, err = exec.LookPath(set)
	}
	if err != nil {
		b.Skipf("there is no program %s: set %s", name, variable)
	}
	return path
}

type rescueProgram struct {
	path string
}

func (p *rescueProgram) name() string { return "rescue" }

// create backs nothing up, since a first backup makes the repository.
func (p *rescueProgram) create(b *testing.B, s store) {
	p.call(b, s, agent.Request{Op: agent.OpBackup, Path: b.TempDir(), Tag: "nothing"})
}

func (p *rescueProgram) call(b *testing.B, s store, req agent.Request) usage {
	b.Helper()
	req.Profile = &compat.Profile{
		Location:   compat.Location{Type: compat.LocationS3, Endpoint: s.endpoint, Bucket: s.bucket},
		Credential: compat.Credential{Type: "keyPair", KeyPair: &compat.KeyPair{ID: s.id, Secret: s.secret}},
	}
	req.Repository, req.Password, req.Namespace = s.bucket+"/"+s.prefix, password, "bench"
	var total usage
	start := time.Now()
	_, err := agent.Call(b.Context(), func(ctx context.Context, command []string, stdin io.Reader, stdout, stderr io.Writer) error {
		cmd := exec.CommandContext(ctx, p.path, command[1:]...)
		cmd.Env = append(os.Environ(), "TMPDIR="+s.scratch)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, stderr
		err := cmd.Run()
		total = used(start, cmd.ProcessState)
		return err
	}, "rescue", req, nil)
	if err != nil {
		b.Fatal(err)
	}
	return total
}

func (p *rescueProgram) backup(b *testing.B, s store, dir string) usage {
	return p.call(b, s, agent.Request{Op: agent.OpBackup, Path: dir, Tag: "bench"})
}

func (p *rescueProgram) restore(b *testing.B, s store, _, target string) usage {
	return p.call(b, s, agent.Request{Op: agent.OpRestore, Snapshot: mover.Selector{Tag: "bench"}, Target: target})
}

type kopiaProgram struct{}

func (p *kopiaProgram) name() string { return "kopia" }

func (p *kopiaProgram) run(b *testing.B, s store, args ...string) usage {
	b.Helper()
	return timed(b, []string{
		"KOPIA_PASSWORD=" + password, "KOPIA_CONFIG_PATH=" + filepath.Join(s.scratch, "config"), "KOPIA_CACHE_DIRECTORY=" + filepath.Join(s.scratch, "cache"),
		"KOPIA_LOG_DIR=" + filepath.Join(s.scratch, "logs"), "KOPIA_CHECK_FOR_UPDATES=false",
	}, found(b, "RESCUE_KOPIA", "kopia"), args...)
}

func (p *kopiaProgram) repository(b *testing.B, s store, verb string) {
	p.run(b, s, "repository", verb, "s3", "--bucket="+s.bucket, "--prefix="+s.prefix+"/", "--endpoint="+s.host(), "--disable-tls",
		"--access-key="+s.id, "--secret-access-key="+s.secret, "--no-check-for-updates")
}

func (p *kopiaProgram) create(b *testing.B, s store) { p.repository(b, s, "create") }

// connected connects if the cache is cold: only what comes then is timed.
func (p *kopiaProgram) connected(b *testing.B, s store) {
	if _, err := os.Stat(filepath.Join(s.scratch, "config")); err != nil {
		p.repository(b, s, "connect")
	}
}

func (p *kopiaProgram) backup(b *testing.B, s store, dir string) usage {
	p.connected(b, s)
	return p.run(b, s, "snapshot", "create", "--no-progress", dir)
}

func (p *kopiaProgram) restore(b *testing.B, s store, dir, target string) usage {
	p.connected(b, s)
	return p.run(b, s, "snapshot", "restore", "--no-progress", "--snapshot-time=latest", dir, target)
}

type resticProgram struct{}

func (p *resticProgram) name() string { return "restic" }

func (p *resticProgram) run(b *testing.B, s store, args ...string) usage {
	b.Helper()
	return timed(b, []string{
		"RESTIC_PASSWORD=" + password, "RESTIC_REPOSITORY=s3:" + s.endpoint + "/" + s.bucket + "/" + s.prefix, "RESTIC_CACHE_DIR=" + filepath.Join(s.scratch, "cache"),
		"AWS_ACCESS_KEY_ID=" + s.id, "AWS_SECRET_ACCESS_KEY=" + s.secret,
	}, found(b, "RESCUE_RESTIC", "restic"), append([]string{"--quiet"}, args...)...)
}

func (p *resticProgram) create(b *testing.B, s store) { p.run(b, s, "init") }

func (p *resticProgram) backup(b *testing.B, s store, dir string) usage {
	return p.run(b, s, "backup", dir)
}

func (p *resticProgram) restore(b *testing.B, s store, _, target string) usage {
	return p.run(b, s, "restore", "latest", "--target", target)
}
