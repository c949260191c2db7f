package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"dialtone/campaign"
)

// actionExplain asks a campaign's owner what holds it back.
const actionExplain = "explain"

// explainPatience is how long an owner may take to explain, which waits for nothing.
const explainPatience = 5 * time.Second

// Explanation is what holds something back at this moment.
type Explanation struct {
	Rule       string    `json:"rule" enum:"none,not_started,start_ahead,paused,ended,expired,outside_hours,limit_reached,retry_not_due,day_cap,no_route,provider_trouble,waiting_for_token,provider_unavailable,no_contacts_left,in_progress,queued_behind" example:"outside_hours" doc:"What holds back the next dial, for programs."`
	Message    string    `json:"message" example:"The schedule is closed until 2026-12-01T14:00:00Z." doc:"The rule in a sentence, with its figures."`
	NextDialAt time.Time `json:"next_dial_at,omitzero" example:"2026-12-01T14:00:00Z" doc:"The earliest time of the next dial; absent where that can't be said, or is never."`
}

// CampaignExplanation is what holds a campaign back, with what it was concluded from.
type CampaignExplanation struct {
	CampaignID string `json:"campaign_id" example:"cmp_42"`
	Status     string `json:"status" enum:"pending,in_progress,paused,completed,failed,canceled" example:"in_progress"`
	Explanation
	InFlight           int            `json:"in_flight" example:"7" doc:"Calls claimed, being placed, or up."`
	MaxConcurrentCalls int            `json:"max_concurrent_calls" example:"10" doc:"How many there may be."`
	DueRetries         int            `json:"due_retries" example:"3" doc:"Retries that could be dialled now."`
	Stats              campaign.Stats `json:"stats"`
	Zones              []ZoneHours    `json:"zones,omitempty" doc:"The parts of the campaign that have hours of their own: one for each set of time zones, or a single one."`
}

// ZoneHours is how the hours of some numbers stand.
type ZoneHours struct {
	TimeZones []string  `json:"time_zones,omitempty" example:"[\"America/New_York\"]" doc:"Where the numbers may be."`
	Open      bool      `json:"open" example:"true" doc:"Whether they can be called now."`
	ChangesAt time.Time `json:"changes_at,omitzero" example:"2026-12-01T22:00:00Z" doc:"When an open one closes, which is two seconds before its window ends, as a request has to reach the provider in its hours; or when a closed one opens. Absent for never."`
	Done      bool      `json:"done" example:"false" doc:"Whether none of them is left to be dialled, as far as is known."`
}

type (
	campaignExplanationOutput struct{ Body CampaignExplanation }
	callExplanationOutput     struct{ Body CallExplanation }
)

func (a *API) explainRoutes() {
	register(a, huma.Operation{
		OperationID: "explain-campaign", Method: http.MethodGet, Path: "/v1/campaigns/{id}/explain",
		Summary: "See what holds a campaign back", Description: "The rule by which it does not dial at this moment, and when it can next. Its owner is asked, who alone knows; where calls wait for their turn, the scheduler as well, whether any provider takes them. On NATS: campaign.<id>.explain, which answers without that.",
		Tags: []string{"Campaigns"}, Errors: []int{404},
	}, a.explainCampaign)
	register(a, huma.Operation{
		OperationID: "explain-call", Method: http.MethodGet, Path: "/v1/calls/{id}/explain",
		Summary: "See what holds a call back", Description: "The rule by which it is not dialled at this moment, and when it can next be.",
		Tags: []string{"Calls"}, Errors: []int{404},
	}, a.explainCall)
}

func (a *API) explainCampaign(ctx context.Context, in *IDPath) (*campaignExplanationOutput, error) {
	id, err := campaign.ParseID(in.ID)
	if err != nil {
		return nil, err
	}
	// An unknown campaign has no owner, and must not be waited for.
	c, err := a.store.Campaign(ctx, id)
	if err != nil {
		return nil, err
	}
	e, err := a.askOwner(ctx, id, nil)
	if err != nil {
		return nil, err
	}
	e.Explanation = a.unlessUnavailable(ctx, e.Explanation, a.allowedBy(&c))
	return &campaignExplanationOutput{Body: showExplained(e)}, nil
}

// explainBody asks about a call that waits.
type explainBody struct {
	To       string `json:"to"`
	Provider string `json:"provider,omitempty"`
}

// askOwner is what a campaign's owner says holds it back, or, with a body, a call of it.
func (a *API) askOwner(ctx context.Context, id campaign.ID, about any) (e campaign.CampaignExplanation, err error) {
	ctx, cancel := context.WithTimeout(ctx, explainPatience)
	defer cancel()
	return e, a.bus.Command(ctx, id, actionExplain, about, &e)
}

func showExplained(e campaign.CampaignExplanation) CampaignExplanation {
	out := CampaignExplanation{
		CampaignID: e.CampaignID.String(), Status: string(e.Status), Explanation: showRule(e.Explanation),
		InFlight: e.InFlight, MaxConcurrentCalls: e.MaxConcurrentCalls, DueRetries: e.DueRetries, Stats: e.Stats,
	}
	for _, z := range e.Zones {
		out.Zones = append(out.Zones, ZoneHours{TimeZones: z.TimeZones, Open: z.Open, ChangesAt: z.ChangesAt.UTC(), Done: z.Done})
	}
	return out
}

func showRule(e campaign.Explanation) Explanation {
	return Explanation{Rule: string(e.Rule), Message: e.Message, NextDialAt: e.NextDialAt.UTC()}
}
