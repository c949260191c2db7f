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

// Sure lets a candidate's forecasts take what was seen for what comes.
func Sure(c *Candidate) { c.forecasts.sure = true }

// Coarsen sets how many calls a candidate's forecasts play at most in a run, however
// long that takes and all the runs do.
func Coarsen(c *Candidate, calls int) {
	c.forecasts.most, c.forecasts.patience, c.forecasts.inAll = calls, time.Hour, time.Hour
}

// CallsARun is what they play without that.
const CallsARun = callsARun

// CapacityOf is what all providers of a core have together.
func CapacityOf(c *Core) (channels int, callsPerSecond float64) { return c.capacity() }

// Attributes are what the log tells of a provider.
func Attributes(st *ProviderStatus) []any { return st.attributes() }
