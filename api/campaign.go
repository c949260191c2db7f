package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"dialtone/campaign"
	"dialtone/store"
)

// Campaign is a campaign as the API shows it.
type Campaign struct {
	ID                 string    `json:"id" example:"cmp_42"`
	Name               string    `json:"name" example:"Spring reminder"`
	Status             string    `json:"status" enum:"pending,in_progress,paused,completed,failed,canceled"`
	WaitingReason      string    `json:"waiting_reason,omitempty" enum:"outside_hours,start_ahead,expired" doc:"Why a started campaign dials nobody at this moment, where its schedule is the reason."`
	WaitingUntil       time.Time `json:"waiting_until,omitzero" doc:"When its schedule lets it dial; absent where that is never."`
	From               string    `json:"from,omitempty" doc:"The caller id; the service's own if absent."`
	DefaultRegion      string    `json:"default_region,omitempty" example:"US" doc:"The country of numbers written without their country code."`
	DefaultTimeZone    string    `json:"default_time_zone,omitempty" example:"America/New_York" doc:"The time zone of numbers of which none is known; it also decides the day of their max_attempts_per_day."`
	Schedule           Schedule  `json:"schedule" doc:"When calls are placed; an empty one is always."`
	MaxConcurrentCalls int       `json:"max_concurrent_calls" example:"10" doc:"How many calls may be up at once."`
	Weight             float64   `json:"weight" example:"1" doc:"The campaign's part in the shared capacity, relative to others."`
	Priority           int       `json:"priority" example:"5" doc:"How urgent it is, from 1, the most urgent, to 10."`
	Deadline           time.Time `json:"deadline,omitzero" example:"2026-12-31T22:00:00Z" doc:"By when it should be done; the schedule's end_at is a deadline too, and the earlier counts."`
	Group              string    `json:"group,omitempty" example:"team-a" doc:"The team or customer with which it shares."`
	Retry              Retry     `json:"retry"`

	Providers    []ProviderChoice  `json:"providers,omitempty" doc:"The providers that may place its calls; all, if absent."`
	Routing      string            `json:"routing" enum:"priority,least_cost" doc:"Which of them is preferred."`
	FromByPrefix map[string]string `json:"from_by_prefix,omitempty" doc:"The caller id for numbers that begin with a prefix."`

	Stats     campaign.Stats `json:"stats" doc:"Calls by status; total is the sum of queued, in_progress, retry_wait, completed, failed and canceled at every moment."`
	Progress  float64        `json:"progress" example:"0.25" doc:"The share of calls that are over, from 0 to 1."`
	Warnings  []string       `json:"warnings,omitempty" doc:"What is allowed and most likely not meant: a schedule that can never open, or not before the deadline, numbers that it never lets be called, a time zone without windows. Told when the campaign is created, changed, started or resumed."`
	CreatedAt time.Time      `json:"created_at"`
	UpdatedAt time.Time      `json:"updated_at"`
	StartedAt time.Time      `json:"started_at,omitzero"`
	EndedAt   time.Time      `json:"ended_at,omitzero"`
}

// show is a campaign as the API shows it, with what holds it back now.
func (a *API) show(ctx context.Context, c campaign.Campaign) (Campaign, error) {
	reason, until, err := a.waiting(ctx, c)
	if err != nil {
		return Campaign{}, err
	}
	return Campaign{
		ID: c.ID.String(), Name: c.Name, Status: string(c.Status), WaitingReason: string(reason), WaitingUntil: until.UTC(),
		From: c.From, DefaultRegion: c.DefaultRegion, DefaultTimeZone: c.DefaultTimeZone, Schedule: showSchedule(c.Schedule),
		MaxConcurrentCalls: c.MaxConcurrentCalls, Weight: c.Weight, Priority: c.Priority, Deadline: c.Deadline.UTC(), Group: c.Group,
		Providers: showChoices(c.Routing.Providers), Routing: showRouting(c.Routing), FromByPrefix: c.Routing.FromByPrefix,
		Retry: showRetry(c.Retry), Stats: c.Stats, Progress: progress(c),
		CreatedAt: c.CreatedAt.UTC(), UpdatedAt: c.UpdatedAt.UTC(), StartedAt: c.StartedAt.UTC(), EndedAt: c.EndedAt.UTC(),
	}, nil
}

// showWithWarnings is for whoever just made or changed it.
func (a *API) showWithWarnings(ctx context.Context, c campaign.Campaign) (Campaign, error) {
	out, err := a.show(ctx, c)
	if err == nil {
		out.Warnings, err = a.warnings(ctx, c)
	}
	return out, err
}

// progress of a campaign without calls is that of its status.
func progress(c campaign.Campaign) float64 {
	if c.Stats.Total > 0 {
		return float64(c.Stats.Total-c.Stats.Open()) / float64(c.Stats.Total)
	}
	if c.Status.Ended() {
		return 1
	}
	return 0
}

type campaignOutput struct{ Body Campaign }

func (a *API) campaignRoutes() {
	a.createCampaignRoute()
	register(a, huma.Operation{
		OperationID: "list-campaigns", Method: http.MethodGet, Path: "/v1/campaigns",
		Summary: "List campaigns", Description: "Newest first.", Tags: []string{"Campaigns"}, Errors: []int{422},
		RejectUnknownQueryParameters: true,
	}, a.listCampaigns)
	register(a, huma.Operation{
		OperationID: "get-campaign", Method: http.MethodGet, Path: "/v1/campaigns/{id}",
		Summary: "See a campaign", Tags: []string{"Campaigns"}, Errors: []int{404},
	}, a.getCampaign)
	register(a, huma.Operation{
		OperationID: "get-campaign-stats", Method: http.MethodGet, Path: "/v1/campaigns/{id}/stats",
		Summary: "See a campaign's statistics", Tags: []string{"Campaigns"}, Errors: []int{404},
	}, a.getStats)
	register(a, huma.Operation{
		OperationID: "update-campaign", Method: http.MethodPatch, Path: "/v1/campaigns/{id}",
		Summary: "Change a campaign's settings",
		Description: "A JSON merge patch: what is absent stays, null resets to the default. A running campaign takes the change at once. " +
			"A schedule is one value and replaced as a whole. Where it can never open, not before the deadline, or not for some of the numbers, the answer has warnings.",
		Tags: []string{"Campaigns"}, Errors: []int{400, 404, 408, 409, 413, 415, 422},
		RequestBody: body[CampaignSettings](a, map[string]any{"max_concurrent_calls": 25}, "application/merge-patch+json"),
	}, a.updateCampaign)
	register(a, huma.Operation{
		OperationID: "delete-campaign", Method: http.MethodDelete, Path: "/v1/campaigns/{id}",
		Summary: "Delete a campaign with its calls", Description: "Only one that was never started or has ended. One that is to start at its start_at is to be canceled first.",
		Tags: []string{"Campaigns"}, Errors: []int{404, 409},
	}, a.deleteCampaign)
}

func (a *API) getCampaign(ctx context.Context, in *IDPath) (*campaignOutput, error) {
	id, err := campaign.ParseID(in.ID)
	if err != nil {
		return nil, err
	}
	return a.look(ctx, id)
}

// look is a campaign as the store has it now.
func (a *API) look(ctx context.Context, id campaign.ID) (*campaignOutput, error) {
	c, err := a.store.Campaign(ctx, id)
	if err != nil {
		return nil, err
	}
	out := &campaignOutput{}
	out.Body, err = a.show(ctx, c)
	return out, err
}

func (a *API) lookWithWarnings(ctx context.Context, id campaign.ID) (*campaignOutput, error) {
	c, err := a.store.Campaign(ctx, id)
	if err != nil {
		return nil, err
	}
	out := &campaignOutput{}
	out.Body, err = a.showWithWarnings(ctx, c)
	return out, err
}

type statsOutput struct{ Body campaign.Stats }

func (a *API) getStats(ctx context.Context, in *IDPath) (*statsOutput, error) {
	id, err := campaign.ParseID(in.ID)
	if err != nil {
		return nil, err
	}
	c, err := a.store.Campaign(ctx, id)
	if err != nil {
		return nil, err
	}
	return &statsOutput{Body: c.Stats}, nil
}

type listCampaignsInput struct {
	PageQuery
	Status string `query:"status" enum:"pending,in_progress,paused,completed,failed,canceled" doc:"Only campaigns in this status."`
}

// CampaignPage is a page of campaigns.
type CampaignPage struct {
	Campaigns  []Campaign `json:"campaigns"`
	NextCursor string     `json:"next_cursor,omitempty" doc:"The cursor of the next page; absent on the last."`
}

type campaignPageOutput struct{ Body CampaignPage }

func (a *API) listCampaigns(ctx context.Context, in *listCampaignsInput) (*campaignPageOutput, error) {
	before, err := readCursor(in.Cursor, campaign.ParseID)
	if err != nil {
		return nil, err
	}
	found, err := a.store.ListCampaigns(ctx, store.CampaignQuery{Status: campaign.Status(in.Status), Before: before, Limit: in.Limit + 1})
	if err != nil {
		return nil, err
	}
	found, next := cut(found, in.Limit, func(c campaign.Campaign) string { return c.ID.String() })
	page := CampaignPage{Campaigns: make([]Campaign, len(found)), NextCursor: next}
	for i, c := range found {
		if page.Campaigns[i], err = a.show(ctx, c); err != nil {
			return nil, err
		}
	}
	return &campaignPageOutput{Body: page}, nil
}

func (a *API) deleteCampaign(ctx context.Context, in *IDPath) (*struct{}, error) {
	id, err := ordinary(in.ID)
	if err != nil {
		return nil, err
	}
	return nil, a.store.DeleteCampaign(ctx, id)
}

// ordinary reads the id of a campaign that somebody created: the standing one
// can't be started, stopped, filled or deleted.
func ordinary(text string) (campaign.ID, error) {
	id, err := campaign.ParseID(text)
	if err == nil && id == campaign.Single {
		err = campaign.Conflict("%v is the standing campaign of the single calls, which always runs; make a campaign of your own with POST /v1/campaigns.", id)
	}
	return id, err
}
