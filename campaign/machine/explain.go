package machine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"dialtone/campaign"
)

// Explain says which rule holds back the next dial at this moment.
func (m *Machine) Explain(now time.Time) campaign.CampaignExplanation {
	m.queue.strike(now)
	due, _ := m.queue.ready(now, m.queue.size())
	return campaign.CampaignExplanation{
		CampaignID: m.c.ID, Status: m.c.Status, Explanation: m.explain(now),
		InFlight: len(m.flights), MaxConcurrentCalls: m.c.MaxConcurrentCalls,
		DueRetries: due, Stats: m.c.Stats, Zones: m.queue.hours(),
	}
}

// explain goes through the rules in the order in which they are applied.
func (m *Machine) explain(now time.Time) campaign.Explanation {
	if rule, held := m.explainStatus(now); held {
		return rule
	}
	retries, fresh := m.queue.ready(now, m.queue.size())
	ready := retries + fresh
	switch {
	case len(m.flights) >= m.c.MaxConcurrentCalls:
		return held(campaign.RuleLimitReached, time.Time{}, "%d calls are up or being placed, and max_concurrent_calls is %d.", len(m.flights), m.c.MaxConcurrentCalls)
	case ready > 0 && now.Before(m.hold.until):
		return held(campaign.RuleProviderTrouble, m.hold.until, "Calls came back undialled; the next is tried at %s.", clockOf(m.hold.until))
	case ready > 0 && m.room(now) == 0:
		return held(campaign.RuleProviderTrouble, time.Time{}, "Calls came back undialled; one call at a time is tried until one gets through.")
	case ready > 0:
		return held(campaign.RuleWaitingForToken, now, "%d calls could be dialled now and wait for the scheduler's tokens: the provider's limits and other campaigns decide when.", ready)
	case m.queue.loading != nil:
		return held(campaign.RuleNone, now, "The next numbers are being read.")
	}
	return m.explainQueue(now)
}

// explainStatus covers a campaign that isn't dialling at all.
func (m *Machine) explainStatus(now time.Time) (campaign.Explanation, bool) {
	switch s := m.c.Status; {
	case s.Ended():
		return held(campaign.RuleEnded, time.Time{}, "The campaign is over (%s).", s), true
	case s == campaign.StatusPaused:
		return held(campaign.RulePaused, time.Time{}, "The campaign is paused; resume it."), true
	case m.c.Armed:
		next := m.opening(m.c.Schedule.StartAt)
		return held(campaign.RuleStartAhead, next, "The campaign was started and begins at its start_at, %s.", clockOf(m.c.Schedule.StartAt)), true
	case s == campaign.StatusPending:
		return held(campaign.RuleNotStarted, time.Time{}, "The campaign has not been started."), true
	case m.expired(now):
		return held(campaign.RuleExpired, time.Time{}, "The schedule's end_at, %s, has passed; what is left is being closed as failed.", clockOf(m.c.Schedule.EndAt)), true
	}
	return campaign.Explanation{}, false
}

// explainQueue covers a campaign that has nothing to dial at this moment.
func (m *Machine) explainQueue(now time.Time) campaign.Explanation {
	opens, due := m.queue.opens(m.c.Stats.Queued > 0), m.queue.due(now)
	next := soonest(opens, due)
	switch {
	case m.queue.waitsForHours(m.c.Stats.Queued > 0) && (due.IsZero() || next.Equal(opens)):
		if opens.IsZero() {
			return held(campaign.RuleOutsideHours, opens, "The hours of the numbers that are left never open: look at the schedule and at the numbers' time zones.")
		}
		rule, why := campaign.RuleOutsideHours, "It is outside the hours of the numbers that are left"
		if m.c.Schedule.StartAt.After(now) {
			rule, why = campaign.RuleStartAhead, "The schedule's start_at is still ahead"
		}
		return held(rule, opens, "%s; they open at %s.", why, clockOf(opens))
	case !due.IsZero():
		return held(campaign.RuleRetryNotDue, due, "Only retries are left that can be dialled in these hours, and the first is due at %s.", clockOf(due))
	case len(m.flights) > 0:
		return held(campaign.RuleNoContactsLeft, time.Time{}, "No number is left to be dialled; %d calls are still up.", len(m.flights))
	}
	return held(campaign.RuleNoContactsLeft, time.Time{}, "No number is left to be dialled.")
}

func held(rule campaign.Rule, next time.Time, format string, args ...any) campaign.Explanation {
	if !next.IsZero() {
		next = next.UTC()
	}
	return campaign.Explanation{Rule: rule, Message: fmt.Sprintf(format, args...), NextDialAt: next}
}

func clockOf(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// opening is the first time from t on at which some lane is open; zero for none.
func (m *Machine) opening(t time.Time) (first time.Time) {
	for _, l := range m.queue.lanes {
		if l.calendar != nil {
			if at, ever := l.calendar.NextOpen(t); ever {
				first = soonest(first, at)
			}
		}
	}
	return first
}

// opens is the next opening of a closed lane that has something to dial by then;
// queued tells whether the store has more than what is at hand.
func (q *queue) opens(queued bool) (first time.Time) {
	for _, l := range q.lanes {
		if l.open || !l.waits(queued) || l.turns.IsZero() {
			continue
		}
		opens := l.turns
		if due := l.retries.first(); len(l.page)+len(l.returned) == 0 && (l.exhausted || !queued) && due.After(opens) {
			opens, _ = l.calendar.NextOpen(due)
		}
		first = soonest(first, opens)
	}
	return first
}

// waits reports whether the lane has calls that wait, or may have.
func (l *lane) waits(queued bool) bool { return l.size() > 0 || queued && !l.exhausted }

// waitsForHours reports whether calls wait in a lane that is closed.
func (q *queue) waitsForHours(queued bool) bool {
	return slices.ContainsFunc(q.lanes, func(l *lane) bool { return !l.open && l.waits(queued) })
}

// due is when the first call of an open lane is due; zero for none.
func (q *queue) due(now time.Time) (first time.Time) {
	for _, l := range q.opened() {
		first = soonest(first, l.retries.first(), l.returned.first())
	}
	return first
}

// hours tells of every lane how its hours stand.
func (q *queue) hours() []campaign.ZoneHours {
	out := make([]campaign.ZoneHours, 0, len(q.lanes))
	for _, l := range q.lanes {
		out = append(out, campaign.ZoneHours{
			TimeZones: l.names, Open: l.open, ChangesAt: utc(l.turns), Done: l.exhausted && l.size() == 0,
		})
	}
	slices.SortFunc(out, func(a, b campaign.ZoneHours) int {
		return strings.Compare(strings.Join(a.TimeZones, ","), strings.Join(b.TimeZones, ","))
	})
	return out
}

func utc(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC()
}
