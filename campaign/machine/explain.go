package machine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"dialtone/campaign"
)

// Unread lists how to look whether the store has a queued call in zones of a campaign
// in progress whose lanes are closed and have not been read to their ends.
func (m *Machine) Unread() (looks []Load) {
	if m.c.Status != campaign.StatusInProgress {
		return nil
	}
	for _, l := range m.queue.lanes {
		if !l.open && m.mayWait(l) {
			looks = append(looks, Load{Zone: l.zone, After: l.cursor, Limit: 1})
		}
	}
	return looks
}

// mayWait reports whether the store may have queued calls of a lane that are not at
// hand.
func (m *Machine) mayWait(l *lane) bool { return !l.exhausted && m.c.Stats.Queued > 0 }

// Explain says which rule holds back the next dial, in the hours as of the last
// Handle.  Of the zones that are Unread, empty tells in which nothing was found.
func (m *Machine) Explain(now time.Time, empty []campaign.ZoneID) campaign.CampaignExplanation {
	return campaign.CampaignExplanation{
		CampaignID: m.c.ID, Status: m.c.Status, Explanation: m.explain(now, empty),
		InFlight: m.up(), MaxConcurrentCalls: m.c.MaxConcurrentCalls,
		DueRetries: m.queue.ready(now, m.queue.size()).retries, Stats: m.c.Stats, Zones: m.queue.hours(),
	}
}

// ExplainCall is Explain for a call that waits: to this number, by a provider of its own
// or, "", by any.
func (m *Machine) ExplainCall(now time.Time, phone, bound string, empty []campaign.ZoneID) campaign.CampaignExplanation {
	e := m.Explain(now, empty)
	switch unserved := m.queue.router.class(phone, bound) == stranded; {
	case unserved && bound != "":
		e.Explanation = held(campaign.RuleNoRoute, time.Time{}, "The call may go by the provider %s only, and there is none of that name: put it back, or cancel the call.", bound)
	case unserved:
		e.Explanation = held(campaign.RuleNoRoute, time.Time{}, "No provider serves %s: look at the campaign's providers, and at the providers' prefixes.", phone)
	}
	return e
}

// explain goes through the rules in the order in which they are applied.
func (m *Machine) explain(now time.Time, empty []campaign.ZoneID) campaign.Explanation {
	if rule, held := m.explainStatus(now); held {
		return rule
	}
	at := m.queue.ready(now, m.queue.size())
	switch ready := at.retries + at.fresh; {
	case ready == 0 && m.queue.loading != nil:
		return held(campaign.RuleNone, now, "The next numbers are being read.")
	case ready == 0:
		e := m.explainQueue(now, empty)
		if e.Rule == campaign.RuleRetryNotDue {
			return m.explainTrouble(m.queue.byClass(), now, e)
		}
		return e
	case m.up() >= m.c.MaxConcurrentCalls:
		return held(campaign.RuleLimitReached, time.Time{}, "Calls up or being placed: %d; max_concurrent_calls is %d.", m.up(), m.c.MaxConcurrentCalls)
	default:
		return m.explainTrouble(at.byClass, now, held(campaign.RuleWaitingForToken, now, "Calls that could be dialled now and wait for the scheduler's tokens: %d; the provider's limits and other campaigns decide when.", ready))
	}
}

// explainTrouble covers calls, by class, of which no provider takes any, since each that
// they lead to refuses what the campaign asks for.  If one could go, it is as otherwise.
func (m *Machine) explainTrouble(byClass []int, now time.Time, otherwise campaign.Explanation) campaign.Explanation {
	var next time.Time
	var by []string
	for _, h := range m.trouble(byClass, now) {
		next = soonest(now, next, h.until)
		who := h.provider
		if h.detail != "" {
			who = fmt.Sprintf("%s (%s)", h.provider, h.detail)
		}
		by = append(by, who)
	}
	switch {
	case by == nil, next.IsZero() && otherwise.Rule == campaign.RuleRetryNotDue:
		return otherwise
	case next.IsZero():
		return held(campaign.RuleProviderTrouble, next, "What the campaign asks for is refused by %s; one call at a time is tried until one gets through.", strings.Join(by, ", "))
	}
	if otherwise.Rule == campaign.RuleRetryNotDue {
		next = later(otherwise.NextDialAt, next)
	}
	return held(campaign.RuleProviderTrouble, next, "What the campaign asks for is refused by %s; the next call is tried at %s.", strings.Join(by, ", "), clockOf(next))
}

// explainStatus covers a campaign that isn't dialling at all.
func (m *Machine) explainStatus(now time.Time) (campaign.Explanation, bool) {
	switch s := m.c.Status; {
	case s.Ended():
		return held(campaign.RuleEnded, time.Time{}, "The campaign is over (%s).", s), true
	case s == campaign.StatusPaused && m.c.Schedule.Ended(now):
		return held(campaign.RulePaused, time.Time{}, "The campaign is paused, and the schedule's end_at, %s, has passed: to resume it would close what is left as failed, so give it a later end_at first.", clockOf(m.c.Schedule.EndAt)), true
	case s == campaign.StatusPaused:
		return held(campaign.RulePaused, time.Time{}, "The campaign is paused; resume it."), true
	case s == campaign.StatusPending && m.c.Schedule.Ended(now):
		return held(campaign.RuleExpired, time.Time{}, "The schedule's end_at, %s, has passed, so the campaign can't start; give it a later one.", clockOf(m.c.Schedule.EndAt)), true
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

// explainQueue covers a campaign that has nothing to dial at this moment: it looks for
// the lane that will have something first.
func (m *Machine) explainQueue(now time.Time, empty []campaign.ZoneID) campaign.Explanation {
	first, found := coming{}, false
	for _, l := range m.queue.lanes {
		if c, ok := l.coming(now, m.cfg.CloseEarly, m.mayWait(l) && !slices.Contains(empty, l.zone)); ok && (!found || c.before(first)) {
			first, found = c, true
		}
	}
	switch {
	case found && first.due.After(now):
		return first.explainDue()
	case found && m.c.Schedule.StartAt.After(now):
		return held(campaign.RuleStartAhead, first.dial, "The schedule's start_at is still ahead; the first call can be placed at %s.", clockOf(first.dial))
	case found && first.dial.IsZero():
		return held(campaign.RuleOutsideHours, first.dial, "The hours of the numbers that are left never open: look at the schedule and at the numbers' time zones.")
	case found:
		return held(campaign.RuleOutsideHours, first.dial, "It is outside the hours of the numbers that are left; they open at %s.", clockOf(first.dial))
	case m.queue.stranded() > 0:
		return held(campaign.RuleNoRoute, time.Time{}, "No provider serves the numbers that are left, %d: look at the campaign's providers, and at the providers' prefixes.", m.queue.stranded())
	case len(m.flights) > 0:
		return held(campaign.RuleNoContactsLeft, time.Time{}, "No number is left to be dialled; calls that are still up: %d.", m.up())
	}
	return held(campaign.RuleNoContactsLeft, time.Time{}, "No number is left to be dialled.")
}

// coming is when a lane will have a call that is due, and when that can be dialled;
// zero is never.
type coming struct{ due, dial time.Time }

func (c coming) before(other coming) bool {
	return other.dial.IsZero() || !c.dial.IsZero() && c.dial.Before(other.dial)
}

// coming is false for a lane in which nothing waits; more tells whether the store may
// have queued calls that are not at hand.
func (l *lane) coming(now time.Time, early time.Duration, more bool) (c coming, waits bool) {
	switch first := l.firstDue(time.Time{}); {
	case more || l.fresh() > 0 || !first.IsZero() && !first.After(now):
		c.due = now
	case first.IsZero():
		return c, false
	default:
		c.due = first
	}
	c.dial = l.dials(c.due, early)
	return c, true
}

// dials is when a call that is due at a time can be dialled; zero is never.  The last
// moments of the hours do not count: the lane closes before.
func (l *lane) dials(due time.Time, early time.Duration) time.Time {
	switch {
	case l.calendar == nil, !l.open && l.turns.IsZero():
		return time.Time{}
	case l.open && (l.turns.IsZero() || due.Before(l.turns)):
		return due
	case l.open:
		due = later(due, l.turns.Add(early))
	default:
		due = later(due, l.turns)
	}
	at, _ := l.calendar.NextOpen(due)
	return at
}

// explainDue covers a call that is not due yet.
func (c coming) explainDue() campaign.Explanation {
	switch {
	case c.dial.IsZero():
		return held(campaign.RuleRetryNotDue, c.dial, "Only calls that wait for their time are left; the first is due at %s, and its hours never open after that.", clockOf(c.due))
	case c.dial.After(c.due):
		return held(campaign.RuleRetryNotDue, c.dial, "Only calls that wait for their time are left; the first is due at %s, outside its hours, which open at %s.", clockOf(c.due), clockOf(c.dial))
	}
	return held(campaign.RuleRetryNotDue, c.dial, "Only calls that wait for their time are left, and the first is due at %s.", clockOf(c.due))
}

func held(rule campaign.Rule, next time.Time, format string, args ...any) campaign.Explanation {
	if !next.IsZero() {
		next = next.UTC().Truncate(time.Microsecond)
	}
	return campaign.Explanation{Rule: rule, Message: fmt.Sprintf(format, args...), NextDialAt: next}
}

func clockOf(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// opening is the first time from t on at which some lane is open; zero for none.
func (m *Machine) opening(t time.Time) (first time.Time) {
	for _, l := range m.queue.lanes {
		if l.calendar != nil {
			at, _ := l.calendar.NextOpen(t)
			first = soonest(time.Time{}, first, at)
		}
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
