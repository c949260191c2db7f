package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"

	"dialtone/api/ingest"
	"dialtone/campaign"
)

const contactsPath = "/v1/campaigns/{id}/contacts"

// UploadProblem is the answer to an upload that could not be taken in: what is wrong,
// and, where the database failed in the middle, what was stored before.
type UploadProblem struct {
	Problem
	Line   int            `json:"line,omitempty" doc:"The line of the file that is at fault."`
	Result *ingest.Result `json:"result,omitempty" doc:"What was stored before; nothing, where the file or its transfer is at fault."`
}

// upload reads contacts as they arrive, so that a file is never whole in memory, and
// stores them once it has been read without a fault.
// Whatever can be refused without the body is refused before it is read.
func (a *API) upload(w http.ResponseWriter, r *http.Request) {
	c, format, err := a.mayUpload(r)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	control := http.NewResponseController(w)
	body := &patientBody{r: http.MaxBytesReader(w, r.Body, a.cfg.MaxUpload), control: control}
	sink := func(ctx context.Context, batch []ingest.Contact) (int, error) {
		added, err := a.store.AddContacts(ctx, c.ID, batch)
		if added > 0 {
			a.bus.Poke(c.ID, actionRefresh)
		}
		return added, err
	}
	options := ingest.Options{DefaultRegion: c.DefaultRegion, Zones: a.zoning(c.Settings, nil).zones}
	result, err := ingest.Read(r.Context(), body, format, options, sink)
	_ = control.SetWriteDeadline(time.Now().Add(writeTimeout)) // it may have passed while reading
	if err != nil {
		a.failUpload(w, r, uploadError(err, body.failed), result)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(result)
}

// mayUpload is all that is known without the body.
func (a *API) mayUpload(r *http.Request) (c campaign.Campaign, format ingest.Format, err error) {
	id, err := ordinary(chi.URLParam(r, "id"))
	if err != nil {
		return c, 0, err
	}
	if format, err = ingest.FormatOf(r.Header.Get("Content-Type")); err != nil {
		return c, 0, newProblem(codeMediaType, "%s", err)
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return c, 0, newProblem(codeMediaType, "A body with the encoding %q can't be read; send it uncompressed.", encoding)
	}
	if r.ContentLength > a.cfg.MaxUpload {
		return c, 0, &http.MaxBytesError{Limit: a.cfg.MaxUpload}
	}
	if c, err = a.store.Campaign(r.Context(), id); err != nil {
		return c, 0, err
	}
	if c.Status.Ended() {
		return c, 0, campaign.Conflict("%v is %s and takes no more contacts; make a new campaign for them.", id, c.Status)
	}
	return c, format, nil
}

// uploadError finds the cause: what the body itself said goes before what was made
// of it.
func uploadError(err, body error) error {
	var size *http.MaxBytesError
	switch {
	case errors.As(body, &size):
		return size
	case errors.Is(body, os.ErrDeadlineExceeded):
		return newProblem(codeTimeout, "Nothing arrived for %v; nothing of the file was taken, send it again.", readTimeout)
	case body != nil:
		return newProblem(codeMalformed, "The body broke off; nothing of the file was taken, send it again.")
	}
	return err
}

func (a *API) failUpload(w http.ResponseWriter, r *http.Request, err error, result ingest.Result) {
	line := 0
	var file *ingest.FileError
	if errors.As(err, &file) {
		line = file.Line
		err = &campaign.Error{Code: campaign.CodeInvalid, Message: file.Error()}
	}
	p := a.problem(r.Context(), err)
	p.writeBody(w, UploadProblem{Problem: *p, Line: line, Result: &result})
}

// patientBody lets a body take as long as it wants while something arrives, and
// remembers its own error.
type patientBody struct {
	r       io.Reader
	control *http.ResponseController
	moved   time.Time
	failed  error
}

func (b *patientBody) Read(p []byte) (int, error) {
	// Moving a deadline is a lock and a timer, too much for every few kilobytes.
	if now := time.Now(); now.Sub(b.moved) > time.Second {
		_ = b.control.SetReadDeadline(now.Add(readTimeout))
		b.moved = now
	}
	n, err := b.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		b.failed = err
	}
	return n, err
}

func (a *API) describeUpload() {
	object := a.schema(reflect.TypeFor[NewContact]())
	text := &huma.Schema{Type: huma.TypeString}
	list := &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{OneOf: []*huma.Schema{object, text}}}
	op := &huma.Operation{
		OperationID: "add-contacts", Method: http.MethodPost, Path: contactsPath, Tags: []string{"Campaigns"}, Security: security,
		Summary: "Add contacts to a campaign",
		Description: "Streams a file of any length. CSV needs a header row with a column phone; a column time_zone, if there is one, says where " +
			"the contact is (an IANA name; where it is empty, the time zones follow from the number), and the other columns become variables. " +
			"A column called nearly so, like timezone, is refused. A contact keeps the time zone with which it came first. " +
			"In JSON, a contact's time_zone stands beside its phone. Under a schedule by the contact's clock, numbers whose time zones are " +
			"unknown or never in its hours at once are refused until they get a time_zone. " +
			"Numbers the campaign has already are counted as duplicates, so sending a file again is harmless. Rows that can't be " +
			"used are reported with line, value and reason (the first 1,000 of them) and the others are taken. A file that is broken " +
			"as a whole, or breaks off, is refused, and nothing of it is taken.",
		Parameters: []*huma.Param{idParam()},
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
			"text/csv":             {Schema: text, Example: "phone,time_zone,name\n+12125550147,America/New_York,Ada\n"},
			"application/x-ndjson": {Schema: text, Example: "{\"phone\":\"+12125550147\",\"variables\":{\"name\":\"Ada\"}}\n"},
			"application/json":     {Schema: list, Example: []any{"+12125550147", map[string]any{"phone": "+12125550148", "time_zone": "America/New_York"}}},
		}},
		Responses: map[string]*huma.Response{"200": {
			Description: "What became of the rows.",
			Content:     map[string]*huma.MediaType{"application/json": {Schema: a.schema(reflect.TypeFor[ingest.Result]())}},
		}},
		Errors: append([]int{400, 404, 408, 409, 413, 415, 422}, everyError...),
	}
	a.describe(op)
	broken := map[string]*huma.MediaType{problemType: {Schema: a.schema(reflect.TypeFor[UploadProblem]())}}
	for _, status := range []string{"400", "408", "413", "422"} {
		op.Responses[status].Content = broken
	}
}

func idParam() *huma.Param {
	return &huma.Param{
		Name: "id", In: "path", Required: true, Description: "The campaign's id.", Example: "cmp_42",
		Schema: &huma.Schema{Type: huma.TypeString},
	}
}
