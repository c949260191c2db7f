package api

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"dialtone/campaign"
	"dialtone/store"
)

// maxWarned bounds the kinds of numbers that are warned of one by one.
const maxWarned = 10

// warnings says what is allowed, and most likely not meant: a schedule that never
// opens from now on, or not before the deadline, or not for some of the numbers, or
// that has no hours.
func (a *API) warnings(ctx context.Context, c campaign.Campaign) (out []string, err error) {
	if c.Status.Ended() {
		return nil, nil
	}
	zones := []store.Zone{{}} // a schedule by one clock is the same for all
	if c.Schedule.PerContact() {
		if zones, err = a.store.Zones(ctx, c.ID); err != nil {
			return nil, err
		}
	}
	kinds := kindsOf(c.Settings, zones)
	if warning := cmp.Or(warnClosed(c.Settings, kinds, a.now()), warnDeadline(c.Settings, kinds, a.now())); warning != "" {
		out = append(out, warning)
	}
	if c.Schedule.PerContact() && !c.Schedule.Ended(a.now()) {
		left, err := a.warnUnreachable(ctx, c, zones)
		if err != nil {
			return nil, err
		}
		out = append(out, left...)
	}
	if warning := warnWindowless(c.Schedule); warning != "" {
		out = append(out, warning)
	}
	return out, nil
}

// kindsOf are the kinds of number that a campaign has, or, as long as it has none and
// its default zone is known, may get.
func kindsOf(s campaign.Settings, zones []store.Zone) []store.Zone {
	if len(zones) == 0 && s.DefaultTimeZone != "" {
		return []store.Zone{{}}
	}
	return zones
}

// warnClosed finds a schedule that opens for no kind of number; "" for one that
// does, or may.
func warnClosed(s campaign.Settings, zones []store.Zone, now time.Time) string {
	if s.Schedule.Ended(now) {
		return fmt.Sprintf("The schedule's end_at, %s, has passed, so that nobody can be called; give a later one or leave it out.", rfc(s.Schedule.EndAt))
	}
	if len(zones) == 0 || !nextOfAll(s, zones, now).IsZero() {
		return ""
	}
	endless := s
	endless.Schedule.EndAt = time.Time{}
	if at := nextOfAll(endless, zones, now); !at.IsZero() {
		return fmt.Sprintf("The schedule would first open at %s, and its end_at, %s, is not after that, so that nobody can be called; give a later end_at or other windows.",
			rfc(at), rfc(s.Schedule.EndAt))
	}
	return "The schedule never opens from now on, so that nobody can be called; look at its windows, closed_dates and special_dates."
}

// warnDeadline finds a deadline before which nothing can be dialled, whatever the
// strategy; "" for others, and for a schedule that never opens.
func warnDeadline(s campaign.Settings, zones []store.Zone, now time.Time) string {
	start, first := s.Schedule.StartAt, nextOfAll(s, zones, now)
	switch {
	case s.Deadline.IsZero():
		return ""
	case !s.Deadline.After(now):
		return fmt.Sprintf("The deadline, %s, has passed; what is left is dialled all the same. Give a later one, or null for none.", rfc(s.Deadline))
	case !start.IsZero() && !s.Deadline.After(start):
		return fmt.Sprintf("The deadline, %s, is not after the schedule's start_at, %s, so that nothing can be done by then; give a later deadline or an earlier start_at.", rfc(s.Deadline), rfc(start))
	case first.IsZero() || first.Before(s.Deadline):
		return ""
	}
	return fmt.Sprintf("The schedule first opens at %s, and the deadline, %s, is not after that, so that nothing can be done by then; give a later deadline or other windows.", rfc(first), rfc(s.Deadline))
}

// nextOfAll is when the first kind of number can be called; zero is never.
func nextOfAll(s campaign.Settings, zones []store.Zone, now time.Time) (first time.Time) {
	for _, z := range zones {
		if at := nextOpen(s, z.Zones, now); !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first
}

// warnUnreachable finds numbers that are left and can't be called, though others of
// the campaign can, or they themselves could if their zone were known.
func (a *API) warnUnreachable(ctx context.Context, c campaign.Campaign, zones []store.Zone) (out []string, err error) {
	now, more := a.now(), 0
	others := !nextOfAll(c.Settings, zones, now).IsZero()
	for _, z := range zones {
		several := neverMeets(c.Settings, z.Zones, now)
		if !nextOpen(c.Settings, z.Zones, now).IsZero() || !several && !others {
			continue
		}
		if left, err := a.store.Unfinished(ctx, c.ID, z.ID, true); err != nil {
			return nil, err
		} else if !left {
			continue
		}
		if len(out) == maxWarned {
			more++
			continue
		}
		out = append(out, unreachable(c.Settings, z.Zones, several))
	}
	if more > 0 {
		out = append(out, fmt.Sprintf("There are more numbers that can't be called, in other time zones than those above (%d such sets of zones); so it is with them too.", more))
	}
	return out, nil
}

// unreachable says why numbers in some zones can't be called, and what to do.
func unreachable(s campaign.Settings, zones campaign.Zones, several bool) string {
	names := zones.Names()
	switch {
	case several:
		return fmt.Sprintf("There are numbers that can't be called: such a number may be in any of %d time zones (%s), and the schedule's hours are never open in all of them at once; upload them in a new campaign, each with its time_zone.",
			len(names), someOf(names))
	case len(names) == 0 && s.DefaultTimeZone == "":
		return "There are numbers that can't be called: none of their time zones is known; set default_time_zone, which counts for those."
	case len(names) == 0:
		names = []string{s.DefaultTimeZone}
	}
	return fmt.Sprintf("There are numbers that can't be called: where they are (%s) the schedule never opens from now on; give it a later end_at or other windows.", someOf(names))
}

// someOf lists names as far as anybody reads them.
func someOf(names []string) string {
	const most = 3
	if len(names) <= most {
		return listed(names)
	}
	return fmt.Sprintf("%s, %s, %s and %d more", names[0], names[1], names[2], len(names)-most)
}

// warnWindowless finds a schedule that names a clock and no hours; "" for others.
func warnWindowless(s campaign.Schedule) string {
	if s.TimeZone == "" || len(s.Windows) > 0 {
		return ""
	}
	but := ""
	if len(s.ClosedDates)+len(s.SpecialDates) > 0 {
		but = ", but for its closed_dates and special_dates"
	}
	return fmt.Sprintf("The schedule names a time_zone and has no windows, so that it is open at every hour of the day%s; give it windows if people are not to be called at night.", but)
}

func rfc(t time.Time) string { return t.UTC().Format(time.RFC3339) }
