package scenario

import (
	"slices"
	"time"

	"dialtone/actors/scheduler/sim"
	"dialtone/campaign"
)

// Result is what came of a scenario under a strategy.
type Result struct {
	Choice
	Pool sim.Pool `json:"pool"`
	// Jain is sim.Reading.Jain over the whole run.
	Jain float64 `json:"jain"`
	// JainGroups is the same between groups and campaigns that stand for themselves;
	// nil where there are no groups.
	JainGroups *float64 `json:"jain_groups,omitempty"`
	// ChannelsUsed and RateUsed are the parts in use while somebody waited for a
	// token; nil where nobody did or nothing limits.
	ChannelsUsed *float64  `json:"channels_used,omitempty"`
	RateUsed     *float64  `json:"rate_used,omitempty"`
	Lines        []Line    `json:"lines"`     // as in the scenario
	Campaigns    []Outcome `json:"campaigns"` // each
	Windows      []Window  `json:"-"`
}

// Outcome is what came of one campaign.
type Outcome struct {
	Name string `json:"name"`
	// Share is its part of the cost of all calls.
	Share     float64       `json:"share"`
	Calls     int           `json:"calls"`
	Completed int           `json:"completed"`
	Failed    int           `json:"failed"`
	Left      int           `json:"left"` // numbers that are not done at the end
	Wait      time.Duration `json:"wait_ns"`
	Longest   time.Duration `json:"longest_wait_ns"`
	First     time.Duration `json:"first_wait_ns"`
	// Finished is when its last call ended, since the scenario's start; nil is
	// not.
	Finished *time.Duration `json:"finished_ns,omitempty"`
	// OnTime: all was placed by its deadline; nil without one.
	OnTime *bool `json:"on_time,omitempty"`

	line   int
	waited time.Duration
}

// Line is what came of all campaigns of one line.
type Line struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
	// Share is that of all together, and Low and High those of single ones, a tenth
	// of which has less, or more.
	Share   float64       `json:"share"`
	Low     float64       `json:"share_p10"`
	High    float64       `json:"share_p90"`
	Calls   int           `json:"calls"`
	Wait    time.Duration `json:"wait_ns"` // mean over its calls
	Longest time.Duration `json:"longest_wait_ns"`
	First   time.Duration `json:"first_wait_ns"` // the longest of them
	// Done is how many have finished, and Last when the last of them did.
	Done      int           `json:"done"`
	Last      time.Duration `json:"last_finished_ns"`
	Deadlined int           `json:"with_deadline"`
	OnTime    int           `json:"on_time"`
}

// Window is a span of the run, for plots.
type Window struct {
	Until time.Duration // since the scenario's start
	Lines []Part        // as in the scenario
	Jain  float64
	// ChannelsUsed and RateUsed are parts of what there is, whether or not
	// anybody waited; 0 where nothing limits.
	ChannelsUsed, RateUsed float64
	// Contended is for how much of the time somebody waited.
	Contended float64
}

// Part is what the campaigns of a line had in a window.
type Part struct {
	Slots   float64 // channels in use, on average
	Cost    float64 // part of the whole capacity, of whichever binds
	Longest time.Duration
}

func (r *run) window(m sim.Reading) Window {
	seconds := m.Until.Sub(m.From).Seconds()
	w := Window{
		Until: m.Until.Sub(r.scenario.Start), Lines: make([]Part, len(r.scenario.Campaigns)),
		Jain: m.Jain(), Contended: m.Pool.Contended / seconds,
	}
	if m.Channels > 0 {
		w.ChannelsUsed = m.Pool.Busy / (seconds * float64(m.Channels))
	}
	if m.CallsPerSecond > 0 {
		w.RateUsed = float64(m.Pool.Calls) / (seconds * m.CallsPerSecond)
	}
	for i := range m.Campaigns {
		u := &m.Campaigns[i]
		p := &w.Lines[r.players[u.Campaign-1].line]
		p.Slots += u.Slots / seconds
		p.Cost += u.Cost / seconds
		p.Longest = max(p.Longest, u.Longest)
	}
	return w
}

// tally writes down what came of it all.
func (r *run) tally(out *Result) {
	end := r.scenario.Start.Add(r.scenario.Duration)
	m := r.meter.Read(end)
	out.Pool, out.Jain = m.Pool, m.Jain()
	if r.groups != nil {
		out.JainGroups = part(r.groups.Read(end).Jain(), true)
	}
	out.ChannelsUsed, out.RateUsed = part(m.ChannelsUsed()), part(m.RateUsed())
	all := m.Cost()
	usage := make(map[campaign.ID]*sim.Usage, len(m.Campaigns))
	for i := range m.Campaigns {
		usage[m.Campaigns[i].Campaign] = &m.Campaigns[i]
	}
	for i := range r.players {
		id := campaign.ID(i + 1)
		u := usage[id]
		if u == nil { // it has not started
			u = &sim.Usage{}
		}
		out.Campaigns = append(out.Campaigns, r.outcome(&r.players[i], u, r.engine.Count(id), all))
	}
	for i := range r.scenario.Campaigns {
		out.Lines = append(out.Lines, line(&r.scenario.Campaigns[i], i, out.Campaigns))
	}
}

func part(x float64, ok bool) *float64 {
	if !ok {
		return nil
	}
	return &x
}

func (r *run) outcome(p *player, u *sim.Usage, c sim.Count, all float64) Outcome {
	o := Outcome{
		Name: p.name, Calls: u.Calls, Completed: c.Completed, Failed: c.Failed,
		Left: c.Numbers + c.Due + c.Later + c.Up,
		Wait: u.Wait(), Longest: u.Longest, First: u.First, line: p.line, waited: u.Waited,
	}
	if all > 0 {
		o.Share = u.Cost / all
	}
	if !c.Done.IsZero() {
		d := c.Done.Sub(r.scenario.Start)
		o.Finished = &d
	}
	if !p.spec.Deadline.IsZero() {
		in := o.Finished != nil && !c.Last.After(p.spec.Deadline)
		o.OnTime = &in
	}
	return o
}

// line sums up the outcomes of one line.
func line(c *Campaign, at int, all []Outcome) Line {
	l := Line{Name: c.Name, Count: c.Count}
	var shares []float64
	var waited time.Duration
	for i := range all {
		o := &all[i]
		if o.line != at {
			continue
		}
		shares = append(shares, o.Share)
		waited += o.waited
		l.Share += o.Share
		l.Calls += o.Calls
		l.Longest, l.First = max(l.Longest, o.Longest), max(l.First, o.First)
		if o.Finished != nil {
			l.Done++
			l.Last = max(l.Last, *o.Finished)
		}
		if o.OnTime != nil {
			l.Deadlined++
			if *o.OnTime {
				l.OnTime++
			}
		}
	}
	l.Wait = waited / time.Duration(max(l.Calls, 1))
	l.Low, l.High = Percentile(shares, 10), Percentile(shares, 90)
	return l
}

// Percentile is the value below or at which so many per cent are; xs is put in
// order.
func Percentile[T int | float64 | time.Duration](xs []T, percent int) T {
	if len(xs) == 0 {
		return 0
	}
	slices.Sort(xs)
	return xs[(len(xs)-1)*percent/100]
}
