package caller

import (
	"context"
	"time"

	"dialtone/campaign"
	"dialtone/provider"
)

// dialAll is one worker: one request to a provider at a time.
func (c *Caller) dialAll() {
	for t := range c.work {
		for ok := c.lanes.begin(t); ok; t, ok = c.lanes.next(t) {
			c.dial(t)
		}
	}
}

// askAll is one worker that asks about calls and hangs them up.  There are fewer of
// them, apart from those that dial: a provider that answers no question holds up no
// call over another.
func (c *Caller) askAll() {
	for t := range c.asks {
		if t.delivery.Job.Kind == campaign.JobHangUp {
			c.hangUp(t)
		} else {
			c.settle(t)
		}
	}
}

// dial asks the provider. The request ends with RequestTimeout, counted from
// placing, so that the machine's patience covers it; and it is not begun when
// it would go out late: the process may have stood still since, and the hours of
// whom it is to call may be over.
func (c *Caller) dial(t task) {
	job := &t.delivery.Job
	if time.Since(t.placedAt) > c.cfg.SendWithin || late(job) || c.accept.Err() != nil {
		c.giveBack(t.delivery, campaign.GivenBackUnsent, "", 0)
		return
	}
	ctx, cancel := context.WithDeadline(c.ctx, t.placedAt.Add(c.cfg.RequestTimeout))
	defer cancel()
	placement, err := c.cfg.Provider(job.Provider).Place(ctx, provider.Request{
		To: job.To, From: job.From, Variables: job.Variables,
		CallbackURL: c.callbackURL(job),
	})
	if err != nil {
		c.notPlaced(t, err)
		return
	}
	c.count.placed.Add(1)
	c.report(t.delivery, campaign.Report{Kind: campaign.ReportPlaced, ProviderCallID: placement.ProviderCallID})
}

func (c *Caller) callbackURL(job *campaign.Job) string {
	return c.cfg.CallbackURL() + "/callbacks/" + job.Provider + "/" + job.Campaign.String() + "/" + job.Attempt.String()
}

// notPlaced reports a failure as what it means for the number.
func (c *Caller) notPlaced(t task, err error) {
	r := NotPlaced(err)
	job := &t.delivery.Job
	switch {
	case r.Kind == campaign.ReportRefused:
		c.count.refused.Add(1)
		c.report(t.delivery, r)
		return
	case r.Kind == campaign.ReportAmbiguous:
		c.count.ambiguous.Add(1)
		c.log.Debug("a call may have been placed; settling it", "attempt", job.Attempt, "detail", r.Detail)
		c.report(t.delivery, r)
		return
	case r.Reason == campaign.GivenBackUnreachable && c.ctx.Err() != nil: // it was we who gave up
		r.Reason, r.RetryAfter = campaign.GivenBackUnsent, 0
	case r.Reason == campaign.GivenBackBarred:
		c.log.Error("the provider refuses our account", "provider", job.Provider, "detail", r.Detail)
	case r.Reason == campaign.GivenBackProvider:
		c.log.Error("the provider refuses our caller id or script", "provider", job.Provider, "from", job.From, "detail", r.Detail)
	}
	c.giveBack(t.delivery, r.Reason, r.Detail, r.RetryAfter)
}
