package judge

import (
	"time"

	"dialtone/campaign"
)

// Evidence is what a run left behind.
type Evidence struct {
	Campaigns []Campaign
	Providers []Provider
	// Stops are the times in which a campaign had been told to stop.
	Stops []Stop
	// Faults are what was done to the service, in any order.
	Faults []Fault
	// RetryGrace is how long a due retry may wait for a new number's sake: what it takes
	// to learn of an end, to grant and to place.
	RetryGrace time.Duration
	// Silence is the longest time without a create request that is bearable while numbers
	// wait.
	Silence time.Duration
}

// Campaign is what was asked for, and what the service says came of it.
type Campaign struct {
	Name    string
	Numbers []string // no other campaign's
	// MaxConcurrentCalls and MaxAttempts are the campaign's settings.
	MaxConcurrentCalls int
	MaxAttempts        int
	// RetryDelay is the same after every attempt; 0 if retries are not to be judged.
	RetryDelay time.Duration
	// Hours are nil if it may call at any time.
	Hours *Hours

	Status campaign.Status
	Stats  campaign.Stats
	Calls  []Record
	// Events are the ends of calls that were told; nil if nobody listened.
	Events []Event
}

// Record is a call as the service has it.
type Record struct {
	ID       string              `json:"id"`
	To       string              `json:"to"`
	Status   campaign.CallStatus `json:"status"`
	Attempts []Attempt           `json:"attempts"`
}

// Attempt is one of a record's.
type Attempt struct {
	ProviderCallID string `json:"provider_call_id"`
	Disposition    string `json:"disposition"`
}

// Provider is one provider's ledger, with the limits that the service was told.  The
// mock itself must have none, or it would hide a call too many; 0 is none.
type Provider struct {
	Name           string
	Channels       int
	CallsPerSecond int
	Ledger         Ledger
}

// Stop is from the answer to a pause or a cancel to the request that has the campaign
// go on.
type Stop struct {
	Campaign string
	Span
}

// Fault is something that was done to the service, from its beginning to its healing.
type Fault struct {
	Name string
	Span
}

// Ledger is that of all providers.
func (e *Evidence) Ledger() Ledger {
	ledgers := make([]Ledger, len(e.Providers))
	for i, p := range e.Providers {
		ledgers[i] = p.Ledger
	}
	return Merge(ledgers...)
}

// Judge goes through all promises.
func (e *Evidence) Judge() Verdicts {
	out := e.Running()
	return append(out, e.ended()...)
}

// Running judges what must hold at every moment; call it as often as you like.
func (e *Evidence) Running() (out Verdicts) {
	all := e.Ledger()
	byName := make(map[string]Ledger)
	var limits, hours []Verdict
	for _, p := range e.Providers {
		limits = append(limits, Channels(p), Rate(p))
	}
	for _, c := range e.Campaigns {
		own := all.Only(c.Numbers)
		byName[c.Name] = own
		limits = append(limits, Limit(c, own))
		if c.Hours != nil {
			hours = append(hours, InHours(c, own))
		}
	}
	out = append(out, NeverTwice(all), Sum(limits...))
	if len(hours) > 0 {
		out = append(out, Sum(hours...))
	}
	if len(e.Stops) > 0 {
		var stops []Verdict
		for _, s := range e.Stops {
			v := StopMeansStop(s, byName[s.Campaign])
			if _, is := byName[s.Campaign]; !is {
				v.breaks("%s was paused, and is no campaign", s.Campaign)
			}
			stops = append(stops, v)
		}
		out = append(out, Sum(stops...))
	}
	return out
}

// ended judges what must hold once every campaign has ended.
func (e *Evidence) ended() Verdicts {
	all := e.Ledger()
	var lost, retries, statistics, events []Verdict
	for _, c := range e.Campaigns {
		own := all.Only(c.Numbers)
		lost = append(lost, NothingLost(c, own))
		statistics = append(statistics, Statistics(c, own))
		if c.Events != nil {
			events = append(events, Events(c))
		}
		if c.RetryDelay > 0 {
			retries = append(retries, RetriesFirst(c, own, e.RetryGrace))
		}
	}
	out := Verdicts{Sum(lost...)}
	if len(retries) > 0 {
		out = append(out, Sum(retries...))
	}
	out = append(out, Sum(statistics...))
	if len(events) > 0 {
		out = append(out, Sum(events...))
	}
	return append(out, Dialling(e))
}
