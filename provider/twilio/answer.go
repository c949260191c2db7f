package twilio

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"dialtone/provider"
)

// patience is how long a request that begins now may take: the configured time, or what
// whoever asks gives it, if that is less.
func (p *Provider) patience(ctx context.Context) time.Duration {
	end, bounded := ctx.Deadline()
	if !bounded {
		return p.timeout
	}
	given, unit := time.Until(end), time.Millisecond
	if given >= time.Second {
		unit = 100 * time.Millisecond // what passed on the way here is no news
	}
	return min(p.timeout, max(0, given.Round(unit)))
}

// noAnswer is the fault of a create request that got no whole answer in the time that
// it had.
func noAnswer(sent bool, err error, patience time.Duration) *provider.PlaceError {
	e := &provider.PlaceError{Fault: provider.Unreachable, Err: err, Detail: err.Error()}
	if sent {
		e.Fault, e.Unanswered = provider.Ambiguous, true
	}
	var ne net.Error
	late := errors.As(err, &ne) && ne.Timeout() // context.DeadlineExceeded is one too
	switch {
	case late && sent:
		e.Detail = fmt.Sprintf("no answer within %v", patience)
	case late:
		e.Detail = fmt.Sprintf("no connection within %v", patience)
	case errors.Is(err, context.Canceled) && sent:
		e.Detail = "given up while waiting for the answer"
	case errors.Is(err, context.Canceled):
		e.Detail = "given up before there was a connection"
	}
	return e
}

// placement reads the answer to a create request.  Every error is a *PlaceError.
func (a answer) placement() (provider.Placement, error) {
	fault := provider.Ambiguous
	switch {
	case a.status/100 == 2:
		if placed, ok := a.placed(); ok {
			return placed, nil
		}
		return provider.Placement{}, &provider.PlaceError{Fault: fault, Detail: a.note("an answer without a call's id: " + a.excerpt())}
	case a.status == http.StatusMovedPermanently, a.status == http.StatusTemporaryRedirect, a.status == http.StatusPermanentRedirect:
		// These three say: not here, ask there. 302 and 303 may also mean: done, look there.
		return provider.Placement{}, &provider.PlaceError{Fault: provider.Barred, Detail: a.note("redirected; correct the base URL")}
	case a.status/100 == 4 && a.status != http.StatusRequestTimeout:
		fault = faultOf(a.status, a.problem().Code)
	}
	e := &provider.PlaceError{Fault: fault, Detail: a.word()}
	e.Unanswered = a.status == http.StatusGatewayTimeout // somebody says so who stands before the provider
	if fault == provider.Throttled || fault == provider.Full {
		e.RetryAfter = retryAfter(a.header, time.Now())
	}
	return provider.Placement{}, e
}

// placed is the placement that a 2xx answer tells of, if it does.
func (a answer) placed() (provider.Placement, bool) {
	var c struct {
		Sid         string `json:"sid"`
		DateCreated string `json:"date_created"`
	}
	// Unmarshal checks the syntax of the whole before it sets anything: an id that
	// was read is good, whatever else in the answer is of another type.
	_ = json.Unmarshal(a.body.Bytes(), &c)
	if !goodSid(c.Sid) {
		return provider.Placement{}, false
	}
	return provider.Placement{ProviderCallID: c.Sid, At: parseTime(c.DateCreated)}, true
}

// problem is the body of an error.
type problem struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// problem is the zero problem where the body is none.
func (a answer) problem() problem {
	var p problem
	if err := json.Unmarshal(a.body.Bytes(), &p); err != nil {
		return problem{}
	}
	return p
}

// word is the provider's word on an error, for people: "21211: Invalid 'To'".
func (a answer) word() string {
	if p := a.problem(); p.Code != 0 {
		return cut(fmt.Sprintf("%d: %s", p.Code, p.Message))
	}
	return a.note(a.excerpt())
}

// note puts the status before a text.
func (a answer) note(text string) string {
	return strings.TrimSpace(fmt.Sprintf("HTTP %d %s", a.status, text))
}

// refusal is the error of a request that is not a create.
func (a answer) refusal() error {
	if a.status == http.StatusNotFound && a.problem().Code == codeNotFound {
		return provider.ErrUnknownCall
	}
	return fmt.Errorf("HTTP %d: %s", a.status, a.word())
}

// limitDetail bounds what is kept of the provider's words, in bytes.
const limitDetail = 200

// excerpt is the body's beginning, on one line.
func (a answer) excerpt() string {
	b := a.body.Bytes()
	return cut(strings.Join(strings.Fields(string(b[:min(len(b), 2*limitDetail)])), " "))
}

func cut(s string) string {
	if len(s) > limitDetail {
		s = s[:limitDetail] + "…"
	}
	return strings.ToValidUTF8(s, "")
}

// limitRetryAfter bounds the patience that a provider can ask for.
const limitRetryAfter = time.Hour

// retryAfter reads the header of that name, in seconds or as a date, as RFC 9110
// has it; 0 if there is none that can be read.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, limitRetryAfter)
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), limitRetryAfter)
}
