package main

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"dialtone/actors/scheduler/sim/scenario"
)

// manyLines is above how many lines a scenario is summed up by percentiles.
const manyLines = 20

// comparison is a table in which the strategies' numbers for the same thing stand
// under each other.
func comparison(s *scenario.Scenario, results []*scenario.Result) string {
	var b strings.Builder
	campaigns, numbers := s.Size()
	fmt.Fprintf(&b, "%s: %s from %s, seed %d\n", s.Name, span(s.Duration), s.Start.Format("2006-01-02 15:04 MST"), s.Seed)
	fmt.Fprintf(&b, "%s, %s; %s with %s\n\n",
		limit(s.Channels, "channels"), limit(s.CallsPerSecond, "calls per second"), plural(campaigns, "campaign"), plural(numbers, "number"))
	if len(s.Campaigns) > manyLines {
		b.WriteString(percentiles(results))
	} else {
		b.WriteString(lines(results))
	}
	b.WriteByte('\n')
	b.WriteString(totals(results))
	return b.String()
}

func lines(results []*scenario.Result) string {
	deadlines := false
	for _, l := range results[0].Lines {
		deadlines = deadlines || l.Deadlined > 0
	}
	head := []string{"campaign", "strategy", "share", "each", "calls", "wait", "longest", "first", "finished"}
	if deadlines {
		head = append(head, "on time")
	}
	t := table{head: head, left: 2}
	for i := range results[0].Lines {
		for j, r := range results {
			l := r.Lines[i]
			name := l.Name
			if l.Count > 1 {
				name = fmt.Sprintf("%s × %d", name, l.Count)
			}
			if j > 0 {
				name = ""
			}
			row := []string{name, r.Label(), percent(l.Share), each(l), thousands(l.Calls), span(l.Wait), span(l.Longest), span(l.First), finished(l.Done, l.Count, l.Last)}
			if deadlines {
				row = append(row, onTime(l))
			}
			t.add(row...)
		}
	}
	return t.String()
}

func each(l scenario.Line) string {
	if l.Count == 1 {
		return ""
	}
	return fmt.Sprintf("%.2f–%.2f %%", 100*l.Low, 100*l.High)
}

func onTime(l scenario.Line) string {
	if l.Deadlined == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d", l.OnTime, l.Deadlined)
}

func finished(done, of int, last time.Duration) string {
	switch {
	case done < of:
		return fmt.Sprintf("%d of %d", done, of)
	case of == 1:
		return span(last)
	}
	return "all, " + span(last)
}

// percentiles sums up single campaigns, each column for itself.
func percentiles(results []*scenario.Result) string {
	t := table{head: []string{"campaigns", "strategy", "share", "calls", "wait", "longest", "finished"}, left: 2}
	for _, p := range []struct {
		name string
		at   int
	}{{"least", 0}, {"10 %", 10}, {"half", 50}, {"90 %", 90}, {"most", 100}} {
		for j, r := range results {
			var shares []float64
			var calls []int
			var waits, longest, ends []time.Duration
			for _, o := range r.Campaigns {
				shares, calls = append(shares, o.Share), append(calls, o.Calls)
				waits, longest = append(waits, o.Wait), append(longest, o.Longest)
				if o.Finished != nil {
					ends = append(ends, *o.Finished)
				}
			}
			name := p.name
			if j > 0 {
				name = ""
			}
			end := ""
			if len(ends) > 0 {
				end = span(scenario.Percentile(ends, p.at))
			}
			t.add(name, r.Label(), fmt.Sprintf("%.3f %%", 100*scenario.Percentile(shares, p.at)), thousands(scenario.Percentile(calls, p.at)),
				span(scenario.Percentile(waits, p.at)), span(scenario.Percentile(longest, p.at)), end)
		}
	}
	return t.String()
}

// totals compares the strategies as a whole.
func totals(results []*scenario.Result) string {
	t := table{head: []string{"strategy", "calls", "Jain's index", "channels used", "rate used", "finished"}, left: 1}
	grouped := results[0].JainGroups != nil
	if grouped {
		t.head = append(t.head, "Jain's index of groups")
	}
	for _, r := range results {
		done, last := 0, time.Duration(0)
		for _, l := range r.Lines {
			done += l.Done
			last = max(last, l.Last)
		}
		row := []string{r.Label(), thousands(r.Pool.Calls), fmt.Sprintf("%.3f", r.Jain), part(r.ChannelsUsed), part(r.RateUsed), finished(done, len(r.Campaigns), last)}
		if grouped {
			row = append(row, fmt.Sprintf("%.3f", *r.JainGroups))
		}
		t.add(row...)
	}
	return t.String()
}

func part(x *float64) string {
	if x == nil {
		return "–"
	}
	return percent(*x)
}

func percent(x float64) string { return fmt.Sprintf("%.1f %%", 100*x) }

// span is a duration for people: three figures or so.
func span(d time.Duration) string {
	switch {
	case d == 0:
		return "0s"
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%.0fs", d.Seconds())
	case d < time.Hour:
		d = d.Round(time.Second)
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	d = d.Round(time.Minute)
	return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
}

func limit[T int | float64](n T, of string) string {
	if n == 0 {
		return "no limit on " + of
	}
	return fmt.Sprintf("%v %s", n, of)
}

func plural(n int, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return thousands(n) + " " + of + "s"
}

// thousands is a number with a comma before every three digits.
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// table lines up columns: the first few to the left, the others to the right.
type table struct {
	head []string
	left int
	rows [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) String() string {
	width := make([]int, len(t.head))
	all := append([][]string{t.head}, t.rows...)
	for _, row := range all {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, row := range all {
		var line strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell))
			if i >= t.left {
				cell = pad + cell
			} else {
				cell += pad
			}
			line.WriteString(cell + "  ")
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return b.String()
}
