package api

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"

	"dialtone/campaign"
	"dialtone/provider"
	"dialtone/store"
)

const (
	callbackRoot = "/callbacks/"
	callbackPath = callbackRoot + "{provider}/{campaign}/{attempt}"
	// maxCallback bounds a callback's body; real ones have less than a kilobyte.
	maxCallback = 64 << 10
	// publishPatience is how long the bus may take; providers give up after 15 s.
	publishPatience = 5 * time.Second
)

// callback takes in what a provider tells about an attempt, and answers once the
// bus has it.  What was told before is answered at once; out of order, it is handed on
// all the same: the campaign's owner knows.
func (a *API) callback(w http.ResponseWriter, r *http.Request) {
	report, event, err := a.readCallback(r)
	switch {
	case err != nil:
	case event != "" && a.seen.has(event):
		a.metrics.repeated.Inc()
	default:
		if err = a.hand(r.Context(), report); err == nil && event != "" {
			a.seen.add(event, a.now())
		}
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// hand passes a report on, and asks meanwhile whether there is such an attempt: neither
// waits for the other, since providers are to be answered soon.  A report of one that
// there is not is dropped by the campaign's owner; who sent it learns of it here.
func (a *API) hand(ctx context.Context, report campaign.Report) error {
	ctx, cancel := context.WithTimeout(ctx, publishPatience)
	defer cancel()
	unknown := make(chan bool, 1)
	go func() {
		unknown <- a.known.unknown(ctx, store.AttemptRef{Campaign: report.Campaign, Attempt: report.Attempt})
	}()
	err := a.bus.PublishReport(ctx, report)
	if <-unknown {
		return campaign.NotFound("There is no attempt %v in %v; check the address that is called back.", report.Attempt, report.Campaign)
	}
	return notTaken(err)
}

// notTaken makes every fault of the bus one that is worth a repetition.
func notTaken(err error) error {
	if err == nil || campaign.CodeOf(err) == campaign.CodeUnavailable {
		return err
	}
	return newProblem(campaign.CodeUnavailable, "The callback could not be stored; send it again.")
}

// readCallback verifies a callback and translates it.  The event is what names it among
// all callbacks, or "".
func (a *API) readCallback(r *http.Request) (report campaign.Report, event string, err error) {
	name := chi.URLParam(r, "provider")
	p := a.providers.Lookup(name)
	if p == nil {
		return report, "", campaign.NotFound("There is no provider %q; check the address that is called back.", name)
	}
	if report.Campaign, err = campaign.ParseID(chi.URLParam(r, "campaign")); err != nil {
		return report, "", err
	}
	if report.Attempt, err = campaign.ParseAttemptID(chi.URLParam(r, "attempt")); err != nil {
		return report, "", err
	}
	form, err := readForm(r)
	if err != nil {
		return report, "", err
	}
	call, err := a.parse(p, r, form)
	if err != nil {
		return report, "", err
	}
	fill(&report, name, call)
	if call.Event != "" {
		event = name + "/" + report.Attempt.String() + "/" + call.Event
	}
	return report, event, nil
}

// parse has the provider verify and read a callback, which was signed for the address
// at which we are called back, or were when the call was placed.
func (a *API) parse(p provider.Provider, r *http.Request, form url.Values) (call provider.Call, err error) {
	err = provider.ErrSignature
	for _, base := range a.providers.CallbackBaseURLs() {
		if call, err = p.ParseCallback(r, base+r.URL.RequestURI(), form); !errors.Is(err, provider.ErrSignature) {
			return call, err
		}
	}
	return call, err
}

// underBase takes the path of the address at which we are called back off a callback
// that still has it: a proxy before us may take it off, or leave it.
func (a *API) underBase(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if at := strings.Index(r.URL.Path, callbackRoot); at > 0 && a.isBase(r.URL.Path[:at]) {
			http.StripPrefix(r.URL.Path[:at], next).ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (a *API) isBase(path string) bool {
	return slices.ContainsFunc(a.providers.CallbackBaseURLs(), func(base string) bool {
		u, err := url.Parse(base)
		return err == nil && u.Path == path
	})
}

// fill takes over what the provider says.
func fill(report *campaign.Report, name string, call provider.Call) {
	report.Kind = campaign.ReportPlaced
	report.Provider = name
	report.ProviderCallID = call.ProviderCallID
	report.Detail = call.Detail
	report.At = call.CreatedAt
	if call.Ended {
		report.Kind = campaign.ReportEnded
		report.Disposition = call.Disposition
		report.Duration = call.Duration
		report.At = call.EndedAt
	}
	if report.At.IsZero() {
		report.At = time.Now()
	}
	report.At = report.At.UTC()
}

// readForm reads a form from the body alone: the query is part of the address that
// was signed.
func readForm(r *http.Request) (url.Values, error) {
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if media != "application/x-www-form-urlencoded" {
		return nil, newProblem(codeMediaType, "A callback of the type %q can't be read; send application/x-www-form-urlencoded.", media)
	}
	if r.ContentLength > maxCallback {
		return nil, &http.MaxBytesError{Limit: maxCallback}
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxCallback+1))
	switch {
	case err != nil:
		return nil, newProblem(codeMalformed, "The body broke off; send it again.")
	case len(body) > maxCallback:
		return nil, &http.MaxBytesError{Limit: maxCallback}
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, newProblem(codeMalformed, "The body is not a form (%v); correct it and send it again.", err)
	}
	return form, nil
}

func (a *API) describeCallback() {
	text := &huma.Schema{Type: huma.TypeString}
	var params []*huma.Param
	for _, name := range []string{"provider", "campaign", "attempt"} {
		params = append(params, &huma.Param{Name: name, In: "path", Required: true, Schema: text})
	}
	a.describe(&huma.Operation{
		OperationID: "callback", Method: http.MethodPost, Path: callbackPath, Tags: []string{"Providers"},
		Summary: "Where a provider tells what becomes of a call",
		Description: "The address is given to the provider with each call. It is let in by the provider's signature alone. " +
			"Telling the same twice, or in another order, is harmless.",
		Parameters: params, Security: []map[string][]string{},
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
			"application/x-www-form-urlencoded": {Schema: &huma.Schema{Type: huma.TypeObject, AdditionalProperties: text}},
		}},
		Responses: map[string]*huma.Response{"204": {Description: "The service has it, safely."}},
		Errors:    []int{400, 403, 404, 413, 415, 422, 503},
	})
}
