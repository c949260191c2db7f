package judge

import (
	"fmt"
	"time"
)

// Hours are the windows of every day, by the clock of a zone.  They are reckoned here by
// package time alone, and by nothing of the service's.
type Hours struct {
	Zone    *time.Location
	Windows []Window
}

// Window is open from Start on, up to but not at End, written like "09:30".
type Window struct{ Start, End string }

// Open reports whether a moment lies in a window: the clock on the wall shows a time
// from the window's start on, and before its end.  As all of them are written alike,
// their order as text is that of time.
func (h Hours) Open(at time.Time) bool {
	wall := at.In(h.Zone).Format("15:04")
	for _, w := range h.Windows {
		if w.Start <= wall && wall < w.End {
			return true
		}
	}
	return false
}

// closings counts how often the windows closed in a span.
func (h Hours) closings(s Span) (n int) {
	open := h.Open(s.From)
	for at := s.From.Truncate(time.Minute); !at.After(s.To); at = at.Add(time.Minute) {
		now := h.Open(at)
		if open && !now {
			n++
		}
		open = now
	}
	return n
}

// InHours: every call was asked for inside the campaign's hours.  l is the campaign's.
func InHours(c Campaign, l Ledger) Verdict {
	v := Verdict{Promise: "InHours", What: "calls", Checked: len(l)}
	for _, e := range l {
		if !c.Hours.Open(e.ReceivedAt) {
			v.breaks("%s was dialled at %s", e.To, e.ReceivedAt.In(c.Hours.Zone).Format("15:04:05.000 MST"))
		}
	}
	if at := l.Receipts(); len(at) > 0 {
		v.Note = fmt.Sprintf("%s closed %d times meanwhile", c.Name, c.Hours.closings(Span{at[0], at[len(at)-1]}))
	}
	return v
}
