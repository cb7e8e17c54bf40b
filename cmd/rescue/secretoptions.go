package main

import (
	"os"
	"strings"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/interp/run"
)

// Where the value of a secret option can be. On the command line itself everybody on the
// machine could read it.
const (
	inVariable = "env:"
	inFile     = "file:"
)

// checkSecretOptions refuses what does not say where an option's value is.
func (f *runFlags) checkSecretOptions(options map[string]string) error {
	sources, err := keyValues("--secret-option", f.secretOptions)
	if err != nil {
		return err
	}
	for key, source := range sources {
		if _, twice := options[key]; twice {
			return usage("option %s is given with --option and with --secret-option", key)
		}
		if !strings.HasPrefix(source, inVariable) && !strings.HasPrefix(source, inFile) {
			return usage("--secret-option %s: say where the value is, %s=env:VARIABLE or %s=file:PATH; the command line can be read by others", key, key, key)
		}
	}
	return nil
}

// addSecretOptions reads the secret options into the action's.
func (c *call) addSecretOptions(spec *compat.ActionSpec) error {
	sources, err := keyValues("--secret-option", c.secretOptions)
	if err != nil {
		return usage("%w", err)
	}
	for key, source := range sources {
		value, err := c.secretOption(key, source)
		if err != nil {
			return err
		}
		spec.Options[key] = value
		c.secretValues = append(c.secretValues, value)
	}
	return nil
}

// secretOption reads a value. A line break at the end of a file is an editor's, and no part
// of it.
func (c *call) secretOption(key, source string) (string, error) {
	if name, ok := strings.CutPrefix(source, inVariable); ok {
		value, set := os.LookupEnv(name)
		if !set {
			return "", usage("--secret-option %s: there is no variable %s in the environment", key, name)
		}
		return value, nil
	}
	text, err := c.read(strings.TrimPrefix(source, inFile))
	return strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r"), cannot(err)
}

// masked is an error without the secrets of an action, for those that arise before a run
// masks its own.
func (c *call) masked(err error, params *compat.Params) error {
	if err == nil {
		return nil
	}
	r := run.NewRedactor()
	for _, value := range c.secretValues {
		r.Add(value)
	}
	r.AddParams(params)
	if text := r.Text(err.Error()); text != err.Error() {
		return maskedError{err, text}
	}
	return err
}

// A maskedError is another error with another text.
type maskedError struct {
	error
	text string
}

func (e maskedError) Error() string { return e.text }
func (e maskedError) Unwrap() error { return e.error }
