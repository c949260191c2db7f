package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"dialtone/campaign"
	"dialtone/campaign/phone"
	"dialtone/store"
)

// Call is a call as the API shows it.
type Call struct {
	ID            string          `json:"id" example:"call_4711"`
	CampaignID    string          `json:"campaign_id" example:"cmp_1" doc:"The campaign; cmp_1 holds the single calls."`
	To            string          `json:"to" example:"+12125550147" doc:"The number in E.164."`
	From          string          `json:"from,omitempty" doc:"The call's own caller id, if it has one."`
	Provider      string          `json:"provider,omitempty" doc:"The only provider that may place it, if it names one; else those that its campaign allows."`
	Status        string          `json:"status" enum:"queued,in_progress,retry_wait,completed,failed,canceled"`
	Reason        string          `json:"reason,omitempty" doc:"Why a failed or canceled call ended so, in a word."`
	TimeZones     []string        `json:"time_zones,omitempty" example:"[\"America/New_York\"]" doc:"Where the number may be, as far as that is known."`
	Variables     json.RawMessage `json:"variables,omitempty" doc:"What the call's script was given."`
	Attempts      []Attempt       `json:"attempts" doc:"The attempts so far, oldest first."`
	NextAttemptAt time.Time       `json:"next_attempt_at,omitzero" doc:"When a call in retry_wait is due."`
	CreatedAt     time.Time       `json:"created_at"`
}

// Attempt is one time that a call was dialled.
type Attempt struct {
	Number         int       `json:"number" example:"1" doc:"Counted from 1."`
	Provider       string    `json:"provider" example:"mock"`
	ProviderCallID string    `json:"provider_call_id,omitempty" doc:"The provider's name for it."`
	State          string    `json:"state" enum:"placing,ambiguous,placed,ended"`
	Disposition    string    `json:"disposition,omitempty" enum:"completed,busy,no_answer,failed,canceled,rejected,lost" doc:"How it ended."`
	StartedAt      time.Time `json:"started_at"`
	EndedAt        time.Time `json:"ended_at,omitzero"`
	Duration       float64   `json:"duration_seconds" example:"12.5"`
	Detail         string    `json:"detail,omitempty" doc:"The provider's own word."`
}

func showCall(c campaign.Call) Call {
	out := Call{
		ID: c.ID.String(), CampaignID: c.CampaignID.String(), To: c.Phone, From: c.From, Provider: c.Provider, Status: string(c.Status), Reason: c.Reason,
		TimeZones: c.Zones.Names(), Variables: c.Variables, NextAttemptAt: c.NextAttemptAt.UTC(), CreatedAt: c.CreatedAt.UTC(),
		Attempts: make([]Attempt, len(c.History)),
	}
	for i, at := range c.History {
		out.Attempts[i] = Attempt{
			Number: at.Number, Provider: at.Provider, ProviderCallID: at.ProviderCallID, State: string(at.State),
			Disposition: string(at.Disposition), StartedAt: at.StartedAt.UTC(), EndedAt: at.EndedAt.UTC(),
			Duration: at.Duration.Seconds(), Detail: at.Detail,
		}
	}
	return out
}

// NewCall describes the body of POST /v1/calls.
type NewCall struct {
	To        string         `json:"to" example:"+12125550147" doc:"Whom to call. Without a country code it is read in the service's default region."`
	From      string         `json:"from,omitempty" doc:"The caller id; the service's own if absent."`
	Provider  string         `json:"provider,omitempty" example:"mock" doc:"The only provider that may place it: whatever prefixes, priorities and prices say, and whether or not cmp_1, the campaign of the single calls, allows it. If absent, those that cmp_1 allows, by its routing."`
	Variables map[string]any `json:"variables,omitempty" doc:"For the call's script; up to 4 KiB."`
}

type createCallInput struct {
	OnceHeader
	JSONBody
}

type createCallOutput struct {
	Replayed
	Location string `header:"Location" doc:"Where the call is found."`
	Body     Call
}

func (a *API) callRoutes() {
	register(a, huma.Operation{
		OperationID: "create-call", Method: http.MethodPost, Path: "/v1/calls", DefaultStatus: http.StatusAccepted,
		Summary:     "Place one call",
		Description: "The call is stored and dialled as soon as there is room. It is retried like the calls of a campaign, and never waits behind one.",
		Tags:        []string{"Calls"},
		RequestBody: body[NewCall](a, map[string]any{"to": "+12125550147", "variables": map[string]any{"name": "Ada"}}),
		Errors:      []int{400, 408, 409, 413, 415, 422},
	}, a.createCall)
	register(a, huma.Operation{
		OperationID: "get-call", Method: http.MethodGet, Path: "/v1/calls/{id}",
		Summary: "See a call and its attempts", Tags: []string{"Calls"}, Errors: []int{404},
	}, a.getCall)
	a.cancelCallRoute()
	register(a, huma.Operation{
		OperationID: "list-calls", Method: http.MethodGet, Path: "/v1/campaigns/{id}/calls",
		Summary: "List a campaign's calls", Description: "Oldest first, each with its attempts.",
		Tags: []string{"Campaigns", "Calls"}, Errors: []int{404, 422}, RejectUnknownQueryParameters: true,
	}, a.listCalls)
}

func (a *API) createCall(ctx context.Context, in *createCallInput) (*createCallOutput, error) {
	o, err := newObject(in.RawBody)
	if err != nil {
		return nil, err
	}
	if raw, given := o.fields["to"]; !given || null(raw) {
		o.fault("to", "Say whom to call, like \"+12125550147\".")
	}
	contact := campaign.Contact{Phone: o.number("to", a.cfg.DefaultRegion)}
	contact.Zones = phone.Zones(contact.Phone)
	from := o.number("from", a.cfg.DefaultRegion)
	contact.Variables = o.variables("variables")
	var by string
	if read(o, "provider", &by, "", "Give a provider's name in quotation marks.") {
		o.provider("provider", by, a.providerNames())
	}
	if err := o.done(); err != nil {
		return nil, err
	}
	once, before, err := a.once(ctx, "call", in.IdempotencyKey, in.RawBody)
	if err != nil {
		return nil, err
	}
	c, err := a.store.CreateCall(ctx, store.NewCall{Contact: contact, From: from, Provider: by}, once)
	if err != nil {
		return nil, err
	}
	a.bus.Poke(campaign.Single, actionRefresh)
	out := &createCallOutput{Location: "/v1/calls/" + c.ID.String(), Body: showCall(c)}
	out.mark(before)
	return out, nil
}

type getCallInput struct {
	ID string `path:"id" doc:"The call's id." example:"call_4711"`
}

type callOutput struct{ Body Call }

func (a *API) getCall(ctx context.Context, in *getCallInput) (*callOutput, error) {
	id, err := campaign.ParseCallID(in.ID)
	if err != nil {
		return nil, err
	}
	c, err := a.store.Call(ctx, id)
	if err != nil {
		return nil, err
	}
	return &callOutput{Body: showCall(c)}, nil
}

type listCallsInput struct {
	IDPath
	PageQuery
	Status string `query:"status" enum:"queued,in_progress,retry_wait,completed,failed,canceled" doc:"Only calls in this status."`
}

// CallPage is a page of calls.
type CallPage struct {
	Calls      []Call `json:"calls"`
	NextCursor string `json:"next_cursor,omitempty" doc:"The cursor of the next page; absent on the last."`
}

type callPageOutput struct{ Body CallPage }

func (a *API) listCalls(ctx context.Context, in *listCallsInput) (*callPageOutput, error) {
	id, err := campaign.ParseID(in.ID)
	if err != nil {
		return nil, err
	}
	after, err := readCursor(in.Cursor, campaign.ParseCallID)
	if err != nil {
		return nil, err
	}
	if _, err := a.store.Campaign(ctx, id); err != nil {
		return nil, err
	}
	found, err := a.store.ListCalls(ctx, store.CallQuery{
		Campaign: id, Status: campaign.CallStatus(in.Status), After: after, Limit: in.Limit + 1,
	})
	if err != nil {
		return nil, err
	}
	found, next := cut(found, in.Limit, func(c campaign.Call) string { return c.ID.String() })
	page := CallPage{Calls: make([]Call, len(found)), NextCursor: next}
	for i, c := range found {
		page.Calls[i] = showCall(c)
	}
	return &callPageOutput{Body: page}, nil
}
