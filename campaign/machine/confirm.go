package machine

import (
	"time"

	"dialtone/campaign"
)

// believes reports whether it is taken for true that the provider does not know an
// attempt's call, so that the number may be dialled again.
//
// One that answered the request has done with it, and is believed at once.  One that
// did not, or of which nobody told, may be at it still and dial later than it was
// looked: then it must say so twice, and look the second time long enough after it was
// heard the first time (denied).  A report that is delivered late, or again, tells of an
// earlier look, and is no second one.
func (m *Machine) believes(f *flight, r *campaign.Report, now time.Time) bool {
	if f.answered {
		return true
	}
	if f.denied.IsZero() {
		return false
	}
	looked := now
	if !r.At.IsZero() && r.At.Before(now) {
		looked = r.At
	}
	// The clock of who looked may be a little behind.
	wait := m.cfg.ConfirmAfter
	return now.Sub(f.denied) >= wait && looked.Sub(f.denied) >= wait-wait/10
}

// denial takes in that the provider does not know a call, which is not believed yet: it
// stays in doubt, and the provider is asked again in a while, however short the time is
// after which the attempt counts as lost.
func (m *Machine) denial(f *flight, in Reported, now time.Time, out *Effects) {
	if !f.denied.IsZero() {
		m.nothingNew(f, in, out)
		return
	}
	f.denied = now
	again := now.Add(m.cfg.ConfirmAfter)
	if f.stage == ambiguous {
		f.patience, f.deadline = m.cfg.SettlePatience, again
		f.doubted = later(f.doubted, m.askedBy(again))
		m.nothingNew(f, in, out)
		return
	}
	f.refs = append(f.refs, in.Ref)
	m.doubt(f, "the provider does not know it yet", now, again, out)
}
