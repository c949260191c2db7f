package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"dialtone/campaign"
	"dialtone/provider"
	"dialtone/store"
)

// The codes that only HTTP knows, beside those of package campaign.
const (
	codeMalformed    campaign.Code = "malformed"
	codeUnauthorized campaign.Code = "unauthorized"
	codeForbidden    campaign.Code = "forbidden"
	codeMethod       campaign.Code = "method_not_allowed"
	codeTimeout      campaign.Code = "timeout"
	codeTooLarge     campaign.Code = "too_large"
	codeMediaType    campaign.Code = "unsupported_media_type"
)

// statuses is the one table from what is wrong to the status that says so.
var statuses = map[campaign.Code]int{
	codeMalformed:            http.StatusBadRequest,
	codeUnauthorized:         http.StatusUnauthorized,
	codeForbidden:            http.StatusForbidden,
	campaign.CodeNotFound:    http.StatusNotFound,
	codeMethod:               http.StatusMethodNotAllowed,
	codeTimeout:              http.StatusRequestTimeout,
	campaign.CodeConflict:    http.StatusConflict,
	codeTooLarge:             http.StatusRequestEntityTooLarge,
	codeMediaType:            http.StatusUnsupportedMediaType,
	campaign.CodeInvalid:     http.StatusUnprocessableEntity,
	campaign.CodeInternal:    http.StatusInternalServerError,
	campaign.CodeUnavailable: http.StatusServiceUnavailable,
}

// problemType is the media type of RFC 9457.
const problemType = "application/problem+json"

// Problem is the answer to every request that did not succeed: problem details as
// in RFC 9457, with a code for programs and the single faults for people.
type Problem struct {
	Type   string        `json:"type" example:"about:blank" doc:"Always about:blank: the status and the code say what kind of problem it is."`
	Title  string        `json:"title" example:"Unprocessable Entity" doc:"The status in words."`
	Status int           `json:"status" example:"422" doc:"The HTTP status."`
	Code   campaign.Code `json:"code" example:"invalid" doc:"What kind of problem it is, for programs."`
	Detail string        `json:"detail" example:"max_concurrent_calls: Give a limit from 1 to 100000, not 0." doc:"What is wrong and what to do."`
	Errors []Fault       `json:"errors,omitempty" doc:"Every single fault of the request."`
	// RequestID finds the request in the service's log.
	RequestID string `json:"request_id,omitempty" example:"K3MZ7Q2W5T" doc:"Names this request in the service's log."`

	headers http.Header
}

// Fault is one thing that is wrong with a request.
type Fault struct {
	Location string `json:"location,omitempty" example:"body" doc:"The part of the request: body, query, path or header."`
	Field    string `json:"field,omitempty" example:"max_concurrent_calls" doc:"The field in it."`
	Message  string `json:"message" example:"Give a limit from 1 to 100000, not 0." doc:"What is wrong and what to do."`
}

// newProblem is a problem with one sentence.
func newProblem(code campaign.Code, format string, args ...any) *Problem {
	status := statuses[code]
	p := &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Code: code, Detail: fmt.Sprintf(format, args...)}
	if status == http.StatusServiceUnavailable {
		p.with("Retry-After", "1")
	}
	return p
}

// faulty is a problem that lists faults.
func faulty(code campaign.Code, faults []Fault) *Problem {
	p := newProblem(code, "%s", faults[0].text())
	if len(faults) > 1 {
		p.Detail = fmt.Sprintf("%s (and %d more, see errors)", faults[0].text(), len(faults)-1)
	}
	p.Errors = faults
	return p
}

func (f Fault) text() string {
	if f.Field == "" {
		return f.Message
	}
	return f.Field + ": " + f.Message
}

// with adds a header to the answer.
func (p *Problem) with(header, value string) *Problem {
	if p.headers == nil {
		p.headers = http.Header{}
	}
	p.headers.Set(header, value)
	return p
}

// Error, GetStatus, GetHeaders and ContentType are what huma asks of an error.
func (p *Problem) Error() string { return p.Detail }

// GetStatus is the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders are the headers that the answer carries.
func (p *Problem) GetHeaders() http.Header { return p.headers }

// ContentType is problem+json instead of json.
func (p *Problem) ContentType(string) string { return problemType }

// write sends the problem from a plain handler.
func (p *Problem) write(w http.ResponseWriter) { p.writeBody(w, p) }

// writeBody sends the problem with members of its own kind: body embeds it.
func (p *Problem) writeBody(w http.ResponseWriter, body any) {
	h := w.Header()
	for name, values := range p.headers {
		h[name] = values
	}
	h.Set("Content-Type", problemType)
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(body) // the client is gone
}

// problem translates what went wrong.  What is our fault is logged, and the
// client learns no more than the request's id.
func (a *API) problem(ctx context.Context, err error) *Problem {
	p := translate(err)
	p.RequestID = visitOf(ctx).id
	if p.Code == campaign.CodeInternal {
		a.log.Error("a request failed", "request_id", p.RequestID, "error", err)
		p.Detail = fmt.Sprintf("Something went wrong here, which is not the request's fault; tell whoever runs this service the request id %s.", p.RequestID)
		p.Errors = nil
	}
	return p
}

// fail answers with the problem of err.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	a.problem(r.Context(), err).write(w)
}

// translate finds the problem inside an error.
func translate(err error) *Problem {
	var p *Problem
	var many campaign.Errors
	var one *campaign.Error
	var size *http.MaxBytesError
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &many) && len(many) > 0:
		return fromFaults(many)
	case errors.As(err, &one):
		return fromFaults(campaign.Errors{one})
	case errors.As(err, &size):
		return newProblem(codeTooLarge, "The body is over the limit of %s; send it in smaller parts.", bytesText(size.Limit))
	case errors.Is(err, provider.ErrSignature):
		return newProblem(codeForbidden, "The signature does not fit; check the provider's token and that callback_base_url is the address the provider calls.")
	case store.Transient(err):
		return newProblem(campaign.CodeUnavailable, "The database does not answer at the moment; try again.")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return newProblem(campaign.CodeUnavailable, "The answer took too long; look at what became of it and try again.")
	}
	return newProblem(campaign.CodeInternal, "%v", err)
}

// fromFaults keeps the single faults where there is a field to name.
func fromFaults(es campaign.Errors) *Problem {
	code := es[0].Code
	if _, ok := statuses[code]; !ok {
		code = campaign.CodeInternal
	}
	if len(es) == 1 && es[0].Field == "" {
		return newProblem(code, "%s", es[0].Message)
	}
	faults := make([]Fault, len(es))
	for i, e := range es {
		faults[i] = Fault{Location: "body", Field: e.Field, Message: e.Message}
	}
	return faulty(code, faults)
}

// bytesText writes a size as people do.
func bytesText(n int64) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10 && n%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}

// listed writes "a, b or c".
func listed(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
