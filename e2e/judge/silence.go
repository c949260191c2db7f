package judge

import (
	"fmt"
	"slices"
	"time"
)

// Gap is a time without a create request, while numbers waited.
type Gap struct {
	Span
	// After is the fault that it followed: the last that had begun when dialling
	// stopped, or just after.  It is "" for none.
	After string
}

// Length is how long nobody was dialled.
func (g Gap) Length() time.Duration { return g.To.Sub(g.From) }

// atOnce is how long after dialling stopped a fault may have begun to be its cause: the
// last call is received before the fault, and not in the same instant.
const atOnce = time.Second

// Gaps are the times between one create request and the next, the longest first.  One in
// which a fault began is two: before it and after it.
//
// While campaigns that may always call had numbers that nobody had dialled yet, somebody
// waited at every moment; after that silence means nothing.
func (e *Evidence) Gaps() (out []Gap) {
	at := e.Ledger().Receipts()
	until := e.waiting()
	faults := slices.Clone(e.Faults)
	slices.SortStableFunc(faults, func(a, b Fault) int { return a.From.Compare(b.From) })
	for i := 1; i < len(at) && !at[i].After(until); i++ {
		out = append(out, split(Span{at[i-1], at[i]}, faults)...)
	}
	slices.SortStableFunc(out, func(a, b Gap) int { return int(b.Length() - a.Length()) })
	return out
}

// split takes the faults in the order of their beginning.
func split(s Span, faults []Fault) (out []Gap) {
	g := Gap{Span: s}
	for _, f := range faults {
		switch {
		case !f.From.After(s.From.Add(atOnce)) && f.From.Before(s.To):
			g.After = f.Name
		case s.Has(f.From):
			out = append(out, Gap{Span{g.From, f.From}, g.After})
			g.From, g.After = f.From, f.Name
		}
	}
	return append(out, g)
}

// waiting is until when numbers of campaigns without hours waited to be dialled for the
// first time.  The last hundredth is left out: who is late then may be one whose request
// went wrong, and is being settled.
func (e *Evidence) waiting() (until time.Time) {
	all := e.Ledger()
	var firsts []time.Time
	for _, c := range e.Campaigns {
		if c.Hours != nil {
			continue
		}
		for _, calls := range all.Only(c.Numbers).ByNumber() {
			firsts = append(firsts, calls[0].ReceivedAt)
		}
	}
	if len(firsts) == 0 {
		return until
	}
	slices.SortFunc(firsts, time.Time.Compare)
	return firsts[(99*len(firsts)+99)/100-1]
}

// Dialling: after no fault did dialling stand still for longer than is bearable, while
// numbers waited.  Checked are the faults by which numbers still waited.
func Dialling(e *Evidence) Verdict {
	v := Verdict{Promise: "Dialling", What: "faults"}
	until := e.waiting()
	for _, f := range e.Faults {
		if f.From.Before(until) {
			v.Checked++
		}
	}
	gaps := e.Gaps()
	for _, g := range gaps {
		if g.Length() > e.Silence {
			v.breaks("nobody was dialled for %.1f s from %s on, after %q", g.Length().Seconds(), clock(g.From), g.After)
		}
	}
	if len(gaps) > 0 {
		v.Note = fmt.Sprintf("at most %.1f s of silence, after %q", gaps[0].Length().Seconds(), gaps[0].After)
	}
	return v
}
