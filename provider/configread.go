package provider

import (
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"dialtone/campaign"
)

// The library's own strict mode stops at the first fault.  The reader walks the
// syntax tree instead, so that one run tells all of them, each with its line.

// reader gathers the faults of one file.
type reader struct{ faults campaign.Errors }

// section is one mapping of the file.  Every method that reads a value records
// what is wrong with it and returns the zero value then.
type section struct {
	r    *reader
	path string // "providers[0]", or "" for the whole file
	line int
	keys map[string]entry
}

type entry struct {
	line  int
	value ast.Node
}

// root is the file's outermost mapping.
func (r *reader) root(text []byte) section {
	empty := section{r: r, line: 1}
	f, err := parser.ParseBytes(text, 0)
	if err != nil {
		r.syntax(err)
		return empty
	}
	var bodies []ast.Node
	for _, doc := range f.Docs {
		if doc.Body != nil {
			bodies = append(bodies, doc.Body)
		}
	}
	if len(bodies) != 1 {
		r.add(1, "", "Write one YAML document with callback_base_url and providers; there are %d.", len(bodies))
		return empty
	}
	return r.section("", bodies[0])
}

func (r *reader) syntax(err error) {
	var se *yaml.SyntaxError
	if errors.As(err, &se) {
		r.add(se.Token.Position.Line, "", "This is not YAML: %s.", se.Message)
		return
	}
	text, _, _ := strings.Cut(err.Error(), "\n")
	r.add(1, "", "This is not YAML: %s.", text)
}

// add records a fault.  The line stands before the message, because a field
// that is missing has no line of its own.
func (r *reader) add(line int, field, format string, args ...any) {
	r.faults = append(r.faults, campaign.Invalid(field, "line %d: %s", line, fmt.Sprintf(format, args...)))
}

func (r *reader) section(path string, n ast.Node) section {
	s := section{r: r, path: path, line: lineOf(n), keys: map[string]entry{}}
	var values []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		r.add(s.line, path, "Write keys and values here.")
		s.keys = nil // known and required have nothing to add
		return s
	}
	for _, v := range values {
		key := v.Key.GetToken().Value
		if v.Key.IsMergeKey() {
			key = "<<"
		}
		// A key given twice is a syntax error of the parser's.
		s.keys[key] = entry{line: lineOf(v.Key), value: v.Value}
	}
	return s
}

func lineOf(n ast.Node) int {
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 1
}

func (s section) at(key string) string {
	if s.path == "" {
		return key
	}
	return s.path + "." + key
}

// fault records what is wrong with a key, at its line or else the section's.
func (s section) fault(key, format string, args ...any) {
	line := s.line
	if e, ok := s.keys[key]; ok {
		line = e.line
	}
	s.r.add(line, s.at(key), format, args...)
}

func (s section) has(key string) bool { _, ok := s.keys[key]; return ok }

// known records every key that is not among the names.
func (s section) known(names ...string) {
	var strange []string
	for key := range s.keys {
		if !slices.Contains(names, key) {
			strange = append(strange, key)
		}
	}
	slices.SortFunc(strange, func(a, b string) int { return s.keys[a].line - s.keys[b].line })
	for _, key := range strange {
		s.fault(key, "There is no such key; take one of %s.", strings.Join(names, ", "))
	}
}

// text is a scalar as it is written: a number's leading + or 0 stays.
func (s section) text(key string) string {
	e, ok := s.keys[key]
	if !ok {
		return ""
	}
	switch n := e.value.(type) {
	case *ast.StringNode:
		return n.Value
	case *ast.LiteralNode:
		return n.Value.Value
	case *ast.IntegerNode, *ast.FloatNode:
		return n.GetToken().Value
	}
	s.fault(key, "Write a text here.")
	return ""
}

func (s section) required(key string) string {
	if !s.has(key) {
		if s.keys != nil {
			s.fault(key, "This key is missing.")
		}
		return ""
	}
	before := len(s.r.faults)
	text := s.text(key)
	if text == "" && len(s.r.faults) == before {
		s.fault(key, "This must not be empty.")
	}
	return text
}

// baseURL is a URL to which paths are appended.
func (s section) baseURL(key string) string {
	text := s.required(key)
	if text == "" {
		return ""
	}
	u, wrong := absoluteURL(text)
	if wrong != "" {
		s.fault(key, "%s", wrong)
		return ""
	}
	if u.RawQuery != "" {
		s.fault(key, "Give the URL without a query; paths are appended to it.")
		return ""
	}
	return strings.TrimRight(text, "/")
}

func (s section) list(key string) (out []section) {
	if !s.has(key) {
		if s.keys != nil {
			s.fault(key, "This key is missing.")
		}
		return nil
	}
	seq, ok := s.keys[key].value.(*ast.SequenceNode)
	if !ok || len(seq.Values) == 0 {
		s.fault(key, "Write a list with one provider here.")
		return nil
	}
	for i, v := range seq.Values {
		out = append(out, s.r.section(fmt.Sprintf("%s[%d]", s.at(key), i), v))
	}
	return out
}

func (s section) duration(key string, most time.Duration) time.Duration {
	text := s.text(key)
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 || d > most {
		s.fault(key, "Write a duration above 0s and up to %v, like 10s, not %q.", most, text)
		return 0
	}
	return d
}

func (s section) integer(key string, most int) int {
	if !s.has(key) {
		return 0
	}
	n, err := strconv.Atoi(s.numeral(key))
	if err != nil || n < 0 || n > most {
		s.fault(key, "Write a whole number from 0 (no limit) to %d.", most)
		return 0
	}
	return n
}

func (s section) number(key string, most float64) float64 {
	if !s.has(key) {
		return 0
	}
	x, err := strconv.ParseFloat(s.numeral(key), 64)
	if err != nil || math.IsNaN(x) || x < 0 || x > most {
		s.fault(key, "Write a number from 0 (no limit) to %g.", most)
		return 0
	}
	return x
}

// numeral is the text of a number that is written as one, unquoted.
func (s section) numeral(key string) string {
	switch n := s.keys[key].value.(type) {
	case *ast.IntegerNode, *ast.FloatNode:
		return n.GetToken().Value
	}
	return ""
}

// token is {env: NAME}, {file: path} or {value: text}.
func (s section) token(key string) Secret {
	if !s.has(key) {
		if s.keys != nil {
			s.fault(key, "This key is missing.")
		}
		return Secret{}
	}
	const usage = "Write {env: NAME}, {file: path} or {value: text}."
	n := s.keys[key].value
	if n.Type() != ast.MappingType && n.Type() != ast.MappingValueType {
		// Not repeated in the message: it may be the token itself.
		s.fault(key, usage)
		return Secret{}
	}
	t := s.r.section(s.at(key), n)
	t.known("env", "file", "value")
	if len(t.keys) != 1 {
		s.fault(key, "Give exactly one of env, file and value.")
		return Secret{}
	}
	for source := range t.keys {
		return NewSecret(t.secret(source))
	}
	return Secret{}
}

// secret looks the token up where the section says.
func (s section) secret(source string) string {
	where := s.required(source)
	if where == "" || source == "value" {
		return where
	}
	var text string
	switch source {
	case "env":
		text = os.Getenv(where)
		if text == "" {
			s.fault(source, "The environment variable %s is not set, or empty.", where)
		}
	case "file":
		b, err := os.ReadFile(where)
		text = strings.TrimSpace(string(b))
		if err != nil {
			s.fault(source, "The token's file can't be read: %v.", err)
		} else if text == "" {
			s.fault(source, "The token's file %s is empty.", where)
		}
	}
	return text
}
