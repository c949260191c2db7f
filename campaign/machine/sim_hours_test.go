package machine_test

import (
	"time"

	"dialtone/campaign"
	"dialtone/campaign/hours"
	"dialtone/campaign/machine"
)

// simZones are where the simulated numbers are.  Kathmandu's clock is a quarter of
// an hour off New York's, and one number may be in either of two zones.
var simZones = []machine.Zone{
	{},
	{ID: 1, Zones: "America/New_York"},
	{ID: 2, Zones: "Asia/Kathmandu"},
	{ID: 3, Zones: "America/New_York,Asia/Kathmandu"},
}

const simDefaultZone = "Europe/Berlin"

// version is a schedule and since when it is in force.
type version struct {
	since time.Time
	campaign.Schedule
}

// belated is how long an older schedule may still be acted by: until the owner
// hears of the change, though nobody tells it, and until the last job that it had
// published before has gone out.
const belated = 75 * time.Second

// schedule makes hours that open and close every few minutes, and are long enough
// that those of the two zones of one number meet.
func (w *world) schedule() (s campaign.Schedule) {
	switch n := w.pick.below(10); {
	case n < 4:
		return w.bounds(s)
	case n < 7:
		s.TimeZone = "Asia/Kathmandu"
	default:
		s.TimeZone = campaign.ZoneOfContact
	}
	period := campaign.Clock(10 * (1 + w.pick.below(2)))
	open, offset := 6+campaign.Clock(w.pick.below(int(period)-6)), campaign.Clock(w.pick.below(int(period)))
	for at := campaign.Clock(0); at < campaign.Midnight; at += period {
		span := campaign.Span{Start: at + offset, End: at + offset + open}
		if span.End <= campaign.Midnight {
			s.Windows = append(s.Windows, campaign.Window{Days: campaign.EveryDay, Span: span})
		}
	}
	return w.bounds(s)
}

// bounds gives some schedules a start or an end.
func (w *world) bounds(s campaign.Schedule) campaign.Schedule {
	if w.pick.below(5) == 0 {
		s.StartAt = w.now.Add(w.span(0, 5*time.Minute))
	}
	if w.pick.below(6) == 0 {
		s.EndAt = w.now.Add(w.span(5*time.Minute, 30*time.Minute))
	}
	return s
}

// keep puts a schedule in force.
func (w *world) keep(s campaign.Schedule) {
	w.store.c.Schedule = s
	w.versions = append(w.versions, version{w.now, s})
	w.log("schedule %s, %d windows, from %v to %v", s.TimeZone, len(s.Windows), s.StartAt, s.EndAt)
}

// calendar is a schedule where a number is.
func calendar(s campaign.Schedule, zones campaign.Zones) hours.Calendar {
	names := zones.Names()
	if names == nil {
		names = []string{simDefaultZone}
	}
	c, err := hours.New(s, names...)
	if err != nil {
		panic(err)
	}
	return c
}

// inHours reports whether a number may be dialled now, by some schedule that may
// still be acted by; or, strictly, by all of them and for a while yet.
func (w *world) inHours(c *campaign.Call, strictly bool) bool {
	for i, v := range w.versions {
		if i+1 < len(w.versions) && w.now.Sub(w.versions[i+1].since) > belated {
			continue
		}
		cal := calendar(v.Schedule, c.Zones)
		open := cal.Open(w.now)
		if strictly && (!open || !cal.Open(w.now.Add(w.config().CloseEarly))) {
			return false
		}
		if !strictly && open {
			return true
		}
	}
	return strictly
}

// judgeHours holds a call that is just being dialled against hours and the day's
// cap.
func (w *world) judgeHours(to string) {
	for _, c := range w.store.calls {
		if c.Phone != to {
			continue
		}
		w.happyf(w.inHours(c, false), "InHours: %s (%s) is dialled at %v", to, c.Zones, w.now)
		if most := w.store.c.Retry.MaxAttemptsPerDay; most > 0 {
			clock, today := calendar(campaign.Schedule{TimeZone: campaign.ZoneOfContact}, c.Zones), 0
			for _, r := range w.provider.byNumber[to] {
				if clock.Day(r.at) == clock.Day(w.now) {
					today++
				}
			}
			w.happyf(today <= most, "%s (%s) is dialled %d times on a day, %d allowed", to, c.Zones, today, most)
		}
	}
}

// reschedule is a user who changes the hours of a campaign at work.
func (u *user) reschedule() {
	if u.w.store.c.Status.Ended() {
		return
	}
	u.w.saw("user: schedule changed")
	u.w.keep(u.w.schedule())
	u.tell()
}
