package mockdialer

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
)

// problem is an error in the dialect's notation.
type problem struct {
	status  int
	code    int
	message string
}

func (p *problem) Error() string { return fmt.Sprintf("%d: %s", p.code, p.message) }

// errBusy says that every channel is taken.
var errBusy = &problem{http.StatusTooManyRequests, 10004, "Call concurrency limit exceeded: every channel is taken"}

// The problems that name nothing of the request.
var (
	errUnauthorized = &problem{http.StatusUnauthorized, 20003, "Authentication Error - invalid username or password"}
	errCrowded      = &problem{http.StatusTooManyRequests, 20429, "Too Many Requests: too many are under way at once"}
	errMethod       = &problem{http.StatusMethodNotAllowed, 20004, "Method not allowed"}
	errNoTo         = &problem{http.StatusBadRequest, 21201, "No 'To' number is specified"}
	errNoFrom       = &problem{http.StatusBadRequest, 21213, "No 'From' number is specified"}
	errNoScript     = &problem{http.StatusBadRequest, 21205, "Url parameter is required: give Url or Twiml"}
	errOver         = &problem{http.StatusBadRequest, 21220, "Call is not in-progress. Cannot redirect or end it."}
	errBody         = &problem{http.StatusBadRequest, 20001, "The body is not form-encoded, or longer than 64 KiB"}
)

func notFound(path string) *problem {
	return &problem{http.StatusNotFound, 20404, "The requested resource " + path + " was not found"}
}

// invalid is a parameter's fault.
func invalid(code int, format string, args ...any) *problem {
	return &problem{http.StatusBadRequest, code, fmt.Sprintf(format, args...)}
}

// magic are the numbers that the dialect keeps for provoking errors.
var magic = map[string]*problem{
	"+15005550001": invalid(21211, "The phone number you are attempting to call, +15005550001, is not valid."),
	"+15005550002": invalid(21214, "'To' phone number cannot be reached"),
	"+15005550003": invalid(21215, "Account not authorized to call +15005550003. Perhaps you need to enable some international permissions."),
	"+15005550004": invalid(21216, "Account not allowed to call +15005550004"),
}

var (
	jsonType   = []string{"application/json"}
	ndjsonType = []string{"application/x-ndjson"}
)

// fail answers with an error; one that is no problem is the server's fault.
func (s *Server) fail(w http.ResponseWriter, err error) {
	var p *problem
	if !errors.As(err, &p) {
		s.config.Logger.Error("a request failed", "error", err)
		p = &problem{http.StatusInternalServerError, codeInternal, "An internal server error has occurred"}
	}
	if p.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Basic realm="Twilio API"`)
	}
	b := appendInt(nil, `{"code":`, int64(p.code))
	b = appendField(b, `,"message":`, p.message)
	b = appendField(b, `,"more_info":`, "https://www.twilio.com/docs/errors/"+strconv.Itoa(p.code))
	b = appendInt(b, `,"status":`, int64(p.status))
	answer(w, p.status, append(b, '}'))
}

// answer writes JSON.
func answer(w http.ResponseWriter, status int, body []byte) {
	w.Header()["Content-Type"] = jsonType
	w.WriteHeader(status)
	_, _ = w.Write(body) // whoever hung up is not told
}

// codeOf is the dialect's code of an error.
func codeOf(err error) int {
	var p *problem
	if errors.As(err, &p) {
		return p.code
	}
	return codeInternal
}

const codeInternal = 20500
