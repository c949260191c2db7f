package campaign

import "time"

// EventType names what happened.  They are part of the API: stable, and a new
// meaning gets a new name.
type EventType string

// The events.
const (
	EventCampaignScheduled EventType = "campaign.scheduled" // started, to begin at its start_at
	EventCampaignStarted   EventType = "campaign.started"
	EventCampaignPaused    EventType = "campaign.paused"
	EventCampaignResumed   EventType = "campaign.resumed"
	EventCampaignCanceled  EventType = "campaign.canceled"
	EventCampaignCompleted EventType = "campaign.completed"
	EventCampaignFailed    EventType = "campaign.failed"
	EventCampaignProgress  EventType = "campaign.progress"
	EventCallEnded         EventType = "call.ended"
	EventCallRetry         EventType = "call.retry_scheduled"

	// Of providers.
	EventProviderOpened    EventType = "provider.opened" // its breaker: it fails, and gets no calls
	EventProviderProbed    EventType = "provider.probed" // it gets a few calls, to see how it goes
	EventProviderClosed    EventType = "provider.closed" // it is well again
	EventProviderThrottled EventType = "provider.throttled"
	EventProviderDrained   EventType = "provider.drained"
	EventProviderEnabled   EventType = "provider.enabled"
	EventProviderRemoved   EventType = "provider.removed"
)

// Event tells of something that is already in the store, or of a provider.  The bus
// dresses it as a CloudEvent.
type Event struct {
	Type     EventType
	Campaign ID     // 0 for an event of a provider
	Provider string // its name
	Time     time.Time
	Data     any // EventCampaign, EventCall, or how the provider is
}

// Subject is whom the event is of.
func (e *Event) Subject() string {
	if e.Campaign == 0 {
		return e.Provider
	}
	return e.Campaign.String()
}

// EventCampaign is the data of a campaign's event.
type EventCampaign struct {
	CampaignID ID     `json:"campaign_id"`
	Status     Status `json:"status"`
	Stats      Stats  `json:"stats"`
}

// EventCall is the data of a call's event.
type EventCall struct {
	CampaignID  ID          `json:"campaign_id"`
	CallID      CallID      `json:"call_id"`
	Attempt     int         `json:"attempt"`
	Status      CallStatus  `json:"status"`
	Disposition Disposition `json:"disposition,omitempty"`
	// Detail says more of the attempt's end, where there is more to say: the provider's
	// word on a refusal, or why it counts as lost.
	Detail        string    `json:"detail,omitempty"`
	NextAttemptAt time.Time `json:"next_attempt_at,omitzero"`
}
