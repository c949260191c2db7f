package hours

import "time"

// next is the first second from sec on at which the clock of a zone shows a moment
// of the table.  It goes through the stretches of time with one offset.
func (t *table) next(loc *time.Location, sec int64) (int64, bool) {
	for {
		off := offset(loc, sec)
		at := t.first(sec + off)
		switch {
		case at == sec+off:
			return sec, true
		case at == never && sec+off >= t.over:
			return 0, false
		}
		end := stretch(loc, sec)
		switch {
		case at != never && at-off < end:
			return at - off, true
		case end == never:
			return 0, false
		}
		sec = end
	}
}

// offset is what the clock of a zone is ahead of UTC, in seconds.
func offset(loc *time.Location, sec int64) int64 {
	_, off := time.Unix(sec, 0).In(loc).Zone()
	return int64(off)
}

// local is what the clock shows.
func local(loc *time.Location, sec int64) int64 { return sec + offset(loc, sec) }

// stretch is a second, later than sec, up to which the offset stays what it is at
// sec; or never.  It may stay so for longer.
func stretch(loc *time.Location, sec int64) int64 {
	_, end := time.Unix(sec, 0).In(loc).ZoneBounds()
	switch {
	case end.IsZero():
		return never
	case end.Unix() > sec:
		return end.Unix()
	}
	// By a yearly rule, package time gives the end of a stretch that lasts into the
	// next year as 365 days after 1 January (Go 1.26, time.tzset).  On the last day
	// of a leap year that is past; the stretch lasts until its midnight by UTC.
	day, _ := split(sec)
	return (day + 1) * aDay
}

// nextDate is the second from which on the date in a zone is later than at sec.
func nextDate(loc *time.Location, sec int64) int64 {
	day, _ := split(local(loc, sec))
	midnight := (day + 1) * aDay
	for {
		at := reach(loc, sec, midnight)
		back, ok := fallsBack(loc, at, midnight)
		if !ok {
			return at
		}
		sec = back
	}
}

// reach is the first second from sec on at which the clock shows a moment or later.
func reach(loc *time.Location, sec, moment int64) int64 {
	for {
		at, end := max(sec, moment-offset(loc, sec)), stretch(loc, sec)
		if at < end {
			return at
		}
		sec = end
	}
}

// fallsBack finds where the clock, having reached a moment, is put back before it.
// No clock was ever put back by more than a day.
func fallsBack(loc *time.Location, at, moment int64) (int64, bool) {
	for sec := stretch(loc, at); sec < at+2*aDay; sec = stretch(loc, sec) {
		if local(loc, sec) < moment {
			return sec, true
		}
	}
	return 0, false
}
