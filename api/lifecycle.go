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
	{"cancel", "Cancel a campaign", "Once this has answered, no further number is dialled, ever; calls that are up go on."},
}

type lifecycleInput struct {
	IDPath
	JSONBody
}

func (a *API) lifecycleRoutes() {
	for _, action := range actions {
		register(a, huma.Operation{
			OperationID: action.name + "-campaign", Method: http.MethodPost, Path: "/v1/campaigns/{id}/" + action.name,
			Summary: action.summary, Description: action.description, Tags: []string{"Campaigns"},
			RequestBody: &huma.RequestBody{Description: "Nothing, or an empty object.", Content: map[string]*huma.MediaType{
				"application/json": {Schema: &huma.Schema{Type: huma.TypeObject}},
			}},
			Errors: []int{400, 404, 409, 415, 422}, RejectUnknownQueryParameters: true,
		}, func(ctx context.Context, in *lifecycleInput) (*campaignOutput, error) {
			return a.command(ctx, in, action.name)
		})
	}
}

func (a *API) command(ctx context.Context, in *lifecycleInput, action string) (*campaignOutput, error) {
	id, err := ordinary(in.ID)
	if err != nil {
		return nil, err
	}
	o, err := newObject(in.RawBody)
	if err != nil {
		return nil, err
	}
	if action == "cancel" {
		o.refuse("hangup", "%s", advice["query.hangup"])
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
	if err := a.bus.Command(asked, id, action, nil, nil); err != nil {
		return nil, err
	}
	if action == "start" || action == "resume" {
		return a.lookWithWarnings(ctx, id) // from here on it matters whom it can't call
	}
	return a.look(ctx, id)
}
