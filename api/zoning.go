package api

import (
	"slices"
	"sync"
	"time"

	"dialtone/api/ingest"
	"dialtone/campaign"
)

// zoning decides in which time zones a new contact may be, and refuses one that its
// campaign's schedule could never call.  It is safe for concurrent use.
//
// A number of which no zone is known is stored so: the campaign's default counts
// when it is dialled, and can change until then.
type zoning struct {
	s   campaign.Settings
	now time.Time
	// reachable caches the verdict on Zones that are several.
	reachable sync.Map // campaign.Zones -> bool
}

// zoning is that of settings; those that have faults refuse nobody, so that nobody
// is told of consequences.
func (a *API) zoning(s campaign.Settings, o *object) *zoning {
	if o != nil && len(*o.faults) > 0 {
		s.Schedule = campaign.Schedule{}
	}
	return &zoning{s: s, now: a.now()}
}

// zones is for ingest.Options: the text of its error is a reason told to a person.
func (z *zoning) zones(e164, given string) (campaign.Zones, error) {
	zones, err := ingest.Zones(e164, given)
	if err != nil || !z.s.Schedule.PerContact() {
		return zones, err
	}
	if zones == "" {
		if z.s.DefaultTimeZone == "" {
			return "", campaign.Invalid("", "The schedule goes by the contact's time zone, and for this number none is known: give a time_zone with it, or set the campaign's default_time_zone.")
		}
		return zones, nil
	}
	if !z.open(zones) {
		return "", campaign.Invalid("", "The number may be in any of %d time zones, and the schedule's hours are never open in all of them at once: give its time_zone.", len(zones.Names()))
	}
	return zones, nil
}

// open reports whether there are hours at which a number can be called that is in
// one of several zones.  Where it can't be helped by naming its zone, because none
// of them has hours any more, that is no fault of the number: the campaign's own
// warnings say so.
func (z *zoning) open(zones campaign.Zones) bool {
	if known, ok := z.reachable.Load(zones); ok {
		return known.(bool)
	}
	open := !neverMeets(z.s, zones, z.now)
	z.reachable.Store(zones, open)
	return open
}

// neverMeets reports whether numbers can't be called only because it isn't known in
// which of several zones they are: one of those has hours, all of them together have
// none.
func neverMeets(s campaign.Settings, zones campaign.Zones, now time.Time) bool {
	names := zones.Names()
	if len(names) < 2 || !nextOpen(s, zones, now).IsZero() {
		return false
	}
	return slices.ContainsFunc(names, func(name string) bool { return !nextOpen(s, campaign.Zones(name), now).IsZero() })
}
