package machine

import (
	"time"

	"dialtone/campaign"
)

// recorded hears that what was reported is in the store.
func (m *Machine) recorded(in Recorded, now time.Time, out *Effects) {
	m.count(in.Stats)
	for i := range in.Results {
		r := &in.Results[i]
		if r.Kind == RecordCancel {
			m.recordedCancel(r, out)
			continue
		}
		f := m.flights[r.Attempt]
		if f == nil {
			continue
		}
		f.writing--
		switch r.Kind {
		case RecordPlaced, RecordAmbiguous:
			m.recordedState(f, r, out)
		case RecordFinish:
			m.recordedFinish(f, r, now, out)
		case RecordGiveBack:
			m.recordedGiveBack(f, r, now, out)
		}
	}
}

// write enters a record about a flight.
func (m *Machine) write(f *flight, rec Record, out *Effects) {
	rec.Attempt = f.attempt
	f.writing++
	out.Records = append(out.Records, rec)
}

// recordedState acknowledges the report, unless more is being written by now,
// which then has the last word.  That matters for a refusal as well: a batch
// that doubts an attempt and gives it back finds no row when it is applied twice.
func (m *Machine) recordedState(f *flight, r *RecordResult, out *Effects) {
	switch {
	case f.writing > 0:
	case r.Refused:
		out.Rebuild = true
	default:
		m.acknowledge(f, out)
	}
}

func (m *Machine) recordedFinish(f *flight, r *RecordResult, now time.Time, out *Effects) {
	if r.Refused {
		out.Rebuild = true
		return
	}
	if r.Next == campaign.CallRetryWait {
		m.await(f, r.Next, r.NextAttemptAt)
	}
	m.tellCall(f, r, now, out)
	if !f.takenUp() { // else its beginning is not known
		m.length.add(f.held(now))
	}
	m.land(f, now, out)
}

// recordedGiveBack puts the call back in the row.  A claim that was to be undone
// only if unplaced, and was placed meanwhile, is in flight after all.
func (m *Machine) recordedGiveBack(f *flight, r *RecordResult, now time.Time, out *Effects) {
	// Of a claim taken over that was placed, the row must be read: it alone knows
	// the provider.
	known := !f.takenOver
	if f.takenOver && r.Unplaced {
		f.takenOver = false
		m.undoing--
	}
	switch {
	case r.Refused && r.Unplaced && known:
		m.placedMeanwhile(f, now, out)
	case r.Refused:
		out.Rebuild = true
	default:
		m.requeue(f, r, now)
		m.land(f, now, out)
	}
}

// placedMeanwhile goes on with a claim that could not be undone, and takes in
// what was said about it in between.
func (m *Machine) placedMeanwhile(f *flight, now time.Time, out *Effects) {
	f.undoing = false
	m.acknowledge(f, out)
	m.enter(f, placing, now)
	late := f.late
	f.late = nil
	for _, in := range late {
		m.reported(in, now, out)
	}
}

// requeue puts a call given back among those that wait for their time.
func (m *Machine) requeue(f *flight, r *RecordResult, now time.Time) {
	at := now
	if !r.NextAttemptAt.IsZero() {
		at = r.NextAttemptAt
	}
	if !r.Next.Terminal() {
		m.await(f, r.Next, at)
	}
}

// await puts a flight's call among those that wait for their time.  A queued one that
// the cursor has not come to yet will be read with its page.
func (m *Machine) await(f *flight, as campaign.CallStatus, at time.Time) {
	m.spent = false
	switch {
	case f.canceled: // while this was being written; the record of that comes after it
	case as == campaign.CallRetryWait:
		m.queue.retry(f.waiting(at))
	default:
		m.queue.restore(f.waiting(at))
	}
}

// land takes a flight off the books: its messages are acknowledged, and its slot is
// given back at the latest.
func (m *Machine) land(f *flight, now time.Time, out *Effects) {
	m.acknowledge(f, out)
	for _, in := range f.late {
		out.Acks = append(out.Acks, in.Ref)
	}
	m.free(f, now, out)
	delete(m.flights, f.attempt)
	m.freed--
}

// free gives a slot back, once.  Where a call is over by the provider's own word, that
// need not wait for the commit: a claim with the slot's next token is committed after
// it, and should neither be, the next owner finds the call in flight and counts it.
func (m *Machine) free(f *flight, now time.Time, out *Effects) {
	if f.freed {
		return
	}
	f.freed = true
	m.freed++
	r := Release{Token: f.token, Held: f.held(now), Unsent: f.evidence == campaign.EvidenceGranted}
	r.Outcome, r.RetryAfter = f.tell()
	out.Releases = append(out.Releases, r)
}

// held is how long a flight has kept its slot; 0 would be a token that was not used.
func (f *flight) held(now time.Time) time.Duration { return max(now.Sub(f.since), time.Nanosecond) }

func (m *Machine) acknowledge(f *flight, out *Effects) {
	out.Acks = append(out.Acks, f.refs...)
	f.refs = nil
}

func (m *Machine) tellCall(f *flight, r *RecordResult, now time.Time, out *Effects) {
	if !r.Changed {
		return
	}
	what := campaign.EventCallEnded
	if r.Next == campaign.CallRetryWait {
		what = campaign.EventCallRetry
	}
	out.Events = append(out.Events, campaign.Event{Type: what, Campaign: m.c.ID, Time: now,
		Data: campaign.EventCall{
			CampaignID: m.c.ID, CallID: f.attempt.Call(), Attempt: f.effort.Attempts + 1,
			Status: r.Next, Disposition: r.Disposition, Detail: r.Detail, NextAttemptAt: r.NextAttemptAt,
		}})
}
