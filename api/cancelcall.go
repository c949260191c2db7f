package api

import (
	"context"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"dialtone/campaign"
)

// actionCancelCall has a campaign's owner cancel one of its calls.
const actionCancelCall = "cancel_call"

type cancelCallInput struct {
	ID string `path:"id" doc:"The call's id." example:"call_4711"`
	JSONBody
}

// cancelCallBody says to the owner which call is meant.
type cancelCallBody struct {
	Call campaign.CallID `json:"call"`
}

type canceledCallOutput struct {
	Status int
	Body   Call
}

func (a *API) cancelCallRoute() {
	register(a, huma.Operation{
		OperationID: "cancel-call", Method: http.MethodPost, Path: "/v1/calls/{id}/cancel",
		Summary: "Cancel a call",
		Description: "It is not dialled any more, and hung up if it is up: a single call, or one of a campaign. One that is over stays as it ended. " +
			"200 answers with a call that is over; 202 with one that is being hung up, or may be dialled at this moment and will be. When that has ended it is canceled, or completed, if it was completed first.",
		Tags: []string{"Calls"}, RequestBody: emptyBody(),
		Responses: map[string]*huma.Response{"202": {
			Description: "It will be canceled when its attempt has ended.",
			Content:     map[string]*huma.MediaType{"application/json": {Schema: a.schema(reflect.TypeFor[Call]())}},
		}},
		Errors: []int{400, 404, 415, 422}, RejectUnknownQueryParameters: true,
	}, a.cancelCall)
}

func (a *API) cancelCall(ctx context.Context, in *cancelCallInput) (*canceledCallOutput, error) {
	id, err := campaign.ParseCallID(in.ID)
	if err != nil {
		return nil, err
	}
	o, err := newObject(in.RawBody)
	if err != nil {
		return nil, err
	}
	if err := o.done(); err != nil {
		return nil, err
	}
	c, err := a.store.Call(ctx, id)
	if err != nil {
		return nil, err
	}
	if !c.Status.Terminal() { // else there is nothing to do, and nobody need be asked
		if c, err = a.askToCancel(ctx, c); err != nil {
			return nil, err
		}
	}
	out := &canceledCallOutput{Status: http.StatusOK, Body: showCall(c)}
	if !c.Status.Terminal() {
		out.Status = http.StatusAccepted
	}
	return out, nil
}

// askToCancel is the call as it stands once its campaign's owner has answered.
func (a *API) askToCancel(ctx context.Context, c campaign.Call) (campaign.Call, error) {
	asked, cancel := context.WithTimeout(ctx, commandPatience)
	defer cancel()
	if err := a.bus.Command(asked, c.CampaignID, actionCancelCall, cancelCallBody{c.ID}, nil); err != nil {
		return c, err
	}
	return a.store.Call(ctx, c.ID)
}
