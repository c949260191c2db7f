package campaign

import "time"

// Rule names what holds back the next dial.  Rules are part of the API.
type Rule string

// The rules, of a campaign and of a single call.
const (
	RuleNone                Rule = "none"                 // nothing: it is dialling
	RuleNotStarted          Rule = "not_started"          // nobody has started it
	RuleStartAhead          Rule = "start_ahead"          // started, and its start_at is still ahead
	RulePaused              Rule = "paused"               //
	RuleEnded               Rule = "ended"                // it is over
	RuleExpired             Rule = "expired"              // its end_at has passed; what is left is being closed
	RuleOutsideHours        Rule = "outside_hours"        // its windows are closed
	RuleLimitReached        Rule = "limit_reached"        // as many calls as max_concurrent_calls allows are up
	RuleRetryNotDue         Rule = "retry_not_due"        // only retries are left, and none is due
	RuleDayCap              Rule = "day_cap"              // max_attempts_per_day is used up
	RuleProviderTrouble     Rule = "provider_trouble"     // each provider refuses what the campaign asks for; it waits before it tries again
	RuleNoRoute             Rule = "no_route"             // no provider serves the numbers that are left, or this one
	RuleWaitingForToken     Rule = "waiting_for_token"    // other campaigns or the provider's limits hold the scheduler's tokens
	RuleProviderUnavailable Rule = "provider_unavailable" // no provider by which it may go takes calls: each is drained, broken, silent, or asked for patience
	RuleNoContactsLeft      Rule = "no_contacts_left"     // every call is terminal or in progress
	RuleInProgress          Rule = "in_progress"          // of a call: it is being dialled, or up
	RuleQueuedBehind        Rule = "queued_behind"        // of a call: others of its campaign are dialled before it
)

// Explanation says which rule holds a campaign or a call back at this moment, and
// when it can next be dialled.
type Explanation struct {
	Rule Rule `json:"rule"`
	// Message is the rule in a sentence, with its figures.
	Message string `json:"message"`
	// NextDialAt is the earliest time of the next dial; zero where that can't be
	// said, or is never.
	NextDialAt time.Time `json:"next_dial_at,omitzero"`
}

// CampaignExplanation is a campaign's, with what it was concluded from.
type CampaignExplanation struct {
	CampaignID ID     `json:"campaign_id"`
	Status     Status `json:"status"`
	Explanation
	// InFlight counts the calls claimed, being placed, or up, of MaxConcurrentCalls.
	InFlight           int `json:"in_flight"`
	MaxConcurrentCalls int `json:"max_concurrent_calls"`
	// DueRetries are those that could be dialled now.
	DueRetries int   `json:"due_retries"`
	Stats      Stats `json:"stats"`
	// Zones are the parts of the campaign that have hours of their own: one for each
	// set of time zones, or a single one.
	Zones []ZoneHours `json:"zones,omitempty"`
}

// ZoneHours is how the hours of some numbers stand.
type ZoneHours struct {
	TimeZones []string `json:"time_zones,omitempty"`
	Open      bool     `json:"open"`
	// ChangesAt is when an open one closes and a closed one opens; zero is never.
	ChangesAt time.Time `json:"changes_at,omitzero"`
	// Done: no number of it is left to be dialled, as far as is known.
	Done bool `json:"done"`
}
