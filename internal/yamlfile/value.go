package yamlfile

import (
	"math"
	"strconv"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// Text is a scalar as it is written: a number's leading + or 0 stays.
func (s Section) Text(key string) string {
	e, ok := s.keys[key]
	if !ok {
		return ""
	}
	text, ok := scalar(e.value)
	if !ok {
		s.Fault(key, "Write a text here.")
	}
	return text
}

func scalar(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode:
		return n.GetToken().Value, true
	}
	return "", false
}

// Texts is a list of scalars.
func (s Section) Texts(key string) (out []string) {
	if !s.Has(key) {
		return nil
	}
	seq, ok := s.keys[key].value.(*ast.SequenceNode)
	if !ok {
		s.Fault(key, "Write a list here, like [a, b].")
		return nil
	}
	for _, v := range seq.Values {
		text, ok := scalar(v)
		if !ok {
			s.Fault(key, "Write a list of texts here, like [a, b].")
			return nil
		}
		out = append(out, text)
	}
	return out
}

// Required is a text that must be there.
func (s Section) Required(key string) string {
	if s.Missing(key) {
		return ""
	}
	before := len(*s.faults)
	text := s.Text(key)
	if text == "" && len(*s.faults) == before {
		s.Fault(key, "This must not be empty.")
	}
	return text
}

// Duration is above 0 and at most most.
func (s Section) Duration(key string, most time.Duration) time.Duration {
	text := s.Text(key)
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 || d > most {
		s.Fault(key, "Write a duration above 0s and up to %v, like 10s, not %q.", most, text)
		return 0
	}
	return d
}

// Integer is a whole number within bounds; 0 where the key is not there.
func (s Section) Integer(key string, least, most int) int {
	if !s.Has(key) {
		return 0
	}
	n, err := strconv.Atoi(s.numeral(key))
	if err != nil || n < least || n > most {
		s.Fault(key, "Write a whole number from %d to %d.", least, most)
		return 0
	}
	return n
}

// Limit is a whole number of which 0 is no limit.
func (s Section) Limit(key string, most int) int {
	if !s.Has(key) {
		return 0
	}
	n, err := strconv.Atoi(s.numeral(key))
	if err != nil || n < 0 || n > most {
		s.Fault(key, "Write a whole number from 0 (no limit) to %d.", most)
		return 0
	}
	return n
}

// Number is one within bounds; 0 where the key is not there.
func (s Section) Number(key string, least, most float64) float64 {
	if !s.Has(key) {
		return 0
	}
	x, err := strconv.ParseFloat(s.numeral(key), 64)
	if err != nil || math.IsNaN(x) || x < least || x > most {
		s.Fault(key, "Write a number from %s to %s.", plain(least), plain(most))
		return 0
	}
	return x
}

// Rate is a number of which 0 is no limit.
func (s Section) Rate(key string, most float64) float64 {
	if !s.Has(key) {
		return 0
	}
	x, err := strconv.ParseFloat(s.numeral(key), 64)
	if err != nil || math.IsNaN(x) || x < 0 || x > most {
		s.Fault(key, "Write a number from 0 (no limit) to %s.", plain(most))
		return 0
	}
	return x
}

// plain writes a bound as people would: 1000000, not 1e+06.
func plain(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

// numeral is the text of a number that is written as one, unquoted.
func (s Section) numeral(key string) string {
	switch n := s.keys[key].value.(type) {
	case *ast.IntegerNode, *ast.FloatNode:
		return n.GetToken().Value
	}
	return ""
}

// Switch is true or false; false where the key is not there.
func (s Section) Switch(key string) bool {
	e, ok := s.keys[key]
	if !ok {
		return false
	}
	b, ok := e.value.(*ast.BoolNode)
	if !ok {
		s.Fault(key, "Write true or false.")
		return false
	}
	return b.Value
}
