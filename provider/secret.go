package provider

import (
	"fmt"
	"io"
	"log/slog"
)

// hidden is what stands where a Secret would have been printed.
const hidden = "(hidden)"

// Secret is a text that no print, log or JSON shows.  It lies behind a pointer,
// because fmt reads the unexported fields of a struct without asking their
// methods.
type Secret struct{ text *string }

// NewSecret hides a text.
func NewSecret(s string) Secret { return Secret{&s} }

// Reveal is the text itself, for the one place that has to send it.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Empty reports whether there is nothing to hide.
func (s Secret) Empty() bool { return s.Reveal() == "" }

// String says that there is something, not what.
func (s Secret) String() string {
	if s.Empty() {
		return ""
	}
	return hidden
}

// GoString is String, for %#v.
func (s Secret) GoString() string { return s.String() }

// Format is String for every verb: a verb that does not fit a Stringer would
// otherwise be printed with the fields.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue is String, for slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText is String, for JSON and YAML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
