package api

import (
	"context"
	"io"
	"mime"
	"net/http"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"

	"dialtone/campaign"
	"dialtone/provider"
	"dialtone/store"
)

const (
	callbackPath = "/callbacks/{provider}/{campaign}/{attempt}"
	// maxCallback bounds a callback's body; real ones have less than a kilobyte.
	maxCallback = 64 << 10
	// publishPatience is how long the bus may take; providers give up after 15 s.
	publishPatience = 5 * time.Second
)

// callback takes in what a provider tells about an attempt, and answers once the
// bus has it.  Told twice or out of order, it is handed on all the same: the
// campaign's owner knows.
func (a *API) callback(w http.ResponseWriter, r *http.Request) {
	report, err := a.readCallback(r)
	if err == nil && a.known.unknown(r.Context(), store.AttemptRef{Campaign: report.Campaign, Attempt: report.Attempt}) {
		err = campaign.NotFound("There is no attempt %v in %v; check the address that is called back.", report.Attempt, report.Campaign)
	}
	if err == nil {
		ctx, cancel := context.WithTimeout(r.Context(), publishPatience)
		err = notTaken(a.bus.PublishReport(ctx, report))
		cancel()
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// notTaken makes every fault of the bus one that is worth a repetition.
func notTaken(err error) error {
	if err == nil || campaign.CodeOf(err) == campaign.CodeUnavailable {
		return err
	}
	return newProblem(campaign.CodeUnavailable, "The callback could not be stored; send it again.")
}

// readCallback verifies a callback and translates it.
func (a *API) readCallback(r *http.Request) (report campaign.Report, err error) {
	name := chi.URLParam(r, "provider")
	p, ok := a.providers[name]
	if !ok {
		return report, campaign.NotFound("There is no provider %q; check the address that is called back.", name)
	}
	if report.Campaign, err = campaign.ParseID(chi.URLParam(r, "campaign")); err != nil {
		return report, err
	}
	if report.Attempt, err = campaign.ParseAttemptID(chi.URLParam(r, "attempt")); err != nil {
		return report, err
	}
	form, err := readForm(r)
	if err != nil {
		return report, err
	}
	call, err := p.Callbacks.ParseCallback(r, a.cfg.PublicURL+r.URL.RequestURI(), form)
	if err != nil {
		return report, err
	}
	fill(&report, name, call)
	return report, nil
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
