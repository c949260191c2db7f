package machine

import (
	"time"

	"dialtone/campaign"
)

// reported takes in what is said about an attempt.  About one that is not in
// flight everything has been written: it is a duplicate or comes too late.
func (m *Machine) reported(in Reported, now time.Time, out *Effects) {
	if m.renewing {
		m.kept = append(m.kept, in.Ref)
		return
	}
	r := &in.Report
	f := m.flights[r.Attempt]
	if f == nil || f.stage == claiming {
		out.Acks = append(out.Acks, in.Ref)
		return
	}
	if f.stage == closing {
		f.late = append(f.late, in)
		return
	}
	switch r.Kind {
	case campaign.ReportPlaced:
		m.reportPlaced(f, in, now, out)
	case campaign.ReportEnded:
		f.refs = append(f.refs, in.Ref)
		if r.Disposition != campaign.DispositionLost { // it got through, though nobody has told of that yet
			if f.stage != placed { // it says nothing of now if it was up before
				m.gotThrough(f)
			}
			f.made(campaign.OutcomeAnswered, 0)
		}
		m.finish(f, r, now, out)
	case campaign.ReportRefused:
		f.refs = append(f.refs, in.Ref)
		m.gotThrough(f)
		f.made(campaign.OutcomeAnswered, 0)
		r.Disposition = campaign.DispositionRejected
		m.finish(f, r, now, out)
	case campaign.ReportGivenBack:
		m.givenBack(f, in, now, out)
	case campaign.ReportAmbiguous:
		m.reportAmbiguous(f, in, now, out)
	case campaign.ReportTaken:
		if f.stage == claimed {
			m.enter(f, placing, now)
		}
		m.nothingNew(f, in, out)
	default:
		m.nothingNew(f, in, out)
	}
}

// nothingNew acknowledges a report that needs no record of its own: at once, or
// with what is being written.
func (m *Machine) nothingNew(f *flight, in Reported, out *Effects) {
	if f.writing > 0 {
		f.refs = append(f.refs, in.Ref)
		return
	}
	out.Acks = append(out.Acks, in.Ref)
}

// reportPlaced waits for the end of the batch before it is recorded.
func (m *Machine) reportPlaced(f *flight, in Reported, now time.Time, out *Effects) {
	if f.stage == placed && f.providerCallID != "" {
		m.nothingNew(f, in, out)
		f.stillUp(now)
		return
	}
	m.gotThrough(f)
	delete(m.misfits, f.attempt.Call())
	f.made(campaign.OutcomeAnswered, 0)
	f.heard(in.Report.At, now)
	f.providerCallID = in.Report.ProviderCallID
	f.refs, f.doubted = append(f.refs, in.Ref), time.Time{}
	m.enter(f, placed, now)
	f.writing++
	m.placed = append(m.placed, f)
}

// recordPlaced records the calls that were reported placed and have not ended
// meanwhile.
func (m *Machine) recordPlaced(now time.Time, out *Effects) {
	for _, f := range m.placed {
		f.writing-- // it was counted when it was put off
		if f.stage == placed {
			m.write(f, Record{Kind: RecordPlaced, ProviderCallID: f.providerCallID}, out)
			if f.HangUp {
				m.hangUp(f, now, out)
			}
		}
	}
	clear(m.placed)
	m.placed = m.placed[:0]
}

// reportAmbiguous hears that a caller does not know.  While settling, it means
// that the provider could not be asked, and the watch will ask again.
func (m *Machine) reportAmbiguous(f *flight, in Reported, now time.Time, out *Effects) {
	if f.stage != claimed && f.stage != placing {
		m.nothingNew(f, in, out)
		return
	}
	f.refs = append(f.refs, in.Ref)
	f.made(campaign.OutcomeBroken, 0)
	// Of an attempt taken over it may be the word of who was to settle it for the owner
	// before.
	f.answered = in.Report.Reason != campaign.AmbiguousUnanswered && !f.takenUp()
	m.doubt(f, in.Report.Detail, now, now.Add(m.cfg.PlacingPatience), out)
}

// finish ends an attempt that costs and decides what becomes of its call.
func (m *Machine) finish(f *flight, r *campaign.Report, now time.Time, out *Effects) {
	at := r.At
	if at.IsZero() || at.After(now) {
		at = now
	}
	rec := Record{
		Kind: RecordFinish, ProviderCallID: r.ProviderCallID,
		Disposition: r.Disposition, EndedAt: at, Duration: r.Duration, Detail: r.Detail,
	}
	if rec.ProviderCallID == "" {
		rec.ProviderCallID = f.providerCallID
	}
	f.heard(r.At, now)
	clock := m.queue.clock(f.zone)
	rec.Day = clock.Day(f.dialled)
	effort := f.effort.With(r.Disposition, rec.Day)
	rec.Next, rec.Reason = m.verdict(f, r.Disposition, effort, now)
	if rec.Next == campaign.CallRetryWait {
		rec.NextAttemptAt = at.Add(m.c.Retry.Wait(r.Disposition, effort, spread(f.attempt))).UTC()
		if day := m.c.Retry.MaxAttemptsPerDay; day > 0 && effort.OnDay >= day {
			rec.NextAttemptAt = later(rec.NextAttemptAt, clock.NextDay(f.dialled).UTC())
		}
	}
	f.stage = closing
	m.write(f, rec, out)
	m.free(f, now, out)
}

// heard notes when the provider had the call: not later than it is heard of, and
// not before it was asked for, whatever other clocks say.
func (f *flight) heard(at, now time.Time) {
	if !f.dialled.IsZero() {
		return
	}
	f.dialled = now
	if at.Before(now) && !at.IsZero() {
		f.dialled = later(at, f.since)
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// verdict is what becomes of a call of which an attempt ended like this, and which
// that makes so many.
func (m *Machine) verdict(f *flight, d campaign.Disposition, effort campaign.Effort, now time.Time) (next campaign.CallStatus, reason string) {
	switch {
	case d == campaign.DispositionCompleted:
		return campaign.CallCompleted, ""
	case d == campaign.DispositionCanceled:
		return campaign.CallCanceled, string(d)
	case f.canceled:
		return campaign.CallCanceled, campaign.ReasonCanceled
	case m.c.Retry.Exhausted(d, effort):
		return campaign.CallFailed, string(d)
	case m.c.Status == campaign.StatusCanceled:
		return campaign.CallCanceled, campaign.ReasonCampaignCanceled
	case m.expired(now) && m.confirmed:
		return campaign.CallFailed, campaign.ReasonExpired
	}
	return campaign.CallRetryWait, ""
}

// spread places an attempt in the range of the jitter: a fixed number in [0, 1)
// for each, scattered by the golden ratio (Knuth, TAOCP 3, 6.4).
func spread(id campaign.AttemptID) float64 {
	return float64(uint64(id)*0x9E3779B97F4A7C15>>11) / (1 << 53)
}

// givenBack puts a call that was not dialled back in its place.  Who says so may
// be the caller that had written placing, and knows; or one that had not, and
// can't know whether another delivery of the job did: then the store decides.
func (m *Machine) givenBack(f *flight, in Reported, now time.Time, out *Effects) {
	r := &in.Report
	knows := undialled(r.Reason)
	// The provider has it, whoever says otherwise; or somebody placed it, and who
	// did not can't say what came of that.
	if f.stage == placed || (f.stage != claimed && !knows) {
		m.nothingNew(f, in, out)
		return
	}
	if r.Reason == campaign.GivenBackNotDialled && !m.believes(f, r, now) {
		m.denial(f, in, now, out)
		return
	}
	f.refs = append(f.refs, in.Ref)
	f.made(outcomes[r.Reason], r.RetryAfter)
	free := f.attempt.Claim() - f.effort.Attempts // claims that cost nothing, this one included
	if r.Reason == campaign.GivenBackProvider && f.job.From != "" && m.misfit(f.attempt.Call()) {
		r.Disposition = campaign.DispositionRejected
		m.finish(f, r, now, out)
		return
	}
	rec := Record{Reason: r.Reason, Detail: r.Detail, Unplaced: !knows}
	switch r.Reason {
	case campaign.GivenBackProvider, campaign.GivenBackUnknown:
		rec.NextAttemptAt = m.holdOff(f, r, now).Add(behind(free))
	case campaign.GivenBackThrottled, campaign.GivenBackFull, campaign.GivenBackUnreachable, campaign.GivenBackBarred:
		rec.NextAttemptAt = now.Add(behind(free))
	case campaign.GivenBackExpired:
		rec.NextAttemptAt = now.Add(time.Second) // a clock ahead of ours would send it back at once
	}
	m.giveBack(f, rec, now, out)
}

// mostMisfits is how often a call may come back because the provider refuses our
// settings before it counts as rejected.  It may be this call's own settings that are
// refused, its caller id for one, and then it would come back for ever.
//
// A request without a caller id of the call's or the campaign's was made by the
// provider's own configuration alone.  To put that right is the operator's, and no
// number pays for it.
const mostMisfits = 10

// misfit counts one more time, and reports whether it was once too often.
func (m *Machine) misfit(id campaign.CallID) bool {
	if m.misfits[id] < mostMisfits {
		m.misfits[id]++
		return false
	}
	delete(m.misfits, id)
	return true
}

// behind is how long a call that was given back lets others go first.  Without it
// one that always comes back would be the one to probe with after every hold, and
// whenever its provider is tried again.
func behind(free int) time.Duration {
	if free < 2 {
		return 0
	}
	return min(time.Second<<min(free-2, 10), 5*time.Minute)
}

// undialled reads the reason of a call given back: whether who says so knows that
// nobody was dialled, having written placing or settled it.
func undialled(reason string) bool {
	return outcomes[reason] != "" || reason == campaign.GivenBackNotDialled || reason == campaign.GivenBackUnsent
}

// giveBack completes a record of this kind and enters it.
func (m *Machine) giveBack(f *flight, rec Record, now time.Time, out *Effects) {
	rec.Kind = RecordGiveBack
	switch {
	case f.canceled:
		rec.Next, rec.Reason, rec.NextAttemptAt = campaign.CallCanceled, campaign.ReasonCanceled, time.Time{}
	case rec.Next != "":
	case m.c.Status == campaign.StatusCanceled:
		rec.Next, rec.Reason, rec.NextAttemptAt = campaign.CallCanceled, campaign.ReasonCampaignCanceled, time.Time{}
	case m.expired(now) && m.confirmed:
		rec.Next, rec.Reason, rec.NextAttemptAt = campaign.CallFailed, campaign.ReasonExpired, time.Time{}
	case f.effort.Attempts > 0:
		rec.Next = campaign.CallRetryWait
		if rec.NextAttemptAt.IsZero() {
			rec.NextAttemptAt = now
		}
	default:
		rec.Next = campaign.CallQueued
	}
	f.stage, f.undoing = closing, rec.Unplaced
	m.write(f, rec, out)
}
