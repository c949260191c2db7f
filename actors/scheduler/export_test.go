package scheduler

import (
	"context"
	"encoding/json"
	"time"

	"dialtone/campaign"
)

// ForecastOf asks a candidate that leads with this core.
func ForecastOf(ctx context.Context, c *Candidate, core *Core, id campaign.ID, now time.Time) (Forecast, error) {
	body, err := json.Marshal(map[string]any{"campaign": id})
	if err != nil {
		return Forecast{}, err
	}
	v, err := c.askForecast(ctx, core, body, now)
	if rest, ok := v.(unfinished); ok && err == nil {
		v, err = rest()
	}
	f, _ := v.(Forecast)
	return f, err
}

// Coarsen sets how many calls a candidate's forecasts play at most in a run, however
// long that takes.
func Coarsen(c *Candidate, calls int) { c.forecasts.most, c.forecasts.patience = calls, time.Hour }
