package hours_test

import (
	"strings"
	"time"

	"dialtone/campaign"
)

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return t
}

func clock(s string) (c campaign.Clock) {
	if err := c.UnmarshalText([]byte(s)); err != nil {
		panic(err)
	}
	return c
}

func date(s string) (d campaign.Date) {
	if err := d.UnmarshalText([]byte(s)); err != nil {
		panic(err)
	}
	return d
}

// span reads "09:00-17:00".
func span(s string) campaign.Span {
	start, end, _ := strings.Cut(s, "-")
	return campaign.Span{Start: clock(start), End: clock(end)}
}

// week reads "mon fri 09:00-17:00, sat 10:00-12:00"; windows without a day are on
// all days.
func week(s string) (out []campaign.Window) {
	for _, window := range strings.Split(s, ", ") {
		words := strings.Fields(window)
		w := campaign.Window{Span: span(words[len(words)-1])}
		for d, name := range campaign.DayNames {
			if strings.Contains(window, name) {
				w.Days |= 1 << d
			}
		}
		if w.Days == 0 {
			w.Days = campaign.EveryDay
		}
		out = append(out, w)
	}
	return out
}

func dates(list ...string) (out []campaign.Date) {
	for _, s := range list {
		out = append(out, date(s))
	}
	return out
}

func special(day string, spans ...string) []campaign.SpecialDate {
	s := campaign.SpecialDate{Date: date(day)}
	for _, w := range spans {
		s.Windows = append(s.Windows, span(w))
	}
	return []campaign.SpecialDate{s}
}

const workdays = "mon tue wed thu fri 09:00-17:00"
