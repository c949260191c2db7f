package machine

import (
	"slices"
	"time"

	"dialtone/campaign"
)

// struck is a call that is being canceled by itself, whether it waited or is in flight.
//
// Invariant: it is in no lane.  Its record may be refused by nobody but a store that
// knows of no such call.
type struck struct {
	refs []Ref // who asked for it
	// confirmed: the store has it, but a page is on its way that may be older.
	confirmed bool
}

// cancelCall sees to it that a call is not dialled any more, and is hung up if it is up.
// It need not wait for other commands, since it does not matter in which status the
// campaign is.
//
// What can be done is done at once; the answer is that the store has it, so that it
// outlives this owner.  Of a call that is in progress then, whose attempt a caller may be
// at, or the provider has, the store has a mark: it is canceled when that has ended.
func (m *Machine) cancelCall(c Command, now time.Time, out *Effects) {
	if m.renewing {
		return // the next machine is asked again
	}
	f := m.flightOf(c.Call)
	if f != nil {
		f.cancel()
		switch f.stage {
		case claiming: // a record that overtook the claim would have it refused
			f.cancels = append(f.cancels, c.Ref)
			return
		case claimed:
			m.giveBack(f, Record{Unplaced: true}, now, out)
		case closing: // once that is written, the record meets what it left
		default:
			m.hangUp(f, now, out)
		}
	}
	m.strikeOut(c.Call, []Ref{c.Ref}, out)
}

// cancel notes that a flight's call is to end, and not to be dialled again.
func (f *flight) cancel() { f.canceled, f.HangUp = true, true }

// flightOf is the attempt that a call has in flight, or nil.
func (m *Machine) flightOf(call campaign.CallID) *flight {
	for id, f := range m.flights {
		if id.Call() == call {
			return f
		}
	}
	return nil
}

func (m *Machine) reply(refs []Ref, err *campaign.Error, out *Effects) {
	for _, ref := range refs {
		out.Replies = append(out.Replies, Reply{Ref: ref, Campaign: m.c, Err: err})
	}
}

// strikeOut has the store cancel a call.  Whether it waits, is in progress or over, or is
// none at all, the store knows.
func (m *Machine) strikeOut(call campaign.CallID, refs []Ref, out *Effects) {
	if s := m.struck[call]; s != nil && !s.confirmed {
		s.refs = append(s.refs, refs...)
		return
	}
	m.queue.remove(call)
	m.struck[call] = &struck{refs: refs}
	m.striking++
	m.struckSince = true
	out.Records = append(out.Records, Record{Kind: RecordCancel, Attempt: campaign.NewAttemptID(call, 0)})
}

// recordedCancel hears that a call was canceled, or why not.
func (m *Machine) recordedCancel(r *RecordResult, out *Effects) {
	call := r.Attempt.Call()
	s := m.struck[call]
	if s == nil {
		return
	}
	m.striking--
	switch {
	case r.Missing:
		m.reply(s.refs, campaign.NotFound("The campaign %v has no call %v.", m.c.ID, call), out)
	case r.Refused, r.Marked && m.flightOf(call) == nil:
		out.Rebuild = true // it is in progress, and the machine does not know; it is asked again
		return
	default:
		m.reply(s.refs, nil, out)
	}
	s.refs, s.confirmed = nil, true
	if m.queue.loading == nil {
		delete(m.struck, call)
	}
}

// forgetStruck forgets the calls that no page can have any more.
func (m *Machine) forgetStruck() {
	for call, s := range m.struck {
		if s.confirmed {
			delete(m.struck, call)
		}
	}
}

// remove takes a call out of its lane, if it is at hand.
func (q *queue) remove(call campaign.CallID) {
	is := func(d due) bool { return d.call == call }
	for _, l := range q.lanes {
		l.adrift = slices.DeleteFunc(l.adrift, is)
		for c := range l.shelves {
			s := &l.shelves[c]
			s.retries.remove(call)
			s.returned.remove(call)
			if at := slices.IndexFunc(s.page, is); at >= 0 {
				s.page = slices.Delete(s.page, at, at+1)
			}
		}
	}
}
