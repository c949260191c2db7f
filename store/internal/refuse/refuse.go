// Package refuse holds the sentences with which both drivers refuse a request.
package refuse

import (
	"time"

	"dialtone/campaign"
)

// NoCampaign: unknown, or deleted.
func NoCampaign(id campaign.ID) *campaign.Error {
	return campaign.NotFound("There is no campaign %v.", id)
}

// NoCall: unknown, or deleted with its campaign.
func NoCall(id campaign.CallID) *campaign.Error {
	return campaign.NotFound("There is no call %v.", id)
}

// NoKey: no API key of that id.
func NoKey(id string) *campaign.Error {
	return campaign.NotFound("There is no API key %q.", id)
}

// UnknownKey: no API key has that secret.
func UnknownKey() *campaign.Error {
	return campaign.NotFound("This API key is not known.")
}

// KeyExists: the id, or the secret, is in use.
func KeyExists(id string) *campaign.Error {
	return campaign.Conflict("There is an API key %q already; take another id.", id)
}

// Reused: an idempotency key came with another request.
func Reused() *campaign.Error {
	return campaign.Conflict("This idempotency key was used for another request; take a new key for a new request.")
}

// Ended: a campaign that can't be changed any more.
func Ended(id campaign.ID, s campaign.Status) *campaign.Error {
	return campaign.Conflict("Campaign %v is %s and can't be changed any more; create a new one.", id, s)
}

// Standing: what can't be done to the campaign of the single calls.
func Standing(what string) *campaign.Error {
	return campaign.Conflict("%v is the standing campaign of single calls: it can't be %s.", campaign.Single, what)
}

// Deletable is nil if a campaign in this state may be deleted.
func Deletable(c campaign.Campaign) error {
	switch {
	case c.ID == campaign.Single:
		return Standing("deleted")
	case c.Armed && c.Schedule.StartAt.IsZero():
		return campaign.Conflict("Campaign %v is about to start; cancel it before you delete it.", c.ID)
	case c.Armed:
		return campaign.Conflict("Campaign %v is to start at %s; cancel it before you delete it.", c.ID, c.Schedule.StartAt.UTC().Format(time.RFC3339))
	case c.Status != campaign.StatusPending && !c.Status.Ended():
		return campaign.Conflict("Campaign %v is %s; cancel it before you delete it.", c.ID, c.Status)
	case c.Stats.InProgress == 1:
		return campaign.Conflict("Campaign %v is %s, but 1 of its calls is still in progress; delete it when that has ended.", c.ID, c.Status)
	case c.Stats.InProgress > 1:
		return campaign.Conflict("Campaign %v is %s, but %d of its calls are still in progress; delete it when they have ended.", c.ID, c.Status, c.Stats.InProgress)
	}
	return nil
}

// Growable is nil if contacts may be added to a campaign in this state.
func Growable(id campaign.ID, s campaign.Status) error {
	if id == campaign.Single {
		return Standing("given contacts; create single calls instead")
	}
	if s.Ended() {
		return campaign.Conflict("Campaign %v is %s and takes no more contacts; create a new one.", id, s)
	}
	return nil
}
