package mockdialer

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // The dialect signs with HMAC-SHA1.
	"encoding/base64"
	"hash"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// job is one callback that is to be delivered.
type job struct {
	call     *call // only what never changes of it is read
	index    uint32
	event    events
	status   Status
	sequence uint8
	attempt  uint8 // retries so far
	placed   bool  // the faults have had their say
	forged   bool
	at       int64 // of the event
	seconds  int64 // how long the call was answered
}

// Signature is what the dialect's X-Twilio-Signature carries: the base64 of the
// HMAC-SHA1, with the account's token, of the URL and of each POST parameter,
// sorted by name, its name and value run together.  The values of a repeated
// parameter are sorted, each taken once.
func Signature(token, target string, params url.Values) string {
	var b strings.Builder
	b.WriteString(target)
	for _, name := range slices.Sorted(maps.Keys(params)) {
		for _, v := range slices.Compact(slices.Sorted(slices.Values(params[name]))) {
			b.WriteString(name)
			b.WriteString(v)
		}
	}
	return string(newSigner(token).appendTo(nil, []byte(b.String())))
}

// signer signs for one goroutine.
type signer struct {
	mac hash.Hash
	sum [sha1.Size]byte
}

func newSigner(token string) *signer {
	return &signer{mac: hmac.New(sha1.New, []byte(token))}
}

// appendTo appends the signature of a text.
func (s *signer) appendTo(b, text []byte) []byte {
	s.mac.Reset()
	_, _ = s.mac.Write(text) // a hash's Write never fails
	return base64.StdEncoding.AppendEncode(b, s.mac.Sum(s.sum[:0]))
}

// writer renders callbacks into buffers that it keeps.  One goroutine uses it.
type writer struct {
	key     uint64
	account string
	signer  *signer
	forger  *signer // signs with another token

	form    []byte
	signed  []byte
	request []byte
}

// name appends a parameter's name to the form and to what is signed.  Parameters
// must come in the order of their names.
func (w *writer) name(name string) {
	if len(w.form) > 0 {
		w.form = append(w.form, '&')
	}
	w.form = append(w.form, name...)
	w.form = append(w.form, '=')
	w.signed = append(w.signed, name...)
}

// plain appends a parameter whose value needs no escaping.
func (w *writer) plain(name, value string) {
	w.name(name)
	w.form = append(w.form, value...)
	w.signed = append(w.signed, value...)
}

// text appends a parameter with any value.
func (w *writer) text(name, value string) {
	w.name(name)
	w.form = appendEscaped(w.form, value)
	w.signed = append(w.signed, value...)
}

// integer appends a parameter with a number.
func (w *writer) integer(name string, n int64) {
	w.name(name)
	w.form = strconv.AppendInt(w.form, n, 10)
	w.signed = strconv.AppendInt(w.signed, n, 10)
}

// sid appends a parameter with a call's id.
func (w *writer) sid(name string, index uint32) {
	w.name(name)
	w.form = appendSid(w.form, w.key, index)
	w.signed = appendSid(w.signed, w.key, index)
}

// params renders a callback's parameters.
func (w *writer) params(j *job) {
	w.form = w.form[:0]
	last := j.event == eventCompleted
	w.plain("AccountSid", w.account)
	if j.call.detect && (j.status == InProgress || j.status == Completed) {
		w.plain("AnsweredBy", "human")
	}
	w.plain("ApiVersion", "2010-04-01")
	if last {
		w.integer("CallDuration", j.seconds)
	}
	w.sid("CallSid", j.index)
	w.plain("CallStatus", callbackStatus(j.status))
	w.plain("CallbackSource", "call-progress-events")
	w.plain("Direction", "outbound-api")
	w.text("From", j.call.from)
	w.integer("SequenceNumber", int64(j.sequence))
	if code := sipCodes[j.status]; last && code != "" {
		w.plain("SipResponseCode", code)
	}
	w.text("Timestamp", dialectTime(j.at))
	w.text("To", j.call.to)
}

// sipCodes are the trunk's last words on a call (RFC 3261): busy here, temporarily
// unavailable, service unavailable; a canceled request is terminated.  The dialect
// sends them "sometimes"; the mock dialer with every end, whoever made it.
var sipCodes = [statusCount + 1]string{
	Completed: "200", Busy: "486", NoAnswer: "480", Failed: "503", Canceled: "487",
}

// render writes the whole request of a callback; it is valid until the next.  The
// idempotency token is the event's: every attempt and every repetition of a callback
// has the same, by which a receiver knows them.
func (w *writer) render(j *job, t target) []byte {
	w.signed = append(w.signed[:0], j.call.callback...)
	base := len(w.signed)
	w.params(j)
	b := w.request[:0]
	if j.call.byGet {
		// A GET has its parameters in the URL, which is signed whole.
		w.signed = append(w.signed[:base], t.separator())
		w.signed = append(w.signed, w.form...)
		b = append(append(b, "GET "...), t.path...)
		b = append(append(b, t.separator()), w.form...)
	} else {
		b = append(append(b, "POST "...), t.path...)
	}
	b = append(append(b, " HTTP/1.1\r\nHost: "...), t.host...)
	b = append(b, "\r\nUser-Agent: TwilioProxy/1.1\r\nAccept: */*\r\nX-Twilio-Signature: "...)
	if j.forged {
		b = w.forger.appendTo(b, w.signed)
	} else {
		b = w.signer.appendTo(b, w.signed)
	}
	b = append(b, "\r\nI-Twilio-Idempotency-Token: "...)
	b = appendHex(b, mix(mix(w.key+uint64(j.index))+uint64(j.event)))
	if t.user != "" {
		b = append(append(b, "\r\nAuthorization: Basic "...), t.user...)
	}
	if !j.call.byGet {
		b = append(b, "\r\nContent-Type: application/x-www-form-urlencoded"...)
		b = appendInt(b, "\r\nContent-Length: ", int64(len(w.form)))
		b = append(append(b, "\r\n\r\n"...), w.form...)
	} else {
		b = append(b, "\r\n\r\n"...)
	}
	w.request = b
	return b
}

const upperDigits = "0123456789ABCDEF"

// appendEscaped is url.QueryEscape into a buffer.
func appendEscaped(b []byte, s string) []byte {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.', c == '~':
			b = append(b, c)
		case c == ' ':
			b = append(b, '+')
		default:
			b = append(b, '%', upperDigits[c>>4], upperDigits[c&15])
		}
	}
	return b
}
