package api

import (
	"context"
	"fmt"
	"time"

	"dialtone/campaign"
)

// warnings says what is allowed, and most likely not meant: a schedule that never
// opens from now on.
func (a *API) warnings(ctx context.Context, c campaign.Campaign) ([]string, error) {
	if c.Status.Ended() {
		return nil, nil
	}
	kinds := []campaign.Zones{""}
	if c.Schedule.PerContact() {
		zones, err := a.store.Zones(ctx, c.ID)
		if err != nil {
			return nil, err
		}
		kinds = nil
		for _, z := range zones {
			kinds = append(kinds, z.Zones)
		}
	}
	if warning := warnClosed(c.Settings, kinds, a.now()); warning != "" {
		return []string{warning}, nil
	}
	return nil, nil
}

// warnClosed finds a schedule that opens for no kind of number; "" for one that
// does, or may.
func warnClosed(s campaign.Settings, kinds []campaign.Zones, now time.Time) string {
	if s.Schedule.Ended(now) {
		return fmt.Sprintf("The schedule's end_at, %s, has passed, so that nobody can be called; give a later one or leave it out.", rfc(s.Schedule.EndAt))
	}
	if len(kinds) == 0 && s.DefaultTimeZone != "" {
		kinds = []campaign.Zones{""}
	}
	if len(kinds) == 0 || !nextOfAll(s, kinds, now).IsZero() {
		return ""
	}
	endless := s
	endless.Schedule.EndAt = time.Time{}
	if at := nextOfAll(endless, kinds, now); !at.IsZero() {
		return fmt.Sprintf("The schedule would first open at %s, and its end_at, %s, is not after that, so that nobody can be called; give a later end_at or other windows.",
			rfc(at), rfc(s.Schedule.EndAt))
	}
	return "The schedule never opens from now on, so that nobody can be called; look at its windows, closed_dates and special_dates."
}

// nextOfAll is when the first kind of number can be called; zero is never.
func nextOfAll(s campaign.Settings, kinds []campaign.Zones, now time.Time) (first time.Time) {
	for _, zones := range kinds {
		if at := nextOpen(s, zones, now); !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first
}

func rfc(t time.Time) string { return t.UTC().Format(time.RFC3339) }
