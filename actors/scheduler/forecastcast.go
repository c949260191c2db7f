package scheduler

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"dialtone/actors/scheduler/sim"
	"dialtone/actors/scheduler/strategy"
	"dialtone/campaign"
	"dialtone/campaign/hours"
	"dialtone/store"
)

// deadlineOf is a campaign's, or its schedule's end: the earlier.
func deadlineOf(s campaign.Settings) time.Time {
	end := s.Schedule.EndAt
	if s.Deadline.IsZero() || !end.IsZero() && end.Before(s.Deadline) {
		return end.UTC()
	}
	return s.Deadline.UTC()
}

// ahead is a lane of the target.
type ahead struct {
	zone     campaign.ZoneID // AnyZone for all numbers
	calendar hours.Calendar
	numbers  int       // never dialled
	closes   time.Time // its window, or the next; zero is never
}

// cast puts the campaigns on the scene, and returns the lanes of the target.
func (c *Candidate) cast(ctx context.Context, s *scene, target campaign.Campaign, seen []sighting) ([]ahead, error) {
	lanes, err := c.lanes(ctx, target, s.at)
	if err != nil {
		return nil, err
	}
	own := sighting{id: target.ID}
	for _, o := range seen {
		if o.id == target.ID {
			own = o
		}
	}
	guess := firstGuess(seen)
	mine := known(target, own, guess)
	mine.numbers = nil
	for _, l := range lanes {
		mine.spec.Lanes = append(mine.spec.Lanes, l.calendar)
		mine.numbers = append(mine.numbers, l.numbers)
	}
	s.contenders = append(c.rivals(ctx, target.ID, seen, guess), mine)
	s.target = len(s.contenders) - 1
	return lanes, nil
}

// firstGuess is how long calls last of a campaign that had none: like those of others.
func firstGuess(seen []sighting) time.Duration {
	sum, n := time.Duration(0), 0
	for i := range seen {
		if l := seen[i].terms.Length; l > 0 {
			sum += l
			n++
		}
	}
	if n == 0 {
		return firstLength
	}
	return sum / time.Duration(n)
}

// lanes are the numbers of the target that wait, by their hours.
func (c *Candidate) lanes(ctx context.Context, target campaign.Campaign, now time.Time) ([]ahead, error) {
	if !target.Schedule.PerContact() {
		calendar, err := hours.Of(target.Settings, "")
		if err != nil {
			return nil, fmt.Errorf("read the schedule: %w", err)
		}
		return []ahead{{zone: campaign.AnyZone, calendar: calendar, numbers: target.Stats.Queued, closes: closes(calendar, now)}}, nil
	}
	zones, err := c.cfg.Campaigns.Zones(ctx, target.ID)
	if err != nil {
		return nil, fmt.Errorf("list the zones: %w", err)
	}
	waiting, err := c.cfg.Campaigns.Waiting(ctx, target.ID)
	if err != nil {
		return nil, fmt.Errorf("count what waits: %w", err)
	}
	var out []ahead
	for _, z := range zones {
		if w := waiting[z.ID]; w.Queued+w.RetryWait > 0 {
			calendar, _ := hours.Of(target.Settings, z.Zones) // of an unknown zone: never open
			out = append(out, ahead{zone: z.ID, calendar: calendar, numbers: w.Queued, closes: closes(calendar, now)})
		}
	}
	return out, nil
}

// closes is when hours end that are open now, or next; zero is never.
func closes(c hours.Calendar, now time.Time) time.Time {
	opens, ok := c.NextOpen(now)
	if !ok {
		return time.Time{}
	}
	at, _ := c.Close(opens)
	return at
}

// rivals are the others that are awake.  What the store does not tell in time is taken
// from what the leader knows.
func (c *Candidate) rivals(ctx context.Context, target campaign.ID, seen []sighting, guess time.Duration) []contender {
	ctx, cancel := context.WithTimeout(ctx, rivalPatience)
	defer cancel()
	slices.SortFunc(seen, func(a, b sighting) int {
		return cmp.Or(cmp.Compare(b.terms.Remaining, a.terms.Remaining), cmp.Compare(a.id, b.id))
	})
	out := make([]contender, 0, len(seen)+1)
	for i, o := range seen {
		switch {
		case o.id == target:
		case i < mostKnown && ctx.Err() == nil:
			out = append(out, c.rival(ctx, o, guess))
		default:
			out = append(out, stranger(o, guess))
		}
	}
	return out
}

// rival is a campaign that shares the capacity.  Where its numbers go by their own
// clocks, some of its zones are taken to have as many each.
func (c *Candidate) rival(ctx context.Context, o sighting, guess time.Duration) contender {
	r, err := c.cfg.Campaigns.Campaign(ctx, o.id)
	if err != nil {
		return stranger(o, guess)
	}
	if r.Status != campaign.StatusInProgress && !r.Armed {
		idle := stranger(o, guess)
		idle.numbers = []int{0} // what is up is up
		return idle
	}
	out := known(r, o, guess)
	zones := []store.Zone{{}}
	if r.Schedule.PerContact() {
		zones, _ = c.cfg.Campaigns.Zones(ctx, o.id)
	}
	out.numbers = nil
	each := max(1, (len(zones)+rivalLanes-1)/rivalLanes)
	for i := 0; i < len(zones); i += each {
		calendar, _ := hours.Of(r.Settings, zones[i].Zones) // of an unknown zone: never open
		out.spec.Lanes = append(out.spec.Lanes, calendar)
	}
	for i := range out.spec.Lanes {
		n := len(out.spec.Lanes)
		out.numbers = append(out.numbers, (r.Stats.Queued+i)/n)
	}
	if out.numbers == nil { // the store did not tell the zones
		out.numbers = []int{r.Stats.Queued}
	}
	return out
}

// known is a campaign of which the store was asked, its numbers in one lane.
func known(c campaign.Campaign, seen sighting, guess time.Duration) contender {
	out := contender{
		id: c.ID, up: seen.up, retries: c.Stats.RetryWait, numbers: []int{c.Stats.Queued}, ends: c.Schedule.EndAt,
		calls: likely{lengths: seen.calls, known: seen.calls.Seen(), failed: max(0, c.Stats.Attempts-c.Stats.Completed), ended: c.Stats.Attempts},
		spec: sim.Campaign{
			Terms: strategy.Terms{Weight: c.Weight, Group: c.Group, Priority: c.Priority, Length: seen.terms.Length},
			Limit: c.MaxConcurrentCalls, Retry: c.Retry, Deadline: deadlineOf(c.Settings),
		},
	}
	if out.calls.lengths.Guess = guess; seen.terms.Length > 0 {
		out.calls.lengths.Guess = seen.terms.Length
		out.calls.known = max(out.calls.known, 10) // the mean of about so many
	}
	return out
}

// stranger is a campaign as the leader alone knows it, always open.
func stranger(o sighting, guess time.Duration) contender {
	c := known(campaign.Campaign{ID: o.id}, o, guess)
	c.spec.Terms, c.spec.Limit = o.terms, o.limit
	c.numbers = []int{o.terms.Remaining}
	return c
}

// closing lists the lanes that close, the first of them with examples, and which lane
// each is.  That examples can't be read spoils nothing else.
func (c *Candidate) closing(ctx context.Context, id campaign.ID, lanes []ahead) (out []Closing, of []int) {
	for i := range lanes {
		if !lanes[i].closes.IsZero() && lanes[i].numbers > 0 {
			of = append(of, i)
		}
	}
	slices.SortStableFunc(of, func(a, b int) int { return lanes[a].closes.Compare(lanes[b].closes) })
	out = make([]Closing, len(of))
	for i, lane := range of {
		l := &lanes[lane]
		out[i] = Closing{
			TimeZone: strings.Join(l.calendar.Zones(), ","), ClosesAt: l.closes.UTC(), Numbers: l.numbers, Examples: []Example{},
		}
		if i < exampleClosing {
			out[i].Examples = c.examples(ctx, id, l.zone)
		}
	}
	return out, of
}

func (c *Candidate) examples(ctx context.Context, id campaign.ID, zone campaign.ZoneID) []Example {
	out := []Example{}
	queued, _ := c.cfg.Campaigns.Queued(ctx, id, zone, 0, examples)
	for _, w := range queued {
		if call, err := c.cfg.Campaigns.Call(ctx, w.ID); err == nil {
			out = append(out, Example{Call: w.ID, To: call.Phone})
		}
	}
	return out
}
