package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// actionRefresh tells a campaign's owner to look into the store: there are new
// calls or other settings.
const actionRefresh = "refresh"

// commandPatience is how long a campaign's owner may take to answer.  A pause
// waits for the calls that are just being placed.
const commandPatience = 10 * time.Second

// actions are the commands that people give, with what they do.
var actions = []struct{ name, summary, description string }{
	{"start", "Start a campaign", "It dials its contacts from now on, and those that are added later. \"From now on\" is when its schedule allows it: before its start_at it stays pending and begins by itself when that has come; " +
		"outside its hours it is in progress and waits (see waiting_reason and waiting_until). After its end_at it can't start any more. The answer has warnings where numbers can't be called. Starting a started one changes nothing."},
	{"pause", "Pause a campaign", "Once this has answered, no further number is dialled; calls that are up go on."},
	{"resume", "Resume a paused campaign", "It goes on where it was paused, when its schedule allows it. After its end_at it closes what is left as failed: give the schedule a later end_at first. The answer has warnings where numbers can't be called."},
	{"cancel", "Cancel a campaign", "Once this has answered, no further number is dialled, ever; calls that are up go on, or, with hangup=true, are hung up, as are those that are just being placed. A canceled one can be canceled again to hang up what is still up."},
}

type lifecycleInput struct {
	IDPath
	JSONBody
}

type cancelInput struct {
	IDPath
	JSONBody
	HangUp bool `query:"hangup" doc:"Whether to hang up the calls that are up."`
}

// cancelBody is what the campaign's owner is told with a cancel.
type cancelBody struct {
	HangUp bool `json:"hangup"`
}

func (a *API) lifecycleRoutes() {
	for _, action := range actions {
		op := huma.Operation{
			OperationID: action.name + "-campaign", Method: http.MethodPost, Path: "/v1/campaigns/{id}/" + action.name,
			Summary: action.summary, Description: action.description, Tags: []string{"Campaigns"}, RequestBody: emptyBody(),
			Errors: []int{400, 404, 409, 415, 422}, RejectUnknownQueryParameters: true,
		}
		if action.name == "cancel" {
			register(a, op, a.cancel)
			continue
		}
		register(a, op, func(ctx context.Context, in *lifecycleInput) (*campaignOutput, error) {
			return a.command(ctx, in, action.name, nil)
		})
	}
}

// emptyBody describes a request that says all by its address.
func emptyBody() *huma.RequestBody {
	return &huma.RequestBody{Description: "Nothing, or an empty object.", Content: map[string]*huma.MediaType{
		"application/json": {Schema: &huma.Schema{Type: huma.TypeObject}},
	}}
}

func (a *API) cancel(ctx context.Context, in *cancelInput) (*campaignOutput, error) {
	of := &lifecycleInput{in.IDPath, in.JSONBody}
	if !in.HangUp {
		return a.command(ctx, of, "cancel", nil)
	}
	return a.command(ctx, of, "cancel", cancelBody{HangUp: true})
}

// command has the campaign's owner do something; body is what it is told with it.
func (a *API) command(ctx context.Context, in *lifecycleInput, action string, body any) (*campaignOutput, error) {
	id, err := ordinary(in.ID)
	if err != nil {
		return nil, err
	}
	o, err := newObject(in.RawBody)
	if err != nil {
		return nil, err
	}
	if action == "cancel" {
		o.refuse("hangup", "Give it in the address: /v1/campaigns/%v/cancel?hangup=true.", id)
	}
	if err := o.done(); err != nil {
		return nil, err
	}
	// An unknown campaign has no owner, and must not be waited for.
	if _, err := a.store.Campaign(ctx, id); err != nil {
		return nil, err
	}
	asked, cancel := context.WithTimeout(ctx, commandPatience)
	defer cancel()
	if err := a.bus.Command(asked, id, action, body, nil); err != nil {
		return nil, err
	}
	if action == "start" || action == "resume" {
		return a.lookWithWarnings(ctx, id) // from here on it matters whom it can't call
	}
	return a.look(ctx, id)
}
