package machine

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"dialtone/campaign"
)

const (
	watchEvery  = time.Second
	maxPatience = 10 * time.Minute
	// settlingGrows is to how many times SettlePatience the pauses of settling grow: two
	// minutes, by default.
	settlingGrows = 8
	// mostAsked bounds of how many attempts the watch asks the provider at a time: when
	// it is back after a trouble, it is not to drown in what it has missed.
	mostAsked = 200
)

// The bounds of how long a placed call may go without its end being told, where the
// configuration leaves it to the length of the campaign's calls.
const (
	callPatienceLeast = 15 * time.Second
	callPatienceMost  = 2 * time.Minute
	callPatienceTimes = 4 // the mean length: few calls last as long, and asking is cheap
)

// callPatience is how long a call that is placed now may go without its end being told.
// A callback that got lost holds its slot until then, so where calls are short it is not
// to be long.
func (m *Machine) callPatience() time.Duration {
	switch {
	case m.cfg.CallPatience > 0:
		return m.cfg.CallPatience
	case m.length == 0:
		return callPatienceMost
	}
	return min(max(callPatienceTimes*time.Duration(m.length), callPatienceLeast), callPatienceMost)
}

// watch looks after flights that have not been heard of in time.
func (m *Machine) watch(now time.Time, out *Effects) {
	if now.Before(m.nextWatch) {
		return
	}
	m.nextWatch = now.Add(watchEvery)
	var late []*flight
	for _, f := range m.flights {
		if f.stage != claiming && f.stage != closing && (!now.Before(f.deadline) || m.hopeless(f, now)) {
			late = append(late, f)
		}
	}
	slices.SortFunc(late, byLateness)
	asked := 0
	for _, f := range late {
		switch asks := f.stage == ambiguous || f.stage == placed; {
		case m.hopeless(f, now):
			m.lose(f, now, out)
		case asks && asked == mostAsked:
			// at the next look: who has waited longest comes first
		default:
			m.overdue(f, now, out)
			if asks {
				asked++
			}
		}
	}
}

// byLateness puts those first that have waited longest, in a reproducible order.
func byLateness(a, b *flight) int { return cmp.Or(a.deadline.Compare(b.deadline), byAttempt(a, b)) }

// byAttempt puts flights in a reproducible order.
func byAttempt(a, b *flight) int { return cmp.Compare(a.attempt, b.attempt) }

func (m *Machine) overdue(f *flight, now time.Time, out *Effects) {
	switch f.stage {
	case claimed:
		m.publishPlace(f, now, out)
		f.leave(now, maxPatience)
	case placing:
		m.doubt(f, "no report came of placing it", now, now, out)
	case ambiguous:
		m.ask(f, now, out)
		f.leave(now, m.settlingMost())
	case placed:
		if f.HangUp && f.providerCallID != "" {
			m.publishHangUp(f, out)
		}
		m.ask(f, now, out)
		// Soon again: that the provider could not be asked says nothing of how long the call
		// lasts.  The pauses grow with the time that it has been asked in vain.
		f.deadline = now.Add(min(max(now.Sub(f.doubted), m.cfg.SettlePatience), m.settlingMost()))
	}
}

// ask has the provider asked what became of an attempt.
func (m *Machine) ask(f *flight, now time.Time, out *Effects) {
	m.doubtFrom(f, now, now)
	m.publishSettle(f, out)
}

// settlingMost is how long the pauses grow between asking what became of an attempt: it
// keeps a slot, and a number waiting.
func (m *Machine) settlingMost() time.Duration { return settlingGrows * m.cfg.SettlePatience }

// leave has the watch leave a flight alone for twice as long as the last time.
func (f *flight) leave(now time.Time, most time.Duration) {
	f.patience = min(2*f.patience, most)
	f.deadline = now.Add(f.patience)
}

// stillUp hears that a call is up: for longer than expected, if the provider had to be
// asked.
func (f *flight) stillUp(now time.Time) {
	if f.doubted.IsZero() {
		f.deadline = now.Add(f.patience)
		return
	}
	f.leave(now, maxPatience)
	f.doubted = time.Time{}
}

// doubt marks an attempt as ambiguous, to be settled from a time on: a
// provider's own records may lag behind its answers.
func (m *Machine) doubt(f *flight, detail string, now, from time.Time, out *Effects) {
	m.enter(f, ambiguous, from)
	f.deadline = from
	m.doubtFrom(f, now, from)
	m.write(f, Record{Kind: RecordAmbiguous, Detail: detail}, out)
}

// publishPlace hands the call to the callers, to be dialled before its hours end or
// not at all.
func (m *Machine) publishPlace(f *flight, now time.Time, out *Effects) {
	f.job.Kind = campaign.JobPlace
	f.job.NotAfter = soonest(now, now.Add(m.cfg.JobTTL), m.queue.lane(f.zone).turns)
	out.Publish = append(out.Publish, f.job)
}

func (m *Machine) publishSettle(f *flight, out *Effects) {
	f.job.Kind = campaign.JobSettle
	f.job.ProviderCallID = f.providerCallID
	f.job.PlacingAt = f.since
	out.Publish = append(out.Publish, f.job)
}

// published hears that jobs did not reach the queue: try again soon.
func (m *Machine) published(in Published, now time.Time) {
	for _, id := range in.Failed {
		if f := m.flights[id]; f != nil && (f.stage == claimed || f.job.Kind != campaign.JobPlace) {
			f.deadline = now.Add(watchEvery)
		}
	}
}

// doubtFrom begins the time after which an attempt counts as lost, unless it runs
// already.  However short that is, and however long nobody was there to ask, the provider
// is asked once, at a time to come, and has time to answer.
func (m *Machine) doubtFrom(f *flight, since, asked time.Time) {
	if f.doubted.IsZero() {
		f.doubted = later(since, m.askedBy(asked))
	}
}

// askedBy is since when an attempt would be in doubt that is lost when the provider,
// asked at a time, has had time to answer.
func (m *Machine) askedBy(at time.Time) time.Time {
	return at.Add(m.cfg.SettlePatience - time.Duration(m.c.Retry.SettleWithin))
}

// hopeless reports whether it has been asked in vain for long enough what became of an
// attempt.
func (m *Machine) hopeless(f *flight, now time.Time) bool {
	if f.doubted.IsZero() || f.stage != ambiguous && f.stage != placed {
		return false
	}
	return now.Sub(f.doubted) >= time.Duration(m.c.Retry.SettleWithin)
}

// lose ends an attempt of which nothing can be learnt.  It may have been dialled, so it
// costs, and the number is dialled again only as far as the policy has it.
func (m *Machine) lose(f *flight, now time.Time, out *Effects) {
	what := "whether it was dialled"
	if f.stage == placed {
		what = "how the call ended"
	}
	f.heard(f.doubted, now) // it was dialled by then, or never
	m.finish(f, &campaign.Report{
		Kind: campaign.ReportEnded, Attempt: f.attempt, Disposition: campaign.DispositionLost, At: now,
		Detail: fmt.Sprintf("%s could not be learnt from %s within %v", what, f.token.Provider, m.c.Retry.SettleWithin),
	}, now, out)
}
