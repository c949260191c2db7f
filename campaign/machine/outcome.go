package machine

import (
	"time"

	"dialtone/campaign"
)

// outcomes is what the provider made of a request whose call was given back.  Where it
// was not asked, or nobody knows, there is none.
var outcomes = map[string]campaign.Outcome{
	campaign.GivenBackThrottled:   campaign.OutcomeThrottled,
	campaign.GivenBackFull:        campaign.OutcomeFull,
	campaign.GivenBackUnreachable: campaign.OutcomeUnreachable,
	campaign.GivenBackBarred:      campaign.OutcomeBarred,
	campaign.GivenBackProvider:    campaign.OutcomeAnswered,
}

// response is what the provider made of an attempt's request, as far as it is known,
// and whether the scheduler was told.  An attempt is one request, so it has one outcome:
// what is found out later, by settling, says nothing more of how the provider does.
type response struct {
	outcome    campaign.Outcome
	retryAfter time.Duration // the patience that it asked for, or 0
	passedOn   bool
}

// made notes an outcome, the first one only.
func (r *response) made(o campaign.Outcome, retryAfter time.Duration) {
	if r.outcome == "" {
		r.outcome, r.retryAfter = o, retryAfter
	}
}

// untold reports whether there is something to tell.
func (r *response) untold() bool { return r.outcome != "" && !r.passedOn }

// tell is the outcome if it was not told before.
func (r *response) tell() (o campaign.Outcome, retryAfter time.Duration) {
	if !r.untold() {
		return "", 0
	}
	r.passedOn = true
	return r.outcome, r.retryAfter
}
