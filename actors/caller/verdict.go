package caller

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"dialtone/campaign"
	"dialtone/provider"
)

// NotPlaced is what a failed request means for the number, by the kind, the reason and the
// detail of a report.  An error that is not the port's own says nothing about whether
// somebody was dialled, or may yet be.
func NotPlaced(err error) campaign.Report {
	fault := &provider.PlaceError{Fault: provider.Ambiguous, Detail: err.Error(), Unanswered: true}
	errors.As(err, &fault)
	r := campaign.Report{Kind: campaign.ReportGivenBack, Detail: fault.Detail, RetryAfter: fault.RetryAfter}
	switch fault.Fault {
	case provider.Refused:
		return campaign.Report{Kind: campaign.ReportRefused, Detail: fault.Detail}
	case provider.Throttled:
		r.Reason = campaign.GivenBackThrottled
	case provider.Full:
		r.Reason = campaign.GivenBackFull
	case provider.Unreachable:
		r.Reason = campaign.GivenBackUnreachable
	case provider.Barred:
		r.Reason = campaign.GivenBackBarred
	case provider.Misconfigured:
		r.Reason = campaign.GivenBackProvider
	default:
		r = campaign.Report{Kind: campaign.ReportAmbiguous, Detail: fault.Detail}
		if fault.Unanswered {
			r.Reason = campaign.AmbiguousUnanswered
		}
	}
	return r
}

// clockSkew is how far the provider's clock may be behind ours.  Too much of it finds
// a call that is known already, and passes it over; too little finds nobody dialled
// who was.
const clockSkew = 30 * time.Second

// SettleSince is from when on the provider is asked for calls that may be an attempt's.
func SettleSince(job *campaign.Job) time.Time { return job.PlacingAt.Add(-clockSkew) }

// Settled is what became of an attempt whose call has no name yet, by the calls that the
// provider has to its number since SettleSince, and all attempts to that number.  It
// keeps calls.
func Settled(calls []provider.Call, known []campaign.Attempt, job *campaign.Job) campaign.Report {
	calls = nobodys(calls, known, job.Attempt)
	open := unsettled(known, job)
	switch {
	case len(calls) == 0:
		return campaign.Report{Kind: campaign.ReportGivenBack, Reason: campaign.GivenBackNotDialled}
	case len(calls) <= len(open):
		// Whose they are can't be told; a callback, which names the attempt, may.
		return campaign.Report{Kind: campaign.ReportAmbiguous, Detail: fmt.Sprintf(
			"the provider has %d calls to the number for %d attempts", len(calls), len(open)+1)}
	}
	return ReportOf(likeliest(calls, job.From))
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

// ReportOf is the provider's view of a call as a report.
func ReportOf(call provider.Call) campaign.Report {
	if !call.Ended {
		return campaign.Report{Kind: campaign.ReportPlaced, ProviderCallID: call.ProviderCallID}
	}
	return campaign.Report{
		Kind: campaign.ReportEnded, ProviderCallID: call.ProviderCallID, Disposition: call.Disposition,
		At: call.EndedAt, Duration: call.Duration, Detail: call.Detail,
	}
}
