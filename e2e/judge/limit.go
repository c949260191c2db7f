package judge

import (
	"fmt"
	"time"
)

// Limit: no more calls of the campaign were up at once than it allows.  l is the
// campaign's, at all providers.
func Limit(c Campaign, l Ledger) Verdict {
	v := Verdict{Promise: "WithinLimit", What: "limits", Checked: 1}
	most, at := l.peak()
	if most > c.MaxConcurrentCalls {
		v.breaks("%s had %d calls up at %s, of at most %d", c.Name, most, clock(at), c.MaxConcurrentCalls)
	}
	v.Note = fmt.Sprintf("%s %d of %d up", c.Name, most, c.MaxConcurrentCalls)
	return v
}

// Channels: no more calls were up at the provider than it has channels.
func Channels(p Provider) Verdict {
	v := Verdict{Promise: "WithinLimit", What: "limits"}
	if p.Channels == 0 {
		return v
	}
	v.Checked = 1
	most, at := p.Ledger.peak()
	if most > p.Channels {
		v.breaks("%s had %d calls up at %s, with %d channels", p.Name, most, clock(at), p.Channels)
	}
	v.Note = fmt.Sprintf("%s %d of %d up", p.Name, most, p.Channels)
	return v
}

// Rate: in no second, wherever it begins, did the provider get more create requests than
// it takes.
func Rate(p Provider) Verdict {
	v := Verdict{Promise: "WithinLimit", What: "limits"}
	if p.CallsPerSecond == 0 {
		return v
	}
	v.Checked = 1
	most, from := p.Ledger.busiest(time.Second)
	if most > p.CallsPerSecond {
		v.breaks("%s was asked for %d calls in the second from %s, of at most %d", p.Name, most, clock(from), p.CallsPerSecond)
	}
	v.Note = fmt.Sprintf("%s %d of %d a second", p.Name, most, p.CallsPerSecond)
	return v
}

// clock is a moment as examples tell it.
func clock(at time.Time) string { return at.UTC().Format("15:04:05.000") }

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
