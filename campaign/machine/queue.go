package machine

import (
	"cmp"
	"reflect"
	"slices"
	"time"

	"dialtone/campaign"
	"dialtone/campaign/hours"
)

// Zone is what the store calls some time zones.
type Zone struct {
	ID    campaign.ZoneID
	Zones campaign.Zones
}

// queue is the calls of a campaign that wait, in lanes.  Only the lanes that are
// open are dialled; of those, the one that closes first goes first, so that no
// number waits for tomorrow behind one that could have waited.
type queue struct {
	early    time.Duration
	settings campaign.Settings // of which the schedule and the default zone count
	router   router
	zones    []Zone
	// lanes are in order: the open ones, by the time at which they close.
	lanes   []*lane
	loading *lane // whose page is on its way
	// turned: since withdraw last looked, a lane has opened or closed.
	turned bool
	// remeasure: since aim last looked, that has happened, or lanes have other hours.
	remeasure bool
	clocks    map[campaign.ZoneID]hours.Calendar
	counts    []int // of ready
}

// perContact reports whether each set of zones has a lane of its own.
func (q *queue) perContact() bool { return q.settings.Schedule.PerContact() }

// reckon takes over a schedule and zones.  It is false, and nothing is done, if the
// lanes that there are can't be kept: they are all of one campaign, or of one zone
// each.
func (q *queue) reckon(s campaign.Settings, zones []Zone) bool {
	if len(q.lanes) > 0 && s.Schedule.PerContact() != q.perContact() {
		return false
	}
	same := s.DefaultTimeZone == q.settings.DefaultTimeZone && slices.Equal(zones, q.zones) && reflect.DeepEqual(s.Schedule, q.settings.Schedule)
	if same && len(q.lanes) > 0 {
		return true
	}
	q.settings, q.zones = s, zones
	q.clocks = make(map[campaign.ZoneID]hours.Calendar)
	if q.perContact() {
		for _, z := range zones {
			q.lane(z.ID)
		}
	} else {
		q.lane(campaign.AnyZone)
	}
	for _, l := range q.lanes {
		q.date(l)
	}
	return true
}

// date gives a lane its calendar.  One whose zones are not known stays closed, until
// a refresh tells them.
func (q *queue) date(l *lane) {
	l.calendar, l.names, l.dated, q.remeasure = nil, nil, false, true
	zones, known := q.zonesOf(l.zone)
	if q.perContact() && !known {
		return
	}
	if c, err := hours.Of(q.settings, zones); err == nil {
		l.calendar = &c
		if q.settings.Schedule.TimeZone != "" {
			l.names = c.Zones()
		}
	}
}

// zonesOf are the time zones of numbers; false where the store has not told them yet.
func (q *queue) zonesOf(zone campaign.ZoneID) (campaign.Zones, bool) {
	at, known := slices.BinarySearchFunc(q.zones, zone, func(z Zone, id campaign.ZoneID) int { return cmp.Compare(z.ID, id) })
	if !known {
		return "", false
	}
	return q.zones[at].Zones, true
}

// clock tells the date where a number is.
func (q *queue) clock(zone campaign.ZoneID) hours.Calendar {
	c, ok := q.clocks[zone]
	if !ok {
		zones, _ := q.zonesOf(zone)
		c = hours.Clock(q.settings, zones)
		q.clocks[zone] = c
	}
	return c
}

// lane finds the lane of a number's zone, or makes it.
func (q *queue) lane(zone campaign.ZoneID) *lane {
	if !q.perContact() {
		zone = campaign.AnyZone
	}
	for _, l := range q.lanes {
		if l.zone == zone {
			return l
		}
	}
	l := &lane{zone: zone}
	q.date(l)
	q.lanes = append(q.lanes, l)
	return l
}

// strike brings the hours up to now.
func (q *queue) strike(now time.Time) {
	changed := false
	for _, l := range q.lanes {
		was := l.turns
		changed = l.strike(now, q.early) || !l.turns.Equal(was) || changed
	}
	q.turned, q.remeasure = q.turned || changed, q.remeasure || changed
	if changed {
		slices.SortFunc(q.lanes, func(a, b *lane) int {
			return cmp.Or(-compareBool(a.open, b.open), compareEnds(a.turns, b.turns), cmp.Compare(a.zone, b.zone))
		})
	}
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// compareEnds orders times of which zero is never.
func compareEnds(a, b time.Time) int {
	if c := compareBool(a.IsZero(), b.IsZero()); c != 0 {
		return c
	}
	return a.Compare(b)
}

// opened are the lanes that are open: the first of them.
func (q *queue) opened() []*lane {
	n := 0
	for n < len(q.lanes) && q.lanes[n].open {
		n++
	}
	return q.lanes[:n]
}

// tally is what could be dialled now.
type tally struct {
	retries, fresh int
	byClass        []int
}

// ready counts what could be dialled now, up to most, in all and of each class.
func (q *queue) ready(now time.Time, most int) (t tally) {
	q.counts = append(q.counts[:0], make([]int, q.router.classes())...)
	t.byClass = q.counts
	for c := range t.byClass {
		if class(c) == stranded {
			continue
		}
		retries, fresh := q.readyOf(class(c), now.UnixNano(), most)
		t.byClass[c] = retries + fresh
		t.retries, t.fresh = t.retries+retries, t.fresh+fresh
	}
	t.retries = min(t.retries, most)
	t.fresh = min(t.fresh, most-t.retries)
	return t
}

// readyOf counts what could be dialled now of one class, up to most.
func (q *queue) readyOf(c class, at int64, most int) (retries, fresh int) {
	for _, l := range q.opened() {
		retries += l.shelf(c).retries.ready(at, most-retries)
	}
	for _, l := range q.opened() {
		fresh += l.shelf(c).fresh(at, most-retries-fresh)
	}
	return retries, fresh
}

// take removes the call that a provider is to dial next.
func (q *queue) take(now time.Time, provider string) (due, bool) {
	at, leads, open := now.UnixNano(), q.router.leads(provider), q.opened()
	var first *dues
	for _, l := range open {
		if h := l.earliest(leads, retriesOf); h != nil && (first == nil || (*h)[0].at < (*first)[0].at) {
			first = h
		}
	}
	if first != nil {
		if d, ok := first.take(at); ok {
			return d, true
		}
	}
	for _, l := range open {
		if h := l.earliest(leads, returnedOf); h != nil {
			if d, ok := h.take(at); ok {
				return d, true
			}
		}
	}
	for _, l := range open {
		if d, ok := l.takePaged(leads); ok {
			return d, true
		}
	}
	return due{}, false
}

// retry puts a call among the retries of its lane.
func (q *queue) retry(d due) { q.lane(d.zone).shelf(d.class).retries.add(d) }

// restore puts a queued call that was given back in its place.
func (q *queue) restore(d due) {
	l := q.lane(d.zone)
	l.restore(d, l == q.loading)
}

// readOn lets all of the store's queue be read on.
func (q *queue) readOn() {
	for _, l := range q.lanes {
		l.readOn(l == q.loading)
	}
}

// mostAtHand bounds what is read ahead of a lane whose numbers have different routes.
const mostAtHand = 100_000

// load picks the lane to read from: of those that are open the first that is not read
// to its end.  Numbers that no provider serves do not count as at hand.
//
// Where all numbers can go by the same providers, that is when half of a page is used
// up.  What is at hand of lanes after it does not count, since they are dialled after
// it.
//
// Where routes differ, what is at hand may all be of a route that takes no calls now,
// and which those are the machine can't know.  So each lane is read to its end, or
// until it would hold more than mostAtHand.
func (q *queue) load(pageSize int) *Load {
	if q.loading != nil {
		return nil
	}
	atHand := 0
	for _, l := range q.opened() {
		n := l.fresh()
		if atHand += n; !q.router.forks && atHand > pageSize/2 {
			return nil
		}
		if !l.exhausted && (!q.router.forks || n == 0 || n+pageSize <= mostAtHand) {
			q.loading = l
			return &Load{Zone: l.zone, After: l.cursor, Limit: pageSize}
		}
	}
	return nil
}

// paged takes in the page that was on its way.
func (q *queue) paged(in Page, skip func(Waiting) bool) {
	l := q.loading
	if l == nil {
		return // nobody asked for it
	}
	q.loading = nil
	l.paged(in, skip, q.router.class)
}

// stranded is how many calls are at hand that no provider serves.
func (q *queue) stranded() (n int) {
	for _, l := range q.lanes {
		if len(l.shelves) > int(stranded) {
			n += l.shelves[stranded].size()
		}
	}
	return n
}

// byClass counts the calls at hand, in open lanes and in closed ones, by class.
func (q *queue) byClass() []int {
	out := make([]int, q.router.classes())
	for _, l := range q.lanes {
		for c := range l.shelves {
			out[c] += l.shelves[c].size()
		}
	}
	return out
}

// size is how many calls are at hand, in open lanes and in closed ones.
func (q *queue) size() (n int) {
	for _, l := range q.lanes {
		n += l.size()
	}
	return n
}

// exhausted reports whether the store's queue has been read to its end.
func (q *queue) exhausted() bool {
	return !slices.ContainsFunc(q.lanes, func(l *lane) bool { return !l.exhausted })
}

// readOpen reports whether the open lanes have been read to their end.
func (q *queue) readOpen() bool {
	return !slices.ContainsFunc(q.opened(), func(l *lane) bool { return !l.exhausted })
}

// next is the first time after another at which there is more, or less, to dial;
// zero for none.
func (q *queue) next(after time.Time) (first time.Time) {
	for _, l := range q.lanes {
		first = soonest(after, first, l.next(after))
	}
	return first
}

// clear forgets what waits.
func (q *queue) clear() {
	for _, l := range q.lanes {
		l.clear()
	}
}
