// Package hours reckons with a campaign's hours: is it open now, when does it
// open next, when does it close, which date is it.  It is pure: the time is an
// argument, and nothing is read but the zone files, each once.
//
// # The rule
//
// The clock on the wall decides.  At an instant t a zone has a local date and
// time L(t).  It is open there if
//
//	start_at <= t < end_at, where they are given, and
//	L(t) lies in [D+start, D+end) for a window of some date D of the calendar.
//
// The windows of D are none if D is closed, its own if D is special, else those of
// its weekday; without weekly windows, 00:00-24:00.  A window that ends before it
// starts ends on the next date and is wholly a matter of the date on which it
// starts: Friday's 22:00-02:00 lasts into a closed Saturday, and a closed Friday
// leaves no rest of it on Saturday.
//
// Where there are several zones it is open while all of them are.
//
// All else follows.  A window in an hour that the clock leaves out does not come
// about; one in an hour that comes twice opens twice; a day without a midnight, and
// a date that a zone never had, need no rule of their own: what a window of a
// skipped date leaves past midnight is still there on the next.
//
// # How it is reckoned
//
// New compiles the schedule to a table of local time: for each weekday the spans
// that are open, cut at 24:00 and with the rest of the day before joined in; and
// the same for each exceptional day, which is each closed or special date and the
// day after it.  Each exceptional day knows the first moment from it on that is open,
// so that a run of closed days is one step, however long.
//
// In a stretch of time in which a zone keeps one offset, local time runs like
// time, and the table can be asked directly.  NextOpen goes from stretch to
// stretch:
//
//	instant     t                 end                             end'
//	stretch     |----- UTC-5 -----|------------- UTC-4 -----------|---
//	local       01:40        02:00|03:00 ...
//	table asked      02:15, which | 02:15 of the next day, which
//	            is past the end   | is before end': the answer
//
// It takes the first local moment in the table from L(t) on; minus the offset, that
// is the answer if it comes before the stretch ends; else it goes on from the end,
// where L has jumped.  Close does the same on the complement of the table.
//
// For several zones, each in turn moves the moment to its own next one until none
// moves it any more.  Zones whose hours never meet would go on for ever: 400 days
// after each has been open for the first time there is no answer.
//
// # Cost
//
// Open costs, for each zone, one look-up of the offset and a binary search in the
// exceptional days; NextOpen twice that, or a few times where the clock changes
// first.  Neither allocates, and both stay well below a microsecond.  New is
// O(n log n) in the number of dates.
//
// # What may surprise
//
// Boundaries lie at whole seconds, but start_at and end_at may have a fraction, and
// NextOpen returns an open t as it is.  Times come back in the location of the time
// that was given.
//
// Tables assume no more of a schedule than that it is one: what Check finds fault
// with does not make New panic nor a loop go on for ever.
package hours
