package run

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// ErrNewer says that a journal was written by a later version of this program.
var ErrNewer = errors.New("written by a newer rescue: use that one")

// ReadJournal reads the events of a run, also while it runs. A last line that was cut
// short is left out.
func ReadJournal(dir, run string) ([]Event, error) {
	src, err := os.ReadFile(JournalPath(dir, run))
	if err != nil {
		return nil, err
	}
	events, _, err := parse(JournalPath(dir, run), src)
	return events, err
}

// parse reads events, and says how many bytes of src they take.
//
// A process that is killed, or a machine that loses its power, can spoil the last line
// only: each line is on disk before the next one is written. So a last line that cannot
// be read was never relied upon, and is left out; any other one is an error.
func parse(name string, src []byte) (events []Event, whole int64, err error) {
	rest := src
	for n := 1; ; n++ {
		line, after, ended := bytes.Cut(rest, []byte("\n"))
		if !ended {
			return events, whole, nil
		}
		e, err := parseEvent(line)
		switch {
		case err == nil:
			events = append(events, e)
			whole += int64(len(line) + 1)
		case errors.Is(err, ErrNewer):
			return nil, 0, fmt.Errorf("%s:%d: %w", name, n, err)
		case len(bytes.TrimRight(after, "\x00")) == 0:
			return events, whole, nil
		default:
			return nil, 0, fmt.Errorf("%s:%d: the journal is damaged here: %w", name, n, err)
		}
		rest = after
	}
}

func parseEvent(line []byte) (Event, error) {
	var head struct {
		Version string `json:"version"`
	}
	if err := json.Unmarshal(line, &head); err != nil {
		return Event{}, err
	}
	if err := checkVersion(head.Version); err != nil {
		return Event{}, err
	}
	var e Event
	// Numbers keep their kind: an output of 3 must not become one of 3.0.
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	if err := d.Decode(&e); err != nil {
		return Event{}, err
	}
	for key, v := range e.Output {
		e.Output[key] = exact(v)
	}
	if e.Inputs != nil {
		e.Inputs.Object, _ = exact(e.Inputs.Object).(map[string]any)
	}
	return e, nil
}

// checkVersion refuses the journals of later versions. Within a major version later
// ones only say more, but that may be just what it takes to go on with a run.
func checkVersion(version string) error {
	major, minor, err := splitVersion(version)
	if err != nil {
		return fmt.Errorf("version %q: %w", version, err)
	}
	ownMajor, ownMinor, err := splitVersion(JournalVersion)
	if err != nil {
		return err
	}
	if major > ownMajor || major == ownMajor && minor > ownMinor {
		return fmt.Errorf("a journal of version %s, and this program knows %s: %w", version, JournalVersion, ErrNewer)
	}
	return nil
}

func splitVersion(version string) (major, minor int, err error) {
	a, b, _ := strings.Cut(version, ".")
	if major, err = strconv.Atoi(a); err != nil {
		return 0, 0, err
	}
	minor, err = strconv.Atoi(b)
	return major, minor, err
}

// exact turns the numbers of decoded JSON into int64 and float64, as Kubernetes'
// objects and the outputs of functions have them.
func exact(v any) any {
	switch v := v.(type) {
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return i
		}
		// A number of JSON that is too large for a float64 is none of ours.
		f, _ := v.Float64()
		return f
	case map[string]any:
		for key, of := range v {
			v[key] = exact(of)
		}
	case []any:
		for i, of := range v {
			v[i] = exact(of)
		}
	}
	return v
}
