// Package yamlfile reads YAML files that people write.  It walks the syntax tree
// instead of filling structs, so that one run tells all that is wrong with a file,
// each fault with its line and its field, and a key that nobody knows is one.
package yamlfile

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"dialtone/campaign"
)

// Section is one mapping of a file.  Every method that reads a value records what is
// wrong with it and returns the zero value then.
type Section struct {
	faults *[]fault // of the whole file
	path   string   // "providers[0]", or "" for the whole file
	line   int
	keys   map[string]entry // nil where there is no mapping
}

// fault is what is wrong, and the line at which it is.
type fault struct {
	line int
	*campaign.Error
}

type entry struct {
	line  int
	value ast.Node
}

// Parse gives a file's outermost mapping.  holds says what belongs there, for the
// fault of a file that has none.
func Parse(text []byte, holds string) Section {
	empty := Section{faults: new([]fault), line: 1}
	f, err := parser.ParseBytes(text, 0)
	if err != nil {
		empty.syntax(err)
		return empty
	}
	var bodies []ast.Node
	for _, doc := range f.Docs {
		if doc.Body != nil {
			bodies = append(bodies, doc.Body)
		}
	}
	if len(bodies) != 1 {
		empty.add(1, "", "Write one YAML document with %s; there are %d.", holds, len(bodies))
		return empty
	}
	return empty.sub("", bodies[0])
}

func (s Section) syntax(err error) {
	var se *yaml.SyntaxError
	if errors.As(err, &se) {
		s.add(se.Token.Position.Line, "", "This is not YAML: %s.", se.Message)
		return
	}
	text, _, _ := strings.Cut(err.Error(), "\n")
	s.add(1, "", "This is not YAML: %s.", text)
}

// Faults are those of the whole file so far, in the order of its lines; those of one
// line in that in which they were found.
func (s Section) Faults() campaign.Errors {
	sorted := slices.Clone(*s.faults)
	slices.SortStableFunc(sorted, func(a, b fault) int { return a.line - b.line })
	var out campaign.Errors
	for _, f := range sorted {
		out = append(out, f.Error)
	}
	return out
}

// add records a fault.  The line stands before the message, because a field
// that is missing has no line of its own.
func (s Section) add(line int, field, format string, args ...any) {
	*s.faults = append(*s.faults, fault{line, campaign.Invalid(field, "line %d: %s", line, fmt.Sprintf(format, args...))})
}

func (s Section) sub(path string, n ast.Node) Section {
	out := Section{faults: s.faults, path: path, line: lineOf(n), keys: map[string]entry{}}
	var values []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		out.add(out.line, path, "Write keys and values here.")
		out.keys = nil // Known and Required have nothing to add
		return out
	}
	for _, v := range values {
		key := v.Key.GetToken().Value
		if v.Key.IsMergeKey() {
			key = "<<"
		}
		// A key given twice is a syntax error of the parser's.
		out.keys[key] = entry{line: lineOf(v.Key), value: v.Value}
	}
	return out
}

func lineOf(n ast.Node) int {
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 1
}

func (s Section) at(key string) string {
	if s.path == "" {
		return key
	}
	return s.path + "." + key
}

// Fault records what is wrong with a key, at its line or else the section's.  The
// key may name a part of a value, "retry.delay" or "windows[0].start".
func (s Section) Fault(key, format string, args ...any) {
	s.add(s.lineAt(key), s.at(key), format, args...)
}

// lineAt is the line of a key, as far down as the file goes.
func (s Section) lineAt(key string) int {
	name, rest, deeper := strings.Cut(key, ".")
	name, index, _ := strings.Cut(name, "[")
	e, ok := s.keys[name]
	if !ok {
		return s.line
	}
	line, n := e.line, e.value
	var i int
	if _, err := fmt.Sscanf(index, "%d]", &i); err == nil {
		seq, ok := n.(*ast.SequenceNode)
		if !ok || i < 0 || i >= len(seq.Values) {
			return line
		}
		n = seq.Values[i]
		line = lineOf(n)
	}
	if !deeper || !isMapping(n) {
		return line
	}
	inner := s.sub("", n)
	inner.line = line
	return inner.lineAt(rest)
}

func isMapping(n ast.Node) bool {
	return n.Type() == ast.MappingType || n.Type() == ast.MappingValueType
}

// Faulty reports whether a fault of a key, or of a part of its value, is recorded.
func (s Section) Faulty(key string) bool {
	field := s.at(key)
	return slices.ContainsFunc(*s.faults, func(f fault) bool {
		rest, found := strings.CutPrefix(f.Field, field)
		return found && (rest == "" || rest[0] == '.' || rest[0] == '[')
	})
}

// Adopt records faults that somebody else found in the values of this section.
func (s Section) Adopt(err error) {
	for _, e := range campaign.FaultsOf(err) {
		s.Fault(e.Field, "%s", e.Message)
	}
}

// Mapping reports whether there are keys and values at all.
func (s Section) Mapping() bool { return s.keys != nil }

// Has reports whether a key is there.
func (s Section) Has(key string) bool { _, ok := s.keys[key]; return ok }

// Keys lists those that are there, in the order of the file.
func (s Section) Keys() []string {
	names := make([]string, 0, len(s.keys))
	for key := range s.keys {
		names = append(names, key)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(s.keys[a].line-s.keys[b].line, strings.Compare(a, b))
	})
	return names
}

// Known records every key that is not among the names.
func (s Section) Known(names ...string) {
	for _, key := range s.Keys() {
		if !slices.Contains(names, key) {
			s.Fault(key, "There is no such key; take one of %s.", strings.Join(names, ", "))
		}
	}
}

// Missing records that a key is not there, and reports whether it is so.
func (s Section) Missing(key string) bool {
	if s.Has(key) {
		return false
	}
	if s.Mapping() {
		s.Fault(key, "This key is missing.")
	}
	return true
}

// IsMapping reports whether a key's value has keys of its own.
func (s Section) IsMapping(key string) bool {
	e, ok := s.keys[key]
	return ok && isMapping(e.value)
}

// Section is the mapping under a key, of which Has is true.
func (s Section) Section(key string) Section { return s.sub(s.at(key), s.keys[key].value) }

// List is a key's list of mappings.  what is one of them, for the fault of a list
// that is none, or empty.
func (s Section) List(key, what string) (out []Section) {
	if s.Missing(key) {
		return nil
	}
	seq, ok := s.keys[key].value.(*ast.SequenceNode)
	if !ok || len(seq.Values) == 0 {
		s.Fault(key, "Write a list with one %s here.", what)
		return nil
	}
	for i, v := range seq.Values {
		out = append(out, s.sub(fmt.Sprintf("%s[%d]", s.at(key), i), v))
	}
	return out
}
