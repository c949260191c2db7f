package caller

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dialtone/campaign"
	"dialtone/provider"
)

// workOff is one worker: one request to a provider at a time.
func (c *Caller) workOff() {
	for t := range c.work {
		if t.delivery.Job.Kind == campaign.JobSettle {
			c.settle(t)
		} else {
			c.dial(t)
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
	placement, err := c.cfg.Providers[job.Provider].Place(ctx, provider.Request{
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
	return c.cfg.CallbackURL + "/callbacks/" + job.Provider + "/" + job.Campaign.String() + "/" + job.Attempt.String()
}

// notPlaced reports a failure as what it means for the number.  An error that is
// not the port's own says nothing about whether somebody was dialled.
func (c *Caller) notPlaced(t task, err error) {
	fault := &provider.PlaceError{Fault: provider.Ambiguous, Detail: err.Error()}
	errors.As(err, &fault)
	switch fault.Fault {
	case provider.Refused:
		c.count.refused.Add(1)
		c.report(t.delivery, campaign.Report{Kind: campaign.ReportRefused, Detail: fault.Detail})
	case provider.Throttled:
		c.giveBack(t.delivery, campaign.GivenBackThrottled, fault.Detail, fault.RetryAfter)
	case provider.Unreachable:
		c.giveBack(t.delivery, campaign.GivenBackUnreachable, fault.Detail, fault.RetryAfter)
	case provider.Misconfigured:
		c.log.Error("the provider refuses our account or settings", "provider", t.delivery.Job.Provider, "detail", fault.Detail)
		c.giveBack(t.delivery, campaign.GivenBackProvider, fault.Detail, fault.RetryAfter)
	default:
		c.count.ambiguous.Add(1)
		c.log.Warn("a call may have been placed; settling it", "attempt", t.delivery.Job.Attempt, "detail", fault.Detail)
		c.report(t.delivery, campaign.Report{Kind: campaign.ReportAmbiguous, Detail: fault.Detail})
	}
}

// settle asks the provider what became of an attempt: by the call's id, where it
// is known, else by looking for it.
func (c *Caller) settle(t task) {
	job := &t.delivery.Job
	p := c.cfg.Providers[job.Provider]
	if p == nil {
		c.report(t.delivery, campaign.Report{Kind: campaign.ReportAmbiguous, Detail: fmt.Sprintf("provider %q is not configured", job.Provider)})
		return
	}
	ctx, cancel := context.WithTimeout(c.ctx, c.cfg.RequestTimeout)
	defer cancel()
	c.count.settled.Add(1)
	if job.ProviderCallID != "" {
		c.settleKnown(ctx, t, p)
		return
	}
	c.settleUnknown(ctx, t, p)
}

func (c *Caller) settleKnown(ctx context.Context, t task, p provider.Provider) {
	call, err := p.Fetch(ctx, t.delivery.Job.ProviderCallID)
	switch {
	case errors.Is(err, provider.ErrUnknownCall):
		c.report(t.delivery, campaign.Report{
			Kind: campaign.ReportEnded, Disposition: campaign.DispositionLost,
			ProviderCallID: t.delivery.Job.ProviderCallID, Detail: "the provider does not know the call any more",
		})
	case err != nil:
		c.report(t.delivery, campaign.Report{Kind: campaign.ReportAmbiguous, Detail: err.Error()})
	default:
		c.report(t.delivery, reportOf(call))
	}
}

// clockSkew is how far the provider's clock may be behind ours.  Too much of it finds
// a call that is known already, and passes it over; too little finds nobody dialled
// who was.
const clockSkew = 30 * time.Second

// settleUnknown looks for a call to the number, made since the attempt began,
// that no other attempt is known to be.
func (c *Caller) settleUnknown(ctx context.Context, t task, p provider.Provider) {
	job := &t.delivery.Job
	since := job.PlacingAt.Add(-clockSkew)
	calls, err := p.Find(ctx, job.To, job.From, since)
	if err != nil {
		c.report(t.delivery, campaign.Report{Kind: campaign.ReportAmbiguous, Detail: err.Error()})
		return
	}
	// A known one may have begun long before, and been dialled within the skew.
	known, err := c.cfg.Attempts.AttemptsTo(ctx, job.To, since.Add(-time.Hour))
	if err != nil {
		c.report(t.delivery, campaign.Report{Kind: campaign.ReportAmbiguous, Detail: err.Error()})
		return
	}
	others := make(map[string]bool, len(known))
	for _, a := range known {
		others[a.ProviderCallID] = a.ID != job.Attempt
	}
	for _, call := range calls {
		if !others[call.ProviderCallID] {
			c.report(t.delivery, reportOf(call))
			return
		}
	}
	c.giveBack(t.delivery, campaign.GivenBackNotDialled, "", 0)
}

// reportOf is the provider's view of a call as a report.
func reportOf(call provider.Call) campaign.Report {
	if !call.Ended {
		return campaign.Report{Kind: campaign.ReportPlaced, ProviderCallID: call.ProviderCallID}
	}
	return campaign.Report{
		Kind: campaign.ReportEnded, ProviderCallID: call.ProviderCallID, Disposition: call.Disposition,
		At: call.EndedAt, Duration: call.Duration, Detail: call.Detail,
	}
}
