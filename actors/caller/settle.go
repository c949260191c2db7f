package caller

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
		c.report(t.delivery, reportOf(call))
	}
}

// lost reports that what became of a call can't be known any more.
func (c *Caller) lost(t task) {
	c.report(t.delivery, campaign.Report{
		Kind: campaign.ReportEnded, Disposition: campaign.DispositionLost,
		ProviderCallID: t.delivery.Job.ProviderCallID, Detail: "the provider does not know the call any more",
	})
}

// clockSkew is how far the provider's clock may be behind ours.  Too much of it finds
// a call that is known already, and passes it over; too little finds nobody dialled
// who was.
const clockSkew = 30 * time.Second

// settleUnknown looks for a call to the number, made since the attempt began,
// that no other attempt is known to be.  It may have any caller id: which one a call
// gets that names none may have been changed meanwhile.
func (c *Caller) settleUnknown(ctx context.Context, t task, p provider.Provider) {
	job := &t.delivery.Job
	since := job.PlacingAt.Add(-clockSkew)
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
	calls = nobodys(calls, known, job.Attempt)
	open := unsettled(known, job)
	switch {
	case len(calls) == 0:
		c.giveBack(t.delivery, campaign.GivenBackNotDialled, "", 0)
	case len(calls) <= len(open):
		// Whose they are can't be told; a callback, which names the attempt, may.
		c.report(t.delivery, campaign.Report{Kind: campaign.ReportAmbiguous, Detail: fmt.Sprintf(
			"the provider has %d calls to the number for %d attempts", len(calls), len(open)+1)})
	default:
		c.report(t.delivery, reportOf(likeliest(calls, job.From)))
	}
}

// nobodys are the calls that no other attempt is known to be.
func nobodys(calls []provider.Call, known []campaign.Attempt, own campaign.AttemptID) []provider.Call {
	others := make(map[string]bool, len(known))
	for _, a := range known {
		others[a.ProviderCallID] = a.ID != own
	}
	return slices.DeleteFunc(calls, func(call provider.Call) bool { return others[call.ProviderCallID] })
}

// unsettled are the other attempts, of other campaigns, whose call at the provider may
// be among those found.
func unsettled(known []campaign.Attempt, job *campaign.Job) []campaign.Attempt {
	return slices.DeleteFunc(slices.Clone(known), func(a campaign.Attempt) bool {
		open := a.State == campaign.AttemptPlacing || a.State == campaign.AttemptAmbiguous
		return a.ID == job.Attempt || a.Provider != job.Provider || a.ProviderCallID != "" || !open
	})
}

// likeliest is the call that is most likely an attempt's: the first with its caller
// id, if it had one of its own, else the first.
func likeliest(calls []provider.Call, from string) provider.Call {
	for _, call := range calls {
		if from != "" && call.From == from {
			return call
		}
	}
	return calls[0]
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
