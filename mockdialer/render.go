package mockdialer

import (
	"encoding/json"
	"strconv"
	"sync/atomic"
	"time"
)

// What is rendered for every call is appended to a buffer, without maps and
// reflection: a benchmark shares its cores with this program.

// appendInt appends a literal and a number.
func appendInt(b []byte, literal string, n int64) []byte {
	b = append(b, literal...)
	return strconv.AppendInt(b, n, 10)
}

// appendField appends a literal and a JSON string.
func appendField(b []byte, literal, value string) []byte {
	b = append(b, literal...)
	for i := range len(value) {
		if c := value[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return appendStrange(b, value)
		}
	}
	b = append(b, '"')
	b = append(b, value...)
	return append(b, '"')
}

// appendStrange appends a string in which something must be escaped.
func appendStrange(b []byte, value string) []byte {
	quoted, err := json.Marshal(value)
	if err != nil {
		quoted = []byte(`""`) // a string can always be marshaled
	}
	return append(b, quoted...)
}

// appendTime appends a literal and an RFC 3339 time, or null for 0.
func appendTime(b []byte, literal string, at int64) []byte {
	b = append(b, literal...)
	if at == 0 {
		return append(b, "null"...)
	}
	b = append(b, '"')
	b = time.Unix(0, at).UTC().AppendFormat(b, time.RFC3339Nano)
	return append(b, '"')
}

// stamp is a second in the dialect's notation.
type stamp struct {
	second int64
	text   string
}

// stamps remembers the last second that was written: under load the same one is
// written thousands of times.
var stamps atomic.Pointer[stamp]

// dialectTime is the RFC 2822 time of a Unix time in nanoseconds.
func dialectTime(at int64) string {
	second := at / int64(time.Second)
	if s := stamps.Load(); s != nil && s.second == second {
		return s.text
	}
	s := &stamp{second: second, text: time.Unix(second, 0).UTC().Format(time.RFC1123Z)}
	stamps.Store(s)
	return s.text
}

// appendDate appends a literal and a time in the dialect's notation, or null.
func appendDate(b []byte, literal string, at int64) []byte {
	b = append(b, literal...)
	if at == 0 {
		return append(b, "null"...)
	}
	b = append(b, '"')
	b = append(b, dialectTime(at)...)
	return append(b, '"')
}

// appendCall appends the dialect's call resource.
func (s *Server) appendCall(b []byte, index uint32, c *call, now int64) []byte {
	var sid [sidLength]byte
	appendSid(sid[:0], s.book.key, index)
	start, answered := c.startedAt(now), c.answeredAt(now)
	b = appendField(b, `{"account_sid":`, s.config.Account)
	b = append(b, `,"annotation":null,"answered_by":`...)
	b = appendNullable(b, c.detect && answered != 0, `"human"`)
	b = append(b, `,"api_version":"2010-04-01","caller_name":null`...)
	b = appendDate(b, `,"date_created":`, c.received)
	b = appendDate(b, `,"date_updated":`, max(c.received, start, answered, c.ended))
	b = append(b, `,"direction":"outbound-api","duration":`...)
	if c.ended != 0 {
		b = appendInt(b, `"`, c.seconds())
		b = append(b, '"')
	} else {
		b = append(b, "null"...)
	}
	b = appendDate(b, `,"end_time":`, c.ended)
	b = append(b, `,"forwarded_from":null`...)
	b = appendField(b, `,"from":`, c.from)
	b = appendField(b, `,"from_formatted":`, c.from)
	b = append(b, `,"group_sid":null,"parent_call_sid":null,"phone_number_sid":null,"price":null,"price_unit":"USD","queue_time":"0","sid":"`...)
	b = append(b, sid[:]...)
	b = appendDate(b, `","start_time":`, start)
	b = appendField(b, `,"status":`, statusNames[c.status(now)])
	b = appendField(b, `,"subresource_uris":{},"to":`, c.to)
	b = appendField(b, `,"to_formatted":`, c.to)
	b = append(b, `,"trunk_sid":null,"uri":"`...)
	b = append(b, s.callPrefix...)
	b = append(b, sid[:]...)
	return append(b, `.json"}`...)
}

func appendNullable(b []byte, given bool, literal string) []byte {
	if given {
		return append(b, literal...)
	}
	return append(b, "null"...)
}
