package mockdialer

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"unicode/utf8"
)

// maxBody bounds a request's body, in bytes; a Twiml of 4,000 characters fits.
const maxBody = 64 << 10

// createForm is the body of a create request.  Its slices are the body's own.
type createForm struct {
	to, from, method []byte
	callback         string
	script           bool // there is a Url or a Twiml
	events           events
	detect           bool
	problem          *problem // of a field that is not kept
}

// readBody reads a request's body into a buffer that is used again.
func readBody(r *http.Request, buffer []byte) ([]byte, error) {
	if r.ContentLength > maxBody {
		return buffer, errBody
	}
	if n := int(r.ContentLength); n >= 0 {
		if cap(buffer) < n {
			buffer = make([]byte, 0, max(n, 2<<10))
		}
		_, err := io.ReadFull(r.Body, buffer[:n])
		return buffer[:n], err
	}
	out := bytes.NewBuffer(buffer[:0])
	n, err := out.ReadFrom(io.LimitReader(r.Body, maxBody+1))
	if err == nil && n > maxBody {
		err = errBody
	}
	return out.Bytes(), err
}

// errEscape is a percent sign without two digits.
var errEscape = errors.New("bad escape")

// unescape decodes in place: what it decodes never gets longer.
func unescape(b []byte) ([]byte, error) {
	first := bytes.IndexAny(b, "%+")
	if first < 0 {
		return b, nil
	}
	out := b[:first]
	for i := first; i < len(b); i++ {
		c := b[i]
		switch {
		case c == '+':
			c = ' '
		case c == '%' && i+2 < len(b) && hexValue(b[i+1]) >= 0 && hexValue(b[i+2]) >= 0:
			c = byte(hexValue(b[i+1])<<4 | hexValue(b[i+2]))
			i += 2
		case c == '%':
			return nil, errEscape
		}
		out = append(out, c)
	}
	return out, nil
}

// parse reads the fields; those that the mock dialer does nothing with are
// passed over without being decoded.
func (f *createForm) parse(body []byte) error {
	for len(body) > 0 {
		var pair []byte
		pair, body, _ = bytes.Cut(body, []byte{'&'})
		name, value, _ := bytes.Cut(pair, []byte{'='})
		name, err := unescape(name)
		if err != nil {
			return errBody
		}
		if !f.reads(name) {
			continue
		}
		if value, err = unescape(value); err != nil {
			return errBody
		}
		f.set(name, value)
	}
	return nil
}

func (f *createForm) reads(name []byte) bool {
	switch string(name) {
	case "To", "From", "Url", "Twiml", "StatusCallback", "StatusCallbackMethod", "StatusCallbackEvent", "Timeout", "MachineDetection":
		return true
	}
	return false
}

// maxTwiml is the dialect's bound, in characters.
const maxTwiml = 4000

func (f *createForm) set(name, value []byte) {
	switch string(name) {
	case "To":
		f.to = value
	case "From":
		f.from = value
	case "Url":
		f.script = f.script || len(value) > 0
		if len(value) > 0 && !validTarget(string(value)) {
			f.problem = invalid(21205, "Url is not a valid URL: %s", value)
		}
	case "Twiml":
		f.script = f.script || len(value) > 0
		if len(value) > maxTwiml && utf8.RuneCount(value) > maxTwiml {
			f.problem = invalid(20001, "Twiml has more than %d characters", maxTwiml)
		}
	case "StatusCallback":
		f.callback = string(value)
	case "StatusCallbackMethod":
		f.method = value
	case "StatusCallbackEvent":
		f.event(value)
	case "Timeout":
		if !validTimeout(value) {
			f.problem = invalid(20001, "Timeout must be a whole number of seconds from 1 to 600, not %q", value)
		}
	case "MachineDetection":
		f.detect = len(value) > 0
	}
}

// event takes one value of StatusCallbackEvent.  Several in one value, joined by
// spaces, are refused: the dialect takes them for one unknown event.
func (f *createForm) event(value []byte) {
	switch string(value) {
	case "initiated":
		f.events |= eventInitiated
	case "ringing":
		f.events |= eventRinging
	case "answered":
		f.events |= eventAnswered
	case "completed":
		f.events |= eventCompleted
	default:
		f.problem = invalid(21626, "Invalid StatusCallbackEvent: %q; repeat the parameter for each of initiated, ringing, answered, completed", value)
	}
}

func validTimeout(b []byte) bool {
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' || n > 600 {
			return false
		}
		n = n*10 + int(c-'0')
	}
	return n >= 1 && n <= 600
}

// The lengths of a number in the form +15550100, the plus sign included.
const (
	minNumber = 8
	maxNumber = 16
)

// validNumber reports whether a text looks like an E.164 number.
func validNumber(b []byte) bool {
	if len(b) < minNumber || len(b) > maxNumber || b[0] != '+' || b[1] == '0' {
		return false
	}
	for _, c := range b[1:] {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// check is the first fault of a create request, in the dialect's order.
func (f *createForm) check() error {
	switch {
	case len(f.to) == 0:
		return errNoTo
	case len(f.from) == 0:
		return errNoFrom
	case !f.script:
		return errNoScript
	case !validNumber(f.to):
		return invalid(21211, "The phone number you are attempting to call, %s, is not valid.", f.to)
	case !validNumber(f.from) || string(f.from) == "+15005550001":
		return invalid(21212, "The source phone number provided, %s, is not a valid caller id.", f.from)
	case f.problem != nil:
		return f.problem
	case len(f.callback) > 0 && !validTarget(f.callback):
		return invalid(21609, "Invalid 'StatusCallback' URL: %s", f.callback)
	case len(f.method) > 0 && string(f.method) != http.MethodPost && string(f.method) != http.MethodGet:
		return invalid(21403, "Invalid StatusCallbackMethod: %q; take POST or GET", f.method)
	}
	if p := magic[string(f.to)]; p != nil {
		return p
	}
	return nil
}

// call is what the form asks for, without what create fills in.
func (f *createForm) call() call {
	c := call{detect: f.detect}
	if len(f.callback) > 0 {
		c.callback = f.callback
		c.byGet = string(f.method) == http.MethodGet
		if c.wanted = f.events; c.wanted == 0 {
			c.wanted = eventCompleted
		}
	}
	return c
}
