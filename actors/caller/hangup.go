package caller

import (
	"context"
	"errors"
	"time"

	"dialtone/provider"
)

// mostHangUps is how often a job to hang up is tried where the provider does not
// answer.  A call that can't be hung up comes to its own end.
const mostHangUps = 5

// hangUp ends a call.  What it came to is reported where the provider tells at once;
// else the callback does, or the settling of a call whose callback does not come.
func (c *Caller) hangUp(t task) {
	job := &t.delivery.Job
	p := c.cfg.Provider(job.Provider)
	if p == nil || job.ProviderCallID == "" {
		c.log.Error("a call can't be hung up: its provider is not configured, or its id not known", "attempt", job.Attempt, "provider", job.Provider)
		c.acknowledge(t.delivery)
		return
	}
	ctx, cancel := context.WithTimeout(c.ctx, c.cfg.RequestTimeout)
	defer cancel()
	err := p.HangUp(ctx, job.ProviderCallID)
	switch {
	case errors.Is(err, provider.ErrUnknownCall):
		c.lost(t)
	case err != nil:
		c.hangUpAgain(t, err)
	default:
		c.count.hungUp.Add(1)
		c.hungUp(ctx, t, p)
	}
}

// hungUp reports the end of a call that was hung up, if the provider tells it
// already.
func (c *Caller) hungUp(ctx context.Context, t task, p provider.Provider) {
	call, err := p.Fetch(ctx, t.delivery.Job.ProviderCallID)
	switch {
	case errors.Is(err, provider.ErrUnknownCall):
		c.lost(t)
	case err != nil || !call.Ended:
		c.log.Debug("a call was hung up; its end is to be told", "attempt", t.delivery.Job.Attempt, "error", err)
		c.acknowledge(t.delivery)
	default:
		c.report(t.delivery, ReportOf(call))
	}
}

// hangUpAgain has the job come again, later with each time, or gives it up.
func (c *Caller) hangUpAgain(t task, err error) {
	tries := t.delivery.Deliveries
	if tries >= mostHangUps {
		c.log.Error("a call could not be hung up, and ends by itself", "attempt", t.delivery.Job.Attempt, "tries", tries, "error", err)
		c.acknowledge(t.delivery)
		return
	}
	c.log.Warn("could not hang up a call; trying again", "attempt", t.delivery.Job.Attempt, "error", err)
	c.decline(t.delivery, time.Duration(max(tries, 1))*c.cfg.HangUpPause)
}
