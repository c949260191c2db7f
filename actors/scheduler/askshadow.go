package scheduler

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"dialtone/actors/scheduler/strategy"
	"dialtone/campaign"
)

// shadowName is where the Choice of the shadow is kept, null for none.
const shadowName = "scheduler.shadow"

// shadowAsk is the body of scheduler.shadow.
type shadowAsk struct {
	// Action is start, read or stop; without one, a strategy is started, and else it
	// reads.
	Action string `json:"action"`
	Choice
}

// askShadow starts, reads or stops the shadow.
func (c *Candidate) askShadow(core *Core, body []byte) (any, error) {
	var q shadowAsk
	if err := readAsk(body, &q); err != nil {
		return nil, err
	}
	switch {
	case q.Action != "":
	case q.Strategy != "" || q.Parameters != nil:
		q.Action = "start"
	default:
		q.Action = "read"
	}
	switch q.Action {
	case "start":
		return c.startShadow(core, q.Choice)
	case "stop":
		if core.shadow == nil {
			return nil, errNoShadow()
		}
		return keepShadow(nil, func(now time.Time) (any, error) {
			core.Shadow(Choice{}, nil, now)
			return struct{}{}, nil
		})
	case "read":
		return c.readShadow(core, time.Now())
	}
	return nil, campaign.Invalid("action", "There is no action %q; take one of read, start, stop.", q.Action)
}

func (c *Candidate) startShadow(core *Core, ch Choice) (any, error) {
	s, err := strategy.New(ch.Strategy, ch.Parameters)
	if err != nil {
		return nil, err
	}
	if ch.Parameters, err = strategy.Effective(ch.Strategy, ch.Parameters); err != nil {
		return nil, err
	}
	return keepShadow(&ch, func(now time.Time) (any, error) {
		core.Shadow(ch, s, now)
		c.log.Info("shadow started", "strategy", ch.Strategy)
		return c.readShadow(core, now)
	})
}

func keepShadow(ch *Choice, use func(time.Time) (any, error)) (any, error) {
	raw, err := json.Marshal(ch)
	if err != nil {
		return nil, fmt.Errorf("encode the shadow's strategy: %w", err)
	}
	return &change{shadowName, raw, "The shadow could not be saved and is unchanged; try again.", use}, nil
}

// resumeShadow begins the shadow that was kept, if there is one, anew: a leader before
// this one began it, and what it measured went with it.
func (c *Candidate) resumeShadow(ctx context.Context, core *Core) {
	ctx, cancel := context.WithTimeout(ctx, settingPatience)
	defer cancel()
	raw, err := c.cfg.Settings.Setting(ctx, shadowName)
	var ch *Choice
	if err == nil && raw != nil {
		err = json.Unmarshal(raw, &ch)
	}
	if err == nil && ch != nil {
		var s strategy.Strategy
		if s, err = strategy.New(ch.Strategy, ch.Parameters); err == nil {
			core.Shadow(*ch, s, time.Now())
		}
	}
	if err != nil {
		c.log.Warn("could not begin the shadow again", "error", err)
	}
}

// readShadow takes the measures; to compare them is not the leading loop's work.
func (c *Candidate) readShadow(core *Core, now time.Time) (any, error) {
	report, ok := core.measureShadow(now)
	if !ok {
		return nil, errNoShadow()
	}
	return unfinished(func() (any, error) { return report(), nil }), nil
}

func errNoShadow() error {
	return campaign.NotFound("No strategy runs as a shadow; PUT /v1/scheduler/shadow begins one.")
}
