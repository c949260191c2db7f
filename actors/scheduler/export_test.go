package scheduler

import (
	"context"
	"encoding/json"

	"dialtone/campaign"
)

// ForecastOf asks a candidate that leads with this core.
func ForecastOf(ctx context.Context, c *Candidate, core *Core, id campaign.ID) (Forecast, error) {
	body, err := json.Marshal(map[string]any{"campaign": id})
	if err != nil {
		return Forecast{}, err
	}
	v, err := c.askForecast(ctx, core, body)
	if rest, ok := v.(unfinished); ok && err == nil {
		v, err = rest()
	}
	f, _ := v.(Forecast)
	return f, err
}

// CapacityOf is what all providers of a core have together.
func CapacityOf(c *Core) (channels int, callsPerSecond float64) { return c.capacity() }
