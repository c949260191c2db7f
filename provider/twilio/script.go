package twilio

import (
	"bytes"
	"cmp"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"dialtone/campaign"
)

// DefaultTwiml is what a called person hears where no script is configured: the
// call's variable "message", or that this is a test.
const DefaultTwiml = `<Response><Say>{{message|This is a test call. Goodbye.}}</Say></Response>`

// The bounds of a script once the variables are in it.
const (
	limitTwiml = 4000 // characters; the API's own bound
	limitURL   = 4000 // bytes, variables included
)

// Answer is the script of every call.  At most one field is set; with none it is
// DefaultTwiml.
type Answer struct {
	// Twiml is sent with every call. {{name}} stands for the call's variable of
	// that name, {{name|text}} takes the text where the call has no such variable,
	// or an empty one.  Values are escaped for XML.  A string or number goes in as
	// it is, true, false, lists and objects as JSON, null as nothing.
	Twiml string
	// URL is where the provider fetches the script of each call.  The call's
	// variables are appended as query parameters, in the order of their names.
	URL string
}

// script is a compiled Answer.
type script struct {
	// fixed is the ready form field, where no variable matters, else nil.
	fixed []byte
	parts []part // of a twiml template
	url   string // where variables are appended, or ""
}

// part is a literal, or a variable with what stands in for it.
type part struct {
	literal        string
	name, fallback string
	variable       bool
}

// compile checks the script once, so that no call has to.
func (a Answer) compile() (*script, *campaign.Error) {
	switch {
	case a.Twiml != "" && a.URL != "":
		return nil, campaign.Invalid("url", "Give the script as twiml or as url, not as both.")
	case a.URL != "":
		u, err := url.Parse(a.URL)
		if err != nil || u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https") || u.Fragment != "" || len(a.URL) > limitURL {
			return nil, campaign.Invalid("url", "Give an absolute http or https URL without a fragment, of up to %d bytes.", limitURL)
		}
		return &script{url: a.URL}, nil
	}
	return compileTwiml(cmp.Or(a.Twiml, DefaultTwiml))
}

func compileTwiml(text string) (*script, *campaign.Error) {
	if n := utf8.RuneCountInString(text); n > limitTwiml {
		return nil, campaign.Invalid("twiml", "The script has %d characters; the most is %d.", n, limitTwiml)
	}
	s := &script{}
	for rest := text; rest != ""; {
		before, after, found := strings.Cut(rest, "{{")
		if before != "" {
			s.parts = append(s.parts, part{literal: before})
		}
		if !found {
			break
		}
		inner, tail, closed := strings.Cut(after, "}}")
		name, fallback, _ := strings.Cut(inner, "|")
		if name = strings.TrimSpace(name); !closed || name == "" {
			return nil, campaign.Invalid("twiml", "Close every {{ with }} and put the variable's name between them.")
		}
		s.parts = append(s.parts, part{name: name, fallback: fallback, variable: true})
		rest = tail
	}
	if fault := s.wellFormed(); fault != nil {
		return nil, fault
	}
	if !slices.ContainsFunc(s.parts, func(p part) bool { return p.variable }) {
		s.fixed = appendField(nil, "Twiml", text)
	}
	return s, nil
}

// appendTo appends the form field that tells the provider the call's script.
// The error is a sentence about the call's variables.
func (s *script) appendTo(form, variables []byte) ([]byte, error) {
	if s.fixed != nil {
		return append(form, s.fixed...), nil
	}
	values, err := readVariables(variables)
	if err != nil {
		return nil, err
	}
	if s.url != "" {
		target := string(appendQuery([]byte(s.url), values))
		if len(target) > limitURL {
			return nil, fmt.Errorf("the script's URL has %d bytes with the variables in it; the most is %d", len(target), limitURL)
		}
		return appendField(form, "Url", target), nil
	}
	text := s.render(values)
	if n := utf8.RuneCountInString(text); n > limitTwiml {
		return nil, fmt.Errorf("the script has %d characters with the variables in it; the most is %d", n, limitTwiml)
	}
	return appendField(form, "Twiml", text), nil
}

func (s *script) render(values map[string]string) string {
	var out bytes.Buffer
	for _, p := range s.parts {
		if !p.variable {
			out.WriteString(p.literal)
			continue
		}
		// EscapeText fails only where its writer does; a Buffer does not.
		_ = xml.EscapeText(&out, []byte(cmp.Or(values[p.name], p.fallback)))
	}
	return out.String()
}

// readVariables reads a JSON object into texts.
func readVariables(b []byte) (map[string]string, error) {
	if len(b) == 0 {
		return nil, nil
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		return nil, fmt.Errorf("the variables are not a JSON object: %w", err)
	}
	out := make(map[string]string, len(raw))
	for name, v := range raw {
		// RawMessage keeps a number's digits as they were written.
		text := string(v)
		switch {
		case text == "null":
			text = ""
		case v[0] == '"':
			if err := json.Unmarshal(v, &text); err != nil {
				return nil, fmt.Errorf("the variable %q: %w", name, err)
			}
		}
		out[name] = text
	}
	return out, nil
}

// appendQuery appends the values as query parameters, in a fixed order, so that
// the same call always has the same URL.
func appendQuery(target []byte, values map[string]string) []byte {
	separator := byte('?')
	if i := bytes.IndexByte(target, '?'); i >= 0 {
		separator = '&'
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		target = append(target, separator)
		target = appendEscaped(target, name)
		target = append(target, '=')
		target = appendEscaped(target, values[name])
		separator = '&'
	}
	return target
}
