package compat

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// floatText is what YAML 1.1 takes for a number with a point or an exponent.
var floatText = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)

// resolve gives v its kind and value, as they are after the way through JSON.
// tag is the node's tag in short form, which counts only if it was written.
func (v *Value) resolve(tag string, explicit bool, text string) error {
	if err := v.scalar(tag, explicit, text); err != nil {
		return err
	}
	return v.normalise()
}

// scalar gives v the kind and value that YAML 1.1 sees.
func (v *Value) scalar(tag string, explicit bool, text string) error {
	v.Str = text
	if !explicit {
		tag = ""
		if v.Style != Plain {
			v.Kind = String
			return nil
		}
	}
	switch tag {
	case "":
		v.plain(text)
	case "!!binary":
		data, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return errors.New("!!binary needs base64")
		}
		v.Kind, v.Str = String, string(data)
	case "!!bool", "!!int", "!!float", "!!null":
		v.plain(text)
		if !v.is(tag) {
			return fmt.Errorf("%q is no %s", text, strings.TrimPrefix(tag, "!!"))
		}
	default:
		v.Kind = String
	}
	return nil
}

func (v *Value) is(tag string) bool {
	switch tag {
	case "!!bool":
		return v.Kind == Bool
	case "!!int":
		return v.Kind == Int
	case "!!float":
		return v.Kind == Int || v.Kind == Float
	}
	return v.Kind == Null
}

// plain resolves an unquoted scalar by the rules of YAML 1.1.
func (v *Value) plain(text string) {
	switch text {
	case "", "~", "null", "Null", "NULL":
		v.Kind = Null
	case "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON":
		v.Kind, v.Bool = Bool, true
	case "n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF":
		v.Kind = Bool
	case ".nan", ".NaN", ".NAN":
		v.Kind, v.Float = Float, math.NaN()
	case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF":
		v.Kind, v.Float = Float, math.Inf(1)
	case "-.inf", "-.Inf", "-.INF":
		v.Kind, v.Float = Float, math.Inf(-1)
	default:
		v.number(text)
	}
}

// number resolves what starts like a number, and takes the rest for text.
func (v *Value) number(text string) {
	v.Kind = String
	c := text[0]
	switch {
	case c == '.':
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			v.Kind, v.Float = Float, f
		}
	case c == '+' || c == '-' || '0' <= c && c <= '9':
		if !isTimestamp(text) {
			v.digits(strings.ReplaceAll(text, "_", ""))
		}
	}
}

func (v *Value) digits(text string) {
	if i, err := strconv.ParseInt(text, 0, 64); err == nil {
		v.Kind, v.Int = Int, i
		return
	}
	if u, err := strconv.ParseUint(text, 0, 64); err == nil {
		v.Kind, v.Float = Float, float64(u)
		return
	}
	if floatText.MatchString(text) {
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			v.Kind, v.Float = Float, f
		}
	}
}

// normalise does what the way through JSON does to a number: 1.0 and 1e3 arrive
// as integers.
func (v *Value) normalise() error {
	if v.Kind != Float {
		return nil
	}
	text, err := json.Marshal(v.Float)
	if err != nil {
		return fmt.Errorf("%s cannot be stored in Kubernetes; put it in quotes if it is text", v.Str)
	}
	if i, err := strconv.ParseInt(string(text), 10, 64); err == nil {
		v.Kind, v.Int = Int, i
	}
	return nil
}

// timestampLayouts are those of YAML 1.1 that Kubernetes knows. They stay text,
// but a date must not be taken for a number.
var timestampLayouts = []string{
	"2006-1-2T15:4:5.999999999Z07:00",
	"2006-1-2t15:4:5.999999999Z07:00",
	"2006-1-2 15:4:5.999999999",
	"2006-1-2",
}

func isTimestamp(text string) bool {
	if len(text) < 5 || text[4] != '-' {
		return false
	}
	for _, layout := range timestampLayouts {
		if _, err := time.Parse(layout, text); err == nil {
			return true
		}
	}
	return false
}
