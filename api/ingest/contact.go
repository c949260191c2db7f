package ingest

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"
)

// decode reads a contact written in JSON, well-formed as that is known to be.
func decode(raw []byte, limit int) (out written, err error) {
	if raw[0] == '"' {
		return out, decodeNumber(raw, &out.number)
	}
	var fields map[string]json.RawMessage
	if raw[0] != '{' || json.Unmarshal(raw, &fields) != nil {
		return out, refuse(string(raw), "A contact is a number in quotation marks, or an object with \"phone\" and, if need be, \"time_zone\" and \"variables\".")
	}
	number, found := fields["phone"]
	if !found {
		return out, refuse(string(raw), "The contact has no \"phone\".")
	}
	if err := decodeNumber(number, &out.number); err != nil {
		return out, err
	}
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		if key != "phone" && key != "time_zone" && key != "variables" {
			return out, refuse(out.number, "A contact has no %q: what belongs to the call goes under \"variables\".", clip(key))
		}
	}
	if zone, found := fields["time_zone"]; found && json.Unmarshal(zone, &out.zone) != nil {
		return out, refuse(out.number, "\"time_zone\" must be a JSON string, like \"America/New_York\".")
	}
	out.variables, err = decodeVariables(out.number, fields["variables"])
	if err != nil || out.variables == nil {
		return out, err
	}
	return out, checkVariables(out.number, out.variables, limit)
}

func decodeNumber(raw []byte, number *string) error {
	if json.Unmarshal(raw, number) != nil || raw[0] != '"' {
		return refuse(string(raw), "The number must be a JSON string: put it in quotation marks.")
	}
	return nil
}

// decodeVariables returns the object without white space; nil for none.
func decodeVariables(number string, raw []byte) (json.RawMessage, error) {
	switch {
	case len(raw) == 0, string(raw) == "null":
		return nil, nil
	case raw[0] != '{':
		return nil, refuse(number, "\"variables\" must be an object, like {\"name\": \"Ada\"}.")
	}
	if bytes.Contains(raw, []byte(`\u`)) {
		return rewrite(number, raw)
	}
	var out bytes.Buffer
	if err := json.Compact(&out, raw); err != nil {
		return nil, err
	}
	if out.Len() == len("{}") {
		return nil, nil
	}
	return out.Bytes(), nil
}

// rewrite takes escapes out that JSON knows and databases refuse: halves of a
// surrogate pair become U+FFFD.
func rewrite(number string, raw []byte) (json.RawMessage, error) {
	var object map[string]any
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(&object); err != nil {
		return nil, refuse(number, "\"variables\" can't be read: %v.", err)
	}
	return json.Marshal(object)
}

// checkVariables refuses what the store would not take.
func checkVariables(number string, variables []byte, limit int) error {
	if len(variables) > limit {
		return refuse(number, "The variables take %d bytes and may take %d.", len(variables), limit)
	}
	if hasZero(variables) {
		return refuse(number, "The variables contain a zero character, which can't be stored: take it out.")
	}
	return nil
}

// hasZero finds the escape of U+0000: behind an even number of backslashes, else
// it is a backslash and some text.
func hasZero(text []byte) bool {
	for at := 0; ; {
		i := bytes.Index(text[at:], []byte(`\u0000`))
		if i < 0 {
			return false
		}
		before := text[:at+i]
		if (len(before)-len(bytes.TrimRight(before, `\`)))%2 == 0 {
			return true
		}
		at += i + 1
	}
}

// appendText appends a JSON string.
func appendText(out []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			return appendEscaped(out, s)
		}
	}
	out = append(append(out, '"'), s...)
	return append(out, '"')
}

// appendEscaped escapes what JSON demands and leaves letters as they are.
func appendEscaped(out []byte, s string) []byte {
	out = append(out, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			out = append(out, '\\', byte(r))
		case r == '\n':
			out = append(out, `\n`...)
		case r == '\t':
			out = append(out, `\t`...)
		case r < ' ':
			out = append(out, `\u00`...)
			out = append(out, strconv.FormatInt(int64(r)+0x100, 16)[1:]...)
		default:
			out = utf8.AppendRune(out, r)
		}
	}
	return append(out, '"')
}
