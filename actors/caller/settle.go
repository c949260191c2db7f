package caller

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dialtone/campaign"
	"dialtone/provider"
)

// settle asks the provider what became of an attempt: by the call's id, where it
// is known, else by looking for it.
func (c *Caller) settle(t task) {
	job := &t.delivery.Job
	p := c.cfg.Provider(job.Provider)
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
		c.lost(t)
	case err != nil:
		c.report(t.delivery, campaign.Report{Kind: campaign.ReportAmbiguous, Detail: err.Error()})
	default:
		c.report(t.delivery, ReportOf(call))
	}
}

// lost reports that what became of a call can't be known any more.
func (c *Caller) lost(t task) {
	c.report(t.delivery, campaign.Report{
		Kind: campaign.ReportEnded, Disposition: campaign.DispositionLost,
		ProviderCallID: t.delivery.Job.ProviderCallID, Detail: "the provider does not know the call any more",
	})
}

// settleUnknown looks for a call to the number, made since the attempt began,
// that no other attempt is known to be.  It may have any caller id: which one a call
// gets that names none may have been changed meanwhile.
func (c *Caller) settleUnknown(ctx context.Context, t task, p provider.Provider) {
	job := &t.delivery.Job
	since := SettleSince(job)
	calls, err := p.Find(ctx, job.To, "", since)
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
	r := Settled(calls, known, job)
	if r.Kind == campaign.ReportGivenBack {
		c.count.givenBack.Add(1)
	}
	c.report(t.delivery, r)
}
