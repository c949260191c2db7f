package provider

import (
	"os"
	"strings"

	"dialtone/internal/yamlfile"
)

// section reads what only a providers file has.
type section struct{ yamlfile.Section }

// baseURL is a URL to which paths are appended.
func (s section) baseURL(key string) string {
	text := s.Required(key)
	if text == "" {
		return ""
	}
	u, wrong := absoluteURL(text)
	if wrong != "" {
		s.Fault(key, "%s", wrong)
		return ""
	}
	if u.RawQuery != "" {
		s.Fault(key, "Give the URL without a query; paths are appended to it.")
		return ""
	}
	return strings.TrimRight(text, "/")
}

// token is {env: NAME}, {file: path} or {value: text}.
func (s section) token(key string) Secret {
	if s.Missing(key) {
		return Secret{}
	}
	if !s.IsMapping(key) {
		// Not repeated in the message: it may be the token itself.
		s.Fault(key, "Write {env: NAME}, {file: path} or {value: text}.")
		return Secret{}
	}
	t := section{s.Section.Section(key)}
	t.Known("env", "file", "value")
	sources := t.Keys()
	if len(sources) != 1 {
		s.Fault(key, "Give exactly one of env, file and value.")
		return Secret{}
	}
	return NewSecret(t.secret(sources[0]))
}

// secret looks the token up where the section says.
func (s section) secret(source string) string {
	where := s.Required(source)
	if where == "" || source == "value" {
		return where
	}
	var text string
	switch source {
	case "env":
		text = os.Getenv(where)
		if text == "" {
			s.Fault(source, "The environment variable %s is not set, or empty.", where)
		}
	case "file":
		b, err := os.ReadFile(where)
		text = strings.TrimSpace(string(b))
		if err != nil {
			s.Fault(source, "The token's file can't be read: %v.", err)
		} else if text == "" {
			s.Fault(source, "The token's file %s is empty.", where)
		}
	}
	return text
}
