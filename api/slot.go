package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"dialtone/campaign"
)

// Slots is who holds which slot.
type Slots struct {
	Total int    `json:"total" example:"120" doc:"How many are in use, by the campaign that was asked for or by all; the list may be shorter."`
	Slots []Slot `json:"slots" doc:"The oldest first."`
}

// Slot is one dial token in use, and what it is used for.
type Slot struct {
	Token      string    `json:"token" doc:"Names the token."`
	Campaign   string    `json:"campaign" example:"cmp_42"`
	Call       string    `json:"call,omitempty" example:"call_7" doc:"The call that it is used for; absent as long as none is known."`
	To         string    `json:"to,omitempty" example:"+12125550147" doc:"The number that is called; absent as long as none is known."`
	Attempt    string    `json:"attempt,omitempty" doc:"Names the attempt, as it stands in the provider's callback addresses; absent as long as none is known."`
	Provider   string    `json:"provider" example:"mock"`
	Node       string    `json:"node" doc:"Who holds it."`
	Since      time.Time `json:"since" doc:"When it was granted, or when this leader heard of it."`
	AgeSeconds float64   `json:"age_seconds" example:"12.5" doc:"How long ago that was."`
	Evidence   string    `json:"evidence" enum:"granted,placing,ambiguous,placed" example:"placed" doc:"What is known of its call: granted is a token for which nothing was asked of the provider yet; placing is a call of which the provider is being asked, or has been; ambiguous is one that the provider was asked for, and whether it dialled is being settled; placed is one that the provider has."`
}

type slotsInput struct {
	Campaign string `query:"campaign" example:"cmp_42" doc:"Only the slots of this campaign."`
	Limit    int    `query:"limit" minimum:"1" maximum:"10000" default:"1000" doc:"How many at most."`
}

// slotsQuery is what the leader is asked.
type slotsQuery struct {
	Campaign string `json:"campaign,omitempty"`
	Limit    int    `json:"limit"`
}

type slotsOutput struct{ Body Slots }

func (a *API) slotRoute() {
	register(a, huma.Operation{
		OperationID: "get-scheduler-slots", Method: http.MethodGet, Path: "/v1/scheduler/slots", Tags: []string{"Scheduler"},
		Summary:                      "See who holds which slot, and since when",
		Description:                  "Every dial token that is in use: for which call of which campaign, held by which node, at which provider, for how long, and what is known of the call. On NATS: scheduler.slots.",
		RejectUnknownQueryParameters: true, Errors: []int{422},
	}, a.slots)
}

func (a *API) slots(ctx context.Context, in *slotsInput) (*slotsOutput, error) {
	if in.Campaign != "" {
		if _, err := campaign.ParseID(in.Campaign); err != nil {
			return nil, faulty(campaign.CodeInvalid, []Fault{{
				Location: "query", Field: "campaign", Message: "Give the id of a campaign, like cmp_42, or leave it out for all.",
			}})
		}
	}
	out := &slotsOutput{}
	if err := a.ask(ctx, askSlots, slotsQuery{Campaign: in.Campaign, Limit: in.Limit}, &out.Body); err != nil {
		return nil, err
	}
	out.Body.Slots = list(out.Body.Slots)
	return out, nil
}
