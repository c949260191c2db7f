package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"dialtone/campaign"
)

// forecastPatience is how long the leader may reckon.
const forecastPatience = 10 * time.Second

// Forecast is when a campaign will be through, as far as can be told.
type Forecast struct {
	Campaign   string          `json:"campaign" example:"cmp_42"`
	ComputedAt time.Time       `json:"computed_at" doc:"What it goes by was as of then."`
	Runs       int             `json:"runs" example:"20" doc:"How often what is ahead was played through."`
	Strategy   string          `json:"strategy" example:"fair" doc:"The strategy in force, by which it was."`
	Remaining  int             `json:"remaining" example:"4200" doc:"Calls that have not ended for good: to be placed, up, or waiting for a retry."`
	Finishes   bool            `json:"finishes" doc:"Whether it will be through as far ahead as was looked."`
	Finish     *ForecastFinish `json:"finish,omitempty" doc:"When; absent if it does not finish as far ahead as was looked."`
	Reason     string          `json:"reason,omitempty" doc:"Why it does not finish, in a sentence."`
	Deadline   time.Time       `json:"deadline,omitzero" doc:"By when it should be done: its deadline or its schedule's end_at, whichever is earlier."`
	// MeetsDeadline is nil where there is no deadline.
	MeetsDeadline *float64          `json:"meets_deadline_probability,omitempty" example:"0.85" doc:"In how many of the runs it was, from 0 to 1; absent without a deadline."`
	Closing       []ForecastClosing `json:"closing" doc:"The numbers whose windows close first, soonest first."`
}

// ForecastFinish is when a campaign will be through.
type ForecastFinish struct {
	Earliest time.Time `json:"earliest" doc:"A tenth of the runs was earlier."`
	Expected time.Time `json:"expected" doc:"The middle of the runs."`
	Latest   time.Time `json:"latest" doc:"A tenth of the runs was later."`
}

// ForecastClosing is the numbers that have the same hours.
type ForecastClosing struct {
	TimeZone     string         `json:"time_zone" example:"America/New_York" doc:"Where they are."`
	ClosesAt     time.Time      `json:"closes_at" doc:"When their window closes."`
	Numbers      int            `json:"numbers" example:"310" doc:"How many are still to be called."`
	ExpectedLeft float64        `json:"expected_left" example:"12.5" doc:"How many of them the runs had not dialled when it closes, on average."`
	Examples     []ForecastCall `json:"examples" doc:"Some of them."`
}

// ForecastCall is a call that waits.
type ForecastCall struct {
	Call string `json:"call" example:"call_7"`
	To   string `json:"to" example:"+12125550147"`
}

// forecastQuery is what the leader is asked.
type forecastQuery struct {
	Campaign campaign.ID `json:"campaign"`
}

type forecastOutput struct{ Body Forecast }

func (a *API) forecastRoute() {
	register(a, huma.Operation{
		OperationID: "forecast-campaign", Method: http.MethodGet, Path: "/v1/campaigns/{id}/forecast", Tags: []string{"Campaigns"},
		Summary: "See when a campaign will be through",
		Description: "Plays through what is ahead, with the strategy, the capacity and the other campaigns as they are now, and tells when the campaign will be through, " +
			"how likely that is before its deadline, and which numbers' windows close first. It takes up to ten seconds. On NATS: scheduler.forecast.",
		Errors: []int{404, 409},
	}, a.forecast)
}

func (a *API) forecast(ctx context.Context, in *IDPath) (*forecastOutput, error) {
	id, err := campaign.ParseID(in.ID)
	if err != nil {
		return nil, err
	}
	// The leader knows only the campaigns that want something.
	c, err := a.store.Campaign(ctx, id)
	switch {
	case err != nil:
		return nil, err
	case c.Status.Ended():
		return nil, campaign.Conflict("%v has ended (%s), so that there is nothing ahead of it.", id, c.Status)
	}
	ctx, cancel := context.WithTimeout(ctx, forecastPatience)
	defer cancel()
	out := &forecastOutput{}
	if err := a.bus.AskOnce(ctx, askForecast, forecastQuery{Campaign: id}, &out.Body); err != nil {
		return nil, err
	}
	out.Body.Closing = list(out.Body.Closing)
	for i := range out.Body.Closing {
		out.Body.Closing[i].Examples = list(out.Body.Closing[i].Examples)
	}
	return out, nil
}
