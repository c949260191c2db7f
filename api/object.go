package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"dialtone/campaign"
)

// object is a JSON object of a request's body, read field by field.  It gathers
// everything that is wrong instead of stopping at the first fault.
//
// done names the fields that nobody asked for.  A field that is null counts as
// given, so that a merge patch can reset it.
type object struct {
	at     string // "retry.", or "" for the body itself
	fields map[string]json.RawMessage
	known  []string // the fields asked for, for people
	later  []string // those that will be known one day
	faults *campaign.Errors
}

// newObject reads a body.  A body that is no JSON object at all is an error;
// an empty one is an empty object.
func newObject(body []byte) (*object, error) {
	o := &object{fields: map[string]json.RawMessage{}, faults: &campaign.Errors{}}
	if len(bytes.TrimSpace(body)) == 0 {
		return o, nil
	}
	if err := json.Unmarshal(body, &json.RawMessage{}); err != nil {
		return nil, malformed(body, err)
	}
	if bytes.TrimSpace(body)[0] != '{' {
		return nil, newProblem(codeMalformed, "The body must be a JSON object, like {\"name\": …}; see /docs for its fields.")
	}
	o.open(body)
	return o, nil
}

// malformed says where the JSON breaks.
func malformed(body []byte, err error) *Problem {
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) {
		return newProblem(codeMalformed, "The body is not JSON; correct it and send it again.")
	}
	before := body[:min(int(syntax.Offset), len(body))]
	line := 1 + bytes.Count(before, []byte("\n"))
	column := len(before) - (bytes.LastIndexByte(before, '\n') + 1)
	return newProblem(codeMalformed, "The body is not valid JSON: %s at line %d, column %d; correct it and send it again.", syntax.Error(), line, column)
}

// open splits valid JSON that is an object.  A field given twice is a fault: which
// of the two was meant?
func (o *object) open(raw []byte) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	_, _ = dec.Token() // the brace; the JSON is known to be valid
	for dec.More() {
		name, _ := dec.Token()
		var value json.RawMessage
		_ = dec.Decode(&value)
		key, _ := name.(string)
		if _, twice := o.fields[key]; twice {
			o.fault(key, "This field is given twice; give it once.")
		}
		o.fields[key] = value
	}
}

// fault records what is wrong with a field.
func (o *object) fault(name, format string, args ...any) {
	*o.faults = append(*o.faults, campaign.Invalid(o.at+name, format, args...))
}

// faulty reports whether a field already has a fault.
func (o *object) faulty(field string) bool {
	return slices.ContainsFunc(*o.faults, func(e *campaign.Error) bool { return e.Field == field })
}

// blamed reports whether a field, or what it is a part of, already has a fault.
func (o *object) blamed(field string) bool {
	return slices.ContainsFunc(*o.faults, func(e *campaign.Error) bool {
		rest, inside := strings.CutPrefix(field, e.Field)
		return inside && (rest == "" || rest[0] == '.' || rest[0] == '[')
	})
}

// adopt takes over faults found elsewhere, except of fields that have one: those
// would be its consequences.  There are no more than a person reads.
func (o *object) adopt(err error) {
	var es campaign.Errors
	if !errors.As(err, &es) {
		return
	}
	for _, e := range es {
		if len(*o.faults) >= maxFaults {
			return
		}
		if !o.blamed(e.Field) {
			*o.faults = append(*o.faults, e)
		}
	}
}

// take is a field's value; nil for one that is not there.
func (o *object) take(name string) (raw json.RawMessage, given bool) {
	o.known = append(o.known, name)
	raw, given = o.fields[name]
	return raw, given
}

// told is a field's value as it was written, for whoever wrote it.
func (o *object) told(name string) string { return clip(string(o.fields[name])) }

func null(raw json.RawMessage) bool { return string(raw) == "null" }

// read sets dst to a field's value, or to reset if it is null.  It reports whether
// the field was given with a value that could be read.
func read[T any](o *object, name string, dst *T, reset T, want string) bool {
	raw, given := o.take(name)
	if !given {
		return false
	}
	if null(raw) {
		*dst = reset
		return false
	}
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		o.fault(name, "%s", want)
		return false
	}
	*dst = v
	return true
}

// readWell is read for types that say themselves what is wrong with a text.  null
// leaves dst alone.
func readWell[T any](o *object, name string, dst *T, want string) bool {
	raw, given := o.take(name)
	if !given || null(raw) {
		return false
	}
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		o.fault(name, "%s", wellPut(err, want))
		return false
	}
	*dst = v
	return true
}

// wellPut makes a sentence of what a type says about a text, and falls back on what
// is wanted where encoding/json itself refused.
func wellPut(err error, want string) string {
	var kind *json.UnmarshalTypeError
	if err == nil || errors.As(err, &kind) {
		return want
	}
	text := strings.TrimSuffix(err.Error(), ".")
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// element is an element of a list that is an object itself; nil if it is something
// else, which is a fault.
func (o *object) element(name string, raw json.RawMessage, want string) *object {
	if raw[0] != '{' {
		o.fault(name, "%s", want)
		return nil
	}
	in := &object{at: o.at + name + ".", fields: map[string]json.RawMessage{}, faults: o.faults}
	in.open(raw)
	return in
}

// inner is a field that is an object itself; nil if it is absent, null or
// something else, which is a fault.
func (o *object) inner(name, want string) *object {
	raw, given := o.take(name)
	if !given || null(raw) {
		return nil
	}
	return o.element(name, raw, want)
}

// refuse is for fields that mean something, but not yet.
func (o *object) refuse(name, format string, args ...any) {
	o.later = append(o.later, name)
	if raw, given := o.fields[name]; given && !null(raw) {
		o.fault(name, format, args...)
	}
}

// rest makes every field that nobody asked for a fault.
func (o *object) rest() {
	for _, name := range sortedKeys(o.fields) {
		if !slices.Contains(o.known, name) && !slices.Contains(o.later, name) {
			o.fault(name, "%s", o.unknown())
		}
	}
}

func (o *object) unknown() string {
	if len(o.known) == 0 {
		return "There is no such field here; leave it out."
	}
	return fmt.Sprintf("There is no such field here; leave it out, or take one of %s.", strings.Join(o.known, ", "))
}

// done ends the reading with everything that was found wrong, or nil.
func (o *object) done() error {
	o.rest()
	if len(*o.faults) == 0 {
		return nil
	}
	return *o.faults
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
