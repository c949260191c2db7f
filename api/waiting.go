package api

import (
	"context"
	"slices"
	"time"

	"dialtone/campaign"
	"dialtone/campaign/hours"
	"dialtone/store"
)

// waiting is for how long its schedule holds a started campaign back, and why; ""
// where it does not.  A zero time is never.
func (a *API) waiting(ctx context.Context, c campaign.Campaign) (campaign.Rule, time.Time, error) {
	now := a.now()
	switch {
	case c.Status == campaign.StatusPending && c.Armed && c.Schedule.StartAt.After(now):
		return campaign.RuleStartAhead, c.Schedule.StartAt, nil
	case c.Status != campaign.StatusInProgress || alwaysOpen(c.Schedule):
		return "", time.Time{}, nil
	case c.Schedule.Ended(now):
		return campaign.RuleExpired, time.Time{}, nil
	}
	opens, err := a.opens(ctx, c, now)
	switch {
	case err != nil, opens.Equal(now):
		return "", time.Time{}, err
	case now.Before(c.Schedule.StartAt):
		return campaign.RuleStartAhead, opens, nil
	}
	return campaign.RuleOutsideHours, opens, nil
}

// opens is when the first of the numbers that are left can be called: now, later, or
// zero for never.
func (a *API) opens(ctx context.Context, c campaign.Campaign, now time.Time) (time.Time, error) {
	if c.Stats.Queued+c.Stats.RetryWait == 0 {
		return now, nil // nobody waits
	}
	if !c.Schedule.PerContact() {
		return nextOpen(c.Settings, "", now), nil
	}
	zones, err := a.store.Zones(ctx, c.ID)
	if err != nil {
		return time.Time{}, err
	}
	for _, z := range byOpening(c.Settings, zones, now) {
		if left, err := a.store.Unfinished(ctx, c.ID, z.ID, false); left || err != nil {
			return nextOpen(c.Settings, z.Zones, now), err
		}
	}
	return now, nil // nobody waits
}

// byOpening puts the zones that open first first, so that mostly the first of them is
// the only one of which it has to be asked whether there are calls left.
func byOpening(s campaign.Settings, zones []store.Zone, now time.Time) []store.Zone {
	opens := make(map[campaign.ZoneID]time.Time, len(zones))
	for _, z := range zones {
		opens[z.ID] = nextOpen(s, z.Zones, now)
	}
	return slices.SortedStableFunc(slices.Values(zones), func(a, b store.Zone) int {
		x, y := opens[a.ID], opens[b.ID]
		if x.IsZero() != y.IsZero() { // zero is never
			return y.Compare(x)
		}
		return x.Compare(y)
	})
}

// nextOpen is when numbers in some zones can be called; zero is never.
func nextOpen(s campaign.Settings, zones campaign.Zones, now time.Time) time.Time {
	cal, err := hours.Of(s, zones)
	if err != nil {
		return time.Time{} // without a clock it has no hours
	}
	at, _ := cal.NextOpen(now)
	return at
}
