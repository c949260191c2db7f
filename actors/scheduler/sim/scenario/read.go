package scenario

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"dialtone/campaign"
	"dialtone/campaign/hours"
	"dialtone/internal/yamlfile"
)

func read(path string, text []byte) (*Scenario, error) {
	root := yamlfile.Parse(text, "duration, capacity and campaigns")
	s := readScenario(root)
	if faults := root.Faults(); len(faults) > 0 {
		return nil, &FileError{Path: path, Faults: faults}
	}
	return s, nil
}

func readScenario(f yamlfile.Section) *Scenario {
	f.Known("name", "start", "duration", "seed", "capacity", "campaigns")
	s := &Scenario{Name: cmp.Or(f.Text("name"), "Scenario"), Seed: uint64(cmp.Or(f.Integer("seed", 1, 1<<53), 1))}
	s.Start = cmp.Or(readTime(f, "start"), defaultStart)
	if !f.Missing("duration") {
		s.Duration = f.Duration("duration", LimitDuration)
	}
	if f.Has("capacity") {
		c := f.Section("capacity")
		c.Known("channels", "calls_per_second")
		s.Channels, s.CallsPerSecond = c.Limit("channels", limitCapacity), c.Rate("calls_per_second", limitCapacity)
	}
	names := map[string]bool{}
	for _, item := range f.List("campaigns", "campaign") {
		c := s.readCampaign(item)
		if names[c.Name] && c.Name != "" {
			item.Fault("name", "There is a campaign %q already; name each once, and give a count for several alike.", c.Name)
		}
		names[c.Name] = true
		s.Campaigns = append(s.Campaigns, c)
	}
	if n, _ := s.Size(); n > LimitCampaigns {
		f.Fault("campaigns", "There are %d campaigns; the most is %d.", n, LimitCampaigns)
	}
	return s
}

func (s *Scenario) readCampaign(f yamlfile.Section) Campaign {
	f.Known("name", "count", "numbers", "call_length", "max_concurrent_calls", "weight", "priority", "group", "deadline",
		"start_after", "spread", "schedule", "failing", "failing_length", "retry", "changes")
	c := Campaign{Count: cmp.Or(f.Integer("count", 1, LimitCampaigns), 1), Settings: campaign.Settings{
		Name:               f.Required("name"),
		MaxConcurrentCalls: f.Integer("max_concurrent_calls", 1, campaign.LimitMaxConcurrentCalls),
		Weight:             readWeight(f),
		Group:              f.Text("group"),
		Priority:           f.Integer("priority", 1, campaign.LimitPriority),
		Deadline:           s.readDeadline(f),
	}}
	if !f.Missing("numbers") {
		c.Numbers = f.Integer("numbers", 0, LimitNumbers)
	}
	if !f.Missing("call_length") {
		c.Calls.Lengths = readLength(f, "call_length")
	}
	if f.Has("failing_length") {
		c.Calls.FailingLengths = readLength(f, "failing_length")
	}
	c.Calls.Failing = f.Number("failing", 0, 1)
	c.StartAfter, c.Spread = readOffset(f, "start_after"), readOffset(f, "spread")
	if f.Has("schedule") {
		c.Schedule = readSchedule(f.Section("schedule"))
		f.Adopt(hours.Check(c.Schedule, "schedule"))
	}
	if f.Has("retry") {
		c.Retry = readRetry(f.Section("retry"))
	}
	if f.Has("changes") {
		c.Changes = readChanges(f)
	}
	c.Settings = c.WithDefaults()
	if c.Name != "" {
		f.Adopt(c.Validate())
	}
	return c
}

// readWeight refuses a weight of 0, which would be taken for none.
func readWeight(f yamlfile.Section) float64 {
	before := len(f.Faults())
	w := f.Number("weight", 0, campaign.LimitWeight)
	if f.Has("weight") && w < campaign.LeastWeight && len(f.Faults()) == before {
		f.Fault("weight", "Give a weight above 0: from %g to %.0f.", campaign.LeastWeight, campaign.LimitWeight)
	}
	return w
}

// readOffset is a duration of which 0 and none are the same.
func readOffset(f yamlfile.Section, key string) time.Duration {
	if t := f.Text(key); t == "0" || t == "0s" {
		return 0
	}
	return f.Duration(key, LimitDuration)
}

func readTime(f yamlfile.Section, key string) time.Time {
	text := f.Text(key)
	if text == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		f.Fault(key, "Write a time like 2026-03-02T08:00:00Z, not %q.", text)
	}
	return t
}

// readDeadline is a time, or how long after the scenario's start.
func (s *Scenario) readDeadline(f yamlfile.Section) time.Time {
	text := f.Text("deadline")
	if text == "" {
		return time.Time{}
	}
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return s.Start.Add(d)
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		f.Fault("deadline", "Write how long after the start (6h), or a time like 2026-03-02T08:00:00Z, not %q.", text)
	}
	return t
}

func readRetry(f yamlfile.Section) campaign.RetryPolicy {
	f.Known("max_attempts", "delay", "backoff", "max_delay")
	return campaign.RetryPolicy{
		MaxAttempts: f.Integer("max_attempts", 1, campaign.LimitMaxAttempts),
		Delay:       campaign.Duration(f.Duration("delay", time.Duration(campaign.LimitRetryDelay))),
		Backoff:     campaign.Backoff(f.Text("backoff")),
		MaxDelay:    campaign.Duration(f.Duration("max_delay", time.Duration(campaign.LimitRetryDelay))),
	}
}

func readChanges(f yamlfile.Section) (out []Change) {
	for _, item := range f.List("changes", "change") {
		item.Known("after", "paused", "weight", "max_concurrent_calls", "numbers")
		c := Change{
			Weight:             readWeight(item),
			MaxConcurrentCalls: item.Integer("max_concurrent_calls", 1, campaign.LimitMaxConcurrentCalls),
			Numbers:            item.Integer("numbers", 0, LimitNumbers),
		}
		if !item.Missing("after") {
			c.After = readOffset(item, "after")
		}
		if item.Has("paused") {
			p := item.Switch("paused")
			c.Paused = &p
		}
		if len(item.Keys()) == 1 && item.Has("after") {
			item.Fault("after", "Say what changes: paused, weight, max_concurrent_calls or numbers.")
		}
		out = append(out, c)
	}
	slices.SortStableFunc(out, func(a, b Change) int { return cmp.Compare(a.After, b.After) })
	return out
}

func readSchedule(f yamlfile.Section) (s campaign.Schedule) {
	f.Known("time_zone", "windows", "closed_dates", "special_dates", "start_at", "end_at")
	s.TimeZone = f.Text("time_zone")
	if s.PerContact() {
		f.Fault("time_zone", "A simulated campaign has no contacts, so no zones of theirs; make one campaign for each zone.")
	}
	if f.Has("windows") {
		for _, item := range f.List("windows", "window") {
			item.Known("days", "start", "end")
			s.Windows = append(s.Windows, campaign.Window{Days: readDays(item), Span: readSpan(item)})
		}
	}
	for _, text := range f.Texts("closed_dates") {
		s.ClosedDates = append(s.ClosedDates, readDate(f, "closed_dates", text))
	}
	if f.Has("special_dates") {
		for _, item := range f.List("special_dates", "date") {
			s.SpecialDates = append(s.SpecialDates, readSpecial(item))
		}
	}
	s.StartAt, s.EndAt = readTime(f, "start_at"), readTime(f, "end_at")
	return s
}

func readSpecial(f yamlfile.Section) (d campaign.SpecialDate) {
	f.Known("date", "windows")
	d.Date = readDate(f, "date", f.Required("date"))
	if f.Has("windows") {
		for _, w := range f.List("windows", "window") {
			w.Known("start", "end")
			d.Windows = append(d.Windows, readSpan(w))
		}
	}
	return d
}

func readSpan(f yamlfile.Section) campaign.Span {
	return campaign.Span{Start: readClock(f, "start"), End: readClock(f, "end")}
}

func readClock(f yamlfile.Section, key string) (c campaign.Clock) {
	if text := f.Required(key); text != "" {
		if err := c.UnmarshalText([]byte(text)); err != nil {
			f.Fault(key, "%v.", err)
		}
	}
	return c
}

func readDate(f yamlfile.Section, key, text string) (d campaign.Date) {
	if text == "" {
		return d
	}
	if err := d.UnmarshalText([]byte(text)); err != nil {
		f.Fault(key, "%v.", err)
	}
	return d
}

// readDays takes what the API takes.
func readDays(f yamlfile.Section) (days campaign.Days) {
	if f.Missing("days") {
		return 0
	}
	list := f.Texts("days")
	if err := days.UnmarshalJSON([]byte(`["` + strings.Join(list, `","`) + `"]`)); err != nil && len(list) > 0 {
		f.Fault("days", "%v.", err)
	}
	return days
}
