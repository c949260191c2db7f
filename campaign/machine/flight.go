package machine

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"dialtone/campaign"
)

// stage is how far an attempt in flight has come.
type stage int

const (
	claiming  stage = iota // the claim is being committed
	claimed                // the job is with the callers
	placing                // a caller has asked, or is asking, the provider
	ambiguous              // whether it was dialled is being settled
	placed                 // the provider has the call
	closing                // its end is being committed
)

// flight is one attempt between its claim and its end.
type flight struct {
	attempt campaign.AttemptID
	token   Token
	stage   stage
	// evidence is what the scheduler may know of it, and told what it was told.
	evidence, told campaign.Evidence
	since          time.Time // when the token was spent
	job            campaign.Job
	zone           campaign.ZoneID
	class          class
	effort         campaign.Effort // of the call, before this attempt
	response
	// dialled is when it was heard that the provider has the call; zero until then.
	dialled time.Time
	// providerCallID is known from the placed report on.
	providerCallID string
	// refs are the messages to be acknowledged when nothing about this flight is
	// being written any more; writing counts the records on their way.
	refs    []Ref
	writing int
	// late are reports that came while closing.  They are taken in after all when
	// the closing is refused.
	late []Reported
	// freed: the call is over, and its slot was given back, though its end is being
	// written still.
	freed bool
	// undoing: the claim is being given back, unless it was placed meanwhile.
	undoing bool
	Wish
	// canceled: the call is not dialled again.  The store has that, or its record is on
	// its way, but while claiming: then cancels are who asked for it.
	canceled bool
	cancels  []Ref
	// takenOver: it was claimed by an earlier owner, and had no row when this
	// machine was built.
	takenOver bool
	// deadline is when the watch acts; patience is how long it leaves the flight alone.
	deadline time.Time
	patience time.Duration
	// doubted is since when it has been asked in vain what became of the attempt; zero
	// while there is no doubt.
	doubted time.Time
	// answered: the provider has answered the request, though not so that it would be
	// known whether it dialled.  denied is when it was first heard not to know the call.
	answered bool
	denied   time.Time
}

// adopted marks the tokens that a machine makes up for the attempts it finds in
// flight: they are named by the attempt, so that every owner and every leader
// name them alike.
const adopted = 1 << 63

func adoptedToken(id campaign.AttemptID) uint64 { return adopted | uint64(id) }

// takenUp reports whether an earlier owner spent the flight's token.
func (f *flight) takenUp() bool { return f.token.ID&adopted != 0 }

// Open is a call as the store has it when a machine is built.
type Open struct {
	Call    campaign.Call
	Current *campaign.Attempt
	// Wish is what the machine before was asked for; the store does not know it.  That
	// a call in progress was canceled is its Reason.
	Wish
}

// takeUp sorts a call of a campaign that had an owner before.
func (m *Machine) takeUp(o Open, now time.Time, out *Effects) {
	switch o.Call.Status {
	case campaign.CallRetryWait:
		m.queue.retry(due{
			at: o.Call.NextAttemptAt.UnixNano(), call: o.Call.ID, claim: o.Call.Claim,
			zone: o.Call.Zone, class: m.queue.router.class(o.Call.Phone, o.Call.Provider),
		})
	case campaign.CallInProgress:
		m.takeUpFlight(o, now, out)
	}
}

func (m *Machine) takeUpFlight(o Open, now time.Time, out *Effects) {
	f := &flight{
		attempt: campaign.NewAttemptID(o.Call.ID, o.Call.Claim),
		since:   now,
		zone:    o.Call.Zone,
		class:   m.queue.router.class(o.Call.Phone, o.Call.Provider),
		effort:  o.Call.Effort,
		Wish:    o.Wish,
		// Whether a caller has its job, the owner before knew.
		evidence: campaign.EvidencePlacing,
	}
	if o.Call.Reason == campaign.ReasonCanceled {
		f.cancel()
	}
	f.token.ID = adoptedToken(f.attempt)
	f.job = campaign.Job{
		Campaign: m.c.ID, Attempt: f.attempt, Number: o.Call.Attempts + 1,
		To: o.Call.Phone, From: m.from(o.Call.From, o.Call.Phone), Variables: o.Call.Variables,
	}
	m.flights[f.attempt] = f
	if o.Current == nil {
		m.undoing++
		f.takenOver = true
		m.giveBack(f, Record{Unplaced: true, Reason: "taken_over"}, now, out)
		return
	}
	f.since = o.Current.StartedAt
	f.token.Provider = o.Current.Provider
	f.job.Provider = o.Current.Provider
	f.providerCallID = o.Current.ProviderCallID
	// Patience is counted from now: StartedAt is another process's clock, and to ask
	// too soon is to be told that nobody was dialled by a provider who is about to.
	switch o.Current.State {
	case campaign.AttemptPlacing:
		m.enter(f, placing, now)
	case campaign.AttemptAmbiguous:
		m.enter(f, ambiguous, now)
		f.deadline = now.Add(m.cfg.PlacingPatience)
		m.doubtFrom(f, o.Current.StartedAt, f.deadline)
	default:
		m.enter(f, placed, now)
		f.made(campaign.OutcomeAnswered, 0)
		f.passedOn = true                                          // by who heard it
		f.dialled = o.Current.StartedAt.Add(m.cfg.PlacingPatience) // at the latest
		if f.dialled.After(now) {
			f.dialled = now
		}
		if f.HangUp {
			m.hangUp(f, now, out)
		}
	}
}

// Holds lists the tokens of a campaign's open calls, as Held does of a machine that was
// just built from them: for who can't build one, and must have them counted.
func Holds(open []Open, now time.Time) (held []Progress) {
	for _, o := range open {
		if o.Call.Status != campaign.CallInProgress {
			continue
		}
		id := campaign.NewAttemptID(o.Call.ID, o.Call.Claim)
		p := Progress{
			Token: Token{ID: adoptedToken(id)}, Evidence: campaign.EvidencePlacing,
			Attempt: id, To: o.Call.Phone, Since: now,
		}
		if a := o.Current; a != nil {
			p.Token.Provider, p.Since = a.Provider, a.StartedAt
			switch a.State {
			case campaign.AttemptPlacing:
			case campaign.AttemptAmbiguous:
				p.Evidence = campaign.EvidenceAmbiguous
			default:
				p.Evidence = campaign.EvidencePlaced
			}
		}
		held = append(held, p)
	}
	return held
}

// takeoverPatience differs from call to call, so that the provider is not asked
// about all of them at once.
func (m *Machine) takeoverPatience(id campaign.AttemptID) time.Duration {
	return m.cfg.TakeoverPatience + time.Duration(spread(id)*float64(m.cfg.TakeoverPatience))
}

// Unacknowledged lists the messages that this machine has not let go of.
func (m *Machine) Unacknowledged(yield func(Ref)) {
	for _, f := range slices.SortedFunc(maps.Values(m.flights), byAttempt) {
		for _, r := range f.refs {
			yield(r)
		}
		for _, in := range f.late {
			yield(in.Ref)
		}
	}
	for _, r := range m.kept {
		yield(r)
	}
}

// enter moves a flight to a stage and sets how long it may stay there unheard.
func (m *Machine) enter(f *flight, s stage, at time.Time) {
	f.stage = s
	switch s {
	case claimed:
		f.patience, f.evidence = m.cfg.JobPatience, campaign.EvidencePlacing
	case placing:
		f.patience, f.evidence = m.cfg.PlacingPatience, campaign.EvidencePlacing
	case ambiguous:
		f.patience, f.evidence = m.cfg.SettlePatience, campaign.EvidenceAmbiguous
	case placed:
		f.patience, f.evidence = m.callPatience(), campaign.EvidencePlaced
	}
	if f.evidence != f.told {
		m.moved = append(m.moved, f)
	}
	f.deadline = at.Add(f.patience)
	// Its end may have been told while nobody listened, also of one that is heard of only
	// now: its report may have waited for long.
	if s == placed && f.takenUp() {
		f.patience = m.cfg.TakeoverPatience
		f.deadline = at.Add(m.takeoverPatience(f.attempt))
	}
}

// from is the caller id of a call to a number: its own, the one for where it goes, or
// the campaign's.
func (m *Machine) from(own, to string) string {
	return cmp.Or(own, m.c.Routing.From(to), m.c.From)
}

// waiting is the flight's call as one that waits for a time.
func (f *flight) waiting(at time.Time) due {
	return due{at: at.UnixNano(), call: f.attempt.Call(), claim: f.attempt.Claim(), zone: f.zone, class: f.class}
}
