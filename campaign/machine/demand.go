package machine

import (
	"time"

	"dialtone/campaign/hours"
)

// Demand is what the campaign could use now, in the hours as of the last Handle.  Its
// times have no monotonic clock, so that demands can be compared.
func (m *Machine) Demand(now time.Time) Demand {
	d := Demand{
		Limit: m.c.MaxConcurrentCalls, Grown: m.ramp.grown(m.c.MaxConcurrentCalls), Weight: m.c.Weight, Group: m.c.Group, Priority: m.c.Priority,
		Remaining: max(m.c.Stats.Queued+m.c.Stats.RetryWait-m.claims, m.queue.size()) - m.queue.stranded(),
		Due:       m.due.at(now), Length: time.Duration(m.length),
	}
	room := m.room(now)
	ready := m.queue.ready(now, room)
	d.Retries, d.Fresh = ready.retries, ready.fresh
	d.Routes = m.spare(m.queue.router.demand(ready.byClass), room, now)
	if m.queue.router.plan != nil {
		d.bound()
	}
	return d
}

// bound leaves no more to be dialled than could go by the routes.
func (d *Demand) bound() {
	total := 0
	for _, r := range d.Routes {
		total += r.Ready
	}
	d.Retries = min(d.Retries, total)
	d.Fresh = min(d.Fresh, total-d.Retries)
}

// target is by when a campaign's calls should be placed.
//
//	deadline = the earlier of the campaign's deadline and the end of its schedule
//	due      = from + the open time between from and the deadline
//	from     = now, or, while all lanes are closed, the next opening
//
// While the hours are open, the open time left shrinks as time passes, and due stays
// what it is; so it is reckoned only when a lane turns or the settings change.  While
// they are closed it is reckoned as of the next opening, so that a night does not use
// up what is left of a day.  If they open no more before the deadline, due is when
// that was found: nothing is left.
//
// Where each number goes by its own clock, it is open while any lane is open that may
// have calls left.  That some zones have fewer hours left than all of them together is
// not seen in it.
type target struct{ deadline, due time.Time }

// at is due, or, once that has passed, the deadline.
func (t target) at(now time.Time) time.Time {
	if !now.Before(t.deadline) {
		return t.deadline
	}
	return t.due
}

// dueHorizon is up to when hours are reckoned exactly.  Beyond it they are taken to be
// as dense as up to there, since a deadline years ahead must not cost by its years.
const dueHorizon = 100 * 24 * time.Hour

// aim reckons the target anew, if what it was reckoned from has changed.
func (m *Machine) aim(now time.Time) {
	deadline := m.c.Deadline.UTC()
	if end := m.c.Schedule.EndAt.UTC(); deadline.IsZero() || !end.IsZero() && end.Before(deadline) {
		deadline = end
	}
	if !m.queue.remeasure && deadline.Equal(m.due.deadline) {
		return
	}
	m.queue.remeasure = false
	m.due = target{deadline: deadline}
	if !deadline.IsZero() {
		m.due.due = m.queue.due(now.UTC(), deadline)
	}
}

// due reckons by when what waits should be placed.
func (q *queue) due(now, deadline time.Time) time.Time {
	from, calendars := q.openings(now)
	if from.IsZero() || !from.Before(deadline) {
		return now
	}
	to := deadline
	if far := from.Add(dueHorizon); far.Before(to) {
		to = far
	}
	open := hours.AnyOpenBetween(calendars, from, to)
	if to.Before(deadline) {
		open = time.Duration(float64(open) * (float64(deadline.Sub(from)) / float64(dueHorizon)))
		return from.Add(open).Round(time.Second) // it is no more exact than that
	}
	return from.Add(open)
}

// openings are the hours of the lanes that may have calls left, or, where none has
// any, of all; and when the first of them is open: now, later, or zero for never.
func (q *queue) openings(now time.Time) (first time.Time, calendars []hours.Calendar) {
	done := q.exhausted() && q.size() == 0
	for _, l := range q.lanes {
		switch opens := l.turns.UTC(); {
		case l.calendar == nil, l.exhausted && l.size() == 0 && !done:
			continue
		case l.open:
			first = now
		case !l.turns.IsZero() && (first.IsZero() || opens.Before(first)):
			first = opens
		}
		calendars = append(calendars, *l.calendar)
	}
	return first, calendars
}

// mean is a running mean; 0 until something has been added.
type mean time.Duration

// meanGain is the part that the latest has in it.
const meanGain = 0.1

func (m *mean) add(d time.Duration) {
	if *m == 0 {
		*m = mean(d)
		return
	}
	*m += mean(meanGain * float64(d-time.Duration(*m)))
}
