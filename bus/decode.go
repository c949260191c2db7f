package bus

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"

	"dialtone/campaign"
)

// decodeJobs reads one job, or an array of them.  It reads the common case by
// hand and leaves everything unusual to encoding/json, whose word is final.
func decodeJobs(data []byte) ([]campaign.Job, error) { return decode(data, (*scanner).job) }

// decodeReports reads one report, or an array of reports, like decodeJobs.
func decodeReports(data []byte) ([]campaign.Report, error) { return decode(data, (*scanner).report) }

func decode[T any](data []byte, scan func(*scanner, *T)) ([]T, error) {
	if vs, ok := scanAll(data, scan); ok {
		return vs, nil
	}
	if data = bytes.TrimSpace(data); len(data) > 0 && data[0] == '[' {
		var vs []T
		err := json.Unmarshal(data, &vs)
		return vs, err
	}
	vs := make([]T, 1)
	err := json.Unmarshal(data, &vs[0])
	return vs, err
}

func scanAll[T any](data []byte, scan func(*scanner, *T)) (vs []T, ok bool) {
	s := scanner{rest: data}
	if len(data) > 0 && data[0] == '{' {
		vs = make([]T, 1)
		scan(&s, &vs[0])
		return vs, !s.failed && len(s.rest) == 0
	}
	s.expect('[')
	vs = make([]T, 0, 1+bytes.Count(data, []byte("},{")))
	for !s.failed {
		vs = append(vs, *new(T))
		scan(&s, &vs[len(vs)-1])
		if !s.more() {
			break
		}
	}
	s.expect(']')
	return vs, !s.failed && len(s.rest) == 0
}

func (s *scanner) job(j *campaign.Job) {
	s.expect('{')
	for !s.failed {
		switch string(s.key()) {
		case "kind":
			j.Kind = jobKind(s.text())
		case "campaign":
			j.Campaign = campaign.ID(s.id("cmp_"))
		case "attempt":
			j.Attempt = campaign.AttemptID(s.id(""))
		case "number":
			j.Number = int(s.number())
		case "provider":
			j.Provider = string(s.text())
		case "to":
			j.To = string(s.text())
		case "from":
			j.From = string(s.text())
		case "variables":
			j.Variables = s.object()
		case "not_after":
			j.NotAfter = s.time()
		case "provider_call_id":
			j.ProviderCallID = string(s.text())
		case "placing_at":
			j.PlacingAt = s.time()
		default:
			s.failed = true
		}
		if !s.more() {
			break
		}
	}
	s.expect('}')
}

func (s *scanner) report(r *campaign.Report) {
	s.expect('{')
	for !s.failed {
		switch string(s.key()) {
		case "kind":
			r.Kind = reportKind(s.text())
		case "campaign":
			r.Campaign = campaign.ID(s.id("cmp_"))
		case "attempt":
			r.Attempt = campaign.AttemptID(s.id(""))
		case "provider":
			r.Provider = string(s.text())
		case "provider_call_id":
			r.ProviderCallID = string(s.text())
		case "disposition":
			r.Disposition = campaign.Disposition(s.text())
		case "reason":
			r.Reason = string(s.text())
		case "detail":
			r.Detail = string(s.text())
		case "at":
			r.At = s.time()
		case "duration_ns":
			r.Duration = time.Duration(s.number())
		case "retry_after_ns":
			r.RetryAfter = time.Duration(s.number())
		default:
			s.failed = true
		}
		if !s.more() {
			break
		}
	}
	s.expect('}')
}

// jobKind and reportKind spare the copying of the words that are always the
// same.
func jobKind(b []byte) campaign.JobKind {
	switch string(b) {
	case string(campaign.JobPlace):
		return campaign.JobPlace
	case string(campaign.JobSettle):
		return campaign.JobSettle
	}
	return campaign.JobKind(b)
}

func reportKind(b []byte) campaign.ReportKind {
	switch string(b) {
	case string(campaign.ReportPlaced):
		return campaign.ReportPlaced
	case string(campaign.ReportEnded):
		return campaign.ReportEnded
	}
	return campaign.ReportKind(b)
}

// scanner reads JSON without spaces, escapes or surprises; at the first of
// those it has failed.
type scanner struct {
	rest   []byte
	failed bool
}

func (s *scanner) expect(c byte) {
	if len(s.rest) == 0 || s.rest[0] != c {
		s.failed = true
		return
	}
	s.rest = s.rest[1:]
}

// more steps over a comma, if there is one.
func (s *scanner) more() bool {
	if s.failed || len(s.rest) == 0 || s.rest[0] != ',' {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

func (s *scanner) key() []byte {
	k := s.text()
	s.expect(':')
	return k
}

// text is a string's inside: printable ASCII that needed no escape.
func (s *scanner) text() []byte {
	s.expect('"')
	for i, c := range s.rest {
		if c == '"' {
			t := s.rest[:i]
			s.rest = s.rest[i+1:]
			return t
		}
		if c < ' ' || c > '~' || c == '\\' {
			break
		}
	}
	s.failed = true
	return nil
}

func (s *scanner) number() int64 {
	i := 0
	for i < len(s.rest) && (s.rest[i] == '-' || s.rest[i]-'0' <= 9) {
		i++
	}
	n, err := strconv.ParseInt(string(s.rest[:i]), 10, 64)
	// One number, one spelling; others are left to encoding/json.
	if err != nil || i > 1 && (s.rest[0] == '0' || s.rest[0] == '-' && s.rest[1] == '0') {
		s.failed = true
		return 0
	}
	s.rest = s.rest[i:]
	return n
}

// id reads the public form of an id; zero, signs and leading zeros are none.
func (s *scanner) id(prefix string) int64 {
	digits, ok := bytes.CutPrefix(s.text(), []byte(prefix))
	if !ok || len(digits) == 0 || digits[0] < '1' || digits[0] > '9' {
		s.failed = true
		return 0
	}
	n, err := strconv.ParseInt(string(digits), 10, 64)
	if err != nil {
		s.failed = true
	}
	return n
}

func (s *scanner) time() (t time.Time) {
	if err := t.UnmarshalText(s.text()); err != nil {
		s.failed = true
	}
	return t
}

// object copies a JSON object.
func (s *scanner) object() json.RawMessage {
	n := objectLen(s.rest)
	if n == 0 || !json.Valid(s.rest[:n]) {
		s.failed = true
		return nil
	}
	v := bytes.Clone(s.rest[:n])
	s.rest = s.rest[n:]
	return v
}

// objectLen is the length of the object at the beginning of b, or 0.
func objectLen(b []byte) int {
	if len(b) == 0 || b[0] != '{' {
		return 0
	}
	depth, quoted := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return 0
}
