package machine

import (
	"cmp"
	"time"

	"dialtone/campaign"
	"dialtone/campaign/route"
)

// Config are the patience and the page size of a machine. Zero fields take the
// defaults.
type Config struct {
	// PageSize is how many queued calls are kept at hand. Default 2,000.
	PageSize int
	// JobPatience is how long a claimed attempt may go without a report before
	// its job is published again; it doubles with each time. Default 15 s.
	JobPatience time.Duration
	// JobTTL is how long a job may wait in the queue before it is given back
	// instead of dialled. Default 60 s.
	JobTTL time.Duration
	// PlacingPatience is how long an attempt may be placing without a report
	// before it counts as ambiguous.  It must exceed the time that a caller may let
	// pass between asking for placing and sending the create request, together with
	// the time limit of that request. Default 15 s.
	PlacingPatience time.Duration
	// CallPatience is how long a placed call may go without its end being told
	// before the provider is asked; it doubles each time that the call is up.  Default 4
	// times the mean length of the campaign's calls, from 15 s to 2 min; 2 min while none
	// is known.
	CallPatience time.Duration
	// TakeoverPatience is how long the end of a call that an earlier owner had placed is
	// waited for, from when it is known to be up, before the provider is asked: it may have
	// been told while nobody listened, and be told no more.  The calls are spread over as
	// long again. Default 5 s.
	TakeoverPatience time.Duration
	// SettlePatience is how long the provider may be asked in vain what became of an
	// attempt before it is asked again; it grows to eight times as much. Default 15 s.
	SettlePatience time.Duration
	// ConfirmAfter is how long after a provider that had not answered the request was
	// first heard not to know of a call it is asked once more, before the number is free.
	// Default 30 s.
	ConfirmAfter time.Duration
	// StopPatience is how long the answer to pause and cancel waits for what is
	// just being placed.  It must exceed the time that a caller may let pass between
	// asking for placing and sending the create request. Default 5 s.
	StopPatience time.Duration
	// CloseEarly is how long before the hours end the last call may be placed: the
	// time that a request may take to reach the provider. Default 2 s.
	CloseEarly time.Duration
	// RampUp is how long a campaign takes from its first call to as many as it may have
	// up, where the scheduler lets it.  Default 0, or less: it does so at once.
	RampUp time.Duration
	// RefreshEvery is how often the campaign is read again without being told
	// to, in case the telling got lost. Default 10 s.
	RefreshEvery time.Duration
	// Table is the providers that there are; nil lets every provider take any call.
	Table *route.Table
}

func (c Config) withDefaults() Config {
	c.PageSize = cmp.Or(c.PageSize, 2000)
	c.JobPatience = cmp.Or(c.JobPatience, 15*time.Second)
	c.JobTTL = cmp.Or(c.JobTTL, time.Minute)
	c.PlacingPatience = cmp.Or(c.PlacingPatience, 15*time.Second)
	c.TakeoverPatience = cmp.Or(c.TakeoverPatience, 5*time.Second)
	c.SettlePatience = cmp.Or(c.SettlePatience, 15*time.Second)
	c.ConfirmAfter = cmp.Or(c.ConfirmAfter, 30*time.Second)
	c.StopPatience = cmp.Or(c.StopPatience, 5*time.Second)
	c.CloseEarly = cmp.Or(c.CloseEarly, 2*time.Second)
	c.RefreshEvery = cmp.Or(c.RefreshEvery, 10*time.Second)
	return c
}

// Machine is one campaign's mind.  It is used by one goroutine.
type Machine struct {
	cfg Config
	c   campaign.Campaign

	queue queue
	// total is how many calls the campaign had when the queue was last read on.
	total int
	// unseen: the store has queued calls, so not every page can be empty.
	unseen bool

	flights map[campaign.AttemptID]*flight
	freed   int // of them, have given their slot back
	// placed are flights whose ReportPlaced came in the batch being handled: the
	// end of the call may be in it as well, and then one record does for both.
	placed []*flight
	// moved are flights of which more has become known in the batch being handled.
	moved []*flight

	// holds are those of the providers that refuse what the campaign asks for, by name.
	holds    map[string]*hold
	commands []pendingCommand
	// stopBy is when the answers to the latest stop give up waiting; zero while the campaign
	// runs.
	stopBy time.Time
	// changing is the ChangeStatus that is on its way; there is one at a time.
	changing change
	ending
	// renewing: a new machine is to be built, once what this one has begun to write is
	// written; reports that come meanwhile are for the new one.
	renewing bool
	kept     []Ref
	// looking: the store refused to end the campaign, and is being read again to see
	// why.
	looking bool
	// misfits count how often calls came back because the provider refused our account
	// or settings.
	misfits map[campaign.CallID]int
	// struck are the calls that are being canceled by themselves, and striking counts
	// those of them whose record is on its way; struckSince tells that there was one
	// since the campaign was last to be ended.
	struck      map[campaign.CallID]*struck
	striking    int
	struckSince bool
	// claims counts those that are being committed.
	claims int
	due    target
	ramp   ramp
	length mean // of how long its calls held their slots
	// undoing counts the taken-over claims that are being given back.  Until that
	// is committed the store's queue is not read, so that none is seen twice.
	undoing int

	handled      time.Time // when Handle was last called
	nextWatch    time.Time
	nextRefresh  time.Time
	nextProgress time.Time
	told         campaign.Stats // the statistics of the last progress event
}

// New builds a machine from what the store has: the campaign, the zones of its
// calls by ascending id, read no earlier, and those of its calls that are in
// progress or wait for a retry, each with the attempt of its present claim, if that
// has a row.
func New(cfg Config, c campaign.Campaign, zones []Zone, open []Open, now time.Time, out *Effects) *Machine {
	cfg, c.Settings = cfg.withDefaults(), c.Settings.WithDefaults()
	m := &Machine{
		cfg: cfg, c: c, told: c.Stats, total: c.Stats.Total,
		queue:       queue{early: cfg.CloseEarly, router: newRouter(cfg.Table, &c)},
		flights:     make(map[campaign.AttemptID]*flight),
		misfits:     make(map[campaign.CallID]int),
		holds:       make(map[string]*hold),
		struck:      make(map[campaign.CallID]*struck),
		ending:      ending{canceling: c.Status == campaign.StatusCanceled},
		nextWatch:   now.Add(watchEvery),
		nextRefresh: now.Add(cfg.RefreshEvery),
	}
	m.queue.reckon(c.Settings, zones)
	for _, o := range open {
		m.takeUp(o, now, out)
	}
	m.queue.strike(now)
	m.proceed(now, out)
	return m
}

// Handle takes in what happened, in order, and appends to out what is to be done.
func (m *Machine) Handle(inputs []Input, now time.Time, out *Effects) {
	m.queue.strike(now)
	for _, in := range inputs {
		m.handle(in, now, out)
	}
	m.proceed(now, out)
}

func (m *Machine) handle(in Input, now time.Time, out *Effects) {
	switch in := in.(type) {
	case Reported:
		m.reported(in, now, out)
	case Recorded:
		m.recorded(in, now, out)
	case Granted:
		m.granted(in, now, out)
	case Claimed:
		m.claimed(in, now, out)
	case Published:
		m.published(in, now)
	case Page:
		m.paged(in, out)
	case Refreshed:
		m.refreshed(in, now, out)
	case Command:
		m.command(in, now, out)
	case StatusChanged:
		m.statusChanged(in, now, out)
	case WaitingEnded:
		m.waitingEnded(in, out)
	case Tick:
	}
}

// proceed does, after every batch of inputs, what has become possible or due.
func (m *Machine) proceed(now time.Time, out *Effects) {
	m.handled = now
	m.aim(now)
	m.recordPlaced(now, out)
	m.tellMoved(out)
	if m.renewing {
		m.answerBegun(out)
		out.Renew = m.settled()
		return
	}
	m.withdraw(now, out)
	m.watch(now, out)
	m.refresh(now, out)
	m.begin(now, out)
	m.endWaiting(now, out)
	m.load(now, out)
	m.obey(now, out)
	m.drain(now, out)
	m.tellProgress(now, out)
	m.ramp.step(m.up(), m.c.MaxConcurrentCalls, m.cfg.RampUp, now)
	out.Retire = m.idle()
}

// Held lists the tokens of the calls in flight, and what is known of those.
func (m *Machine) Held(yield func(Progress)) {
	for _, f := range m.flights {
		if !f.freed {
			yield(f.progress())
		}
	}
}

// up is how many calls are up or being placed.
func (m *Machine) up() int { return len(m.flights) - m.freed }

func (f *flight) progress() Progress {
	return Progress{Token: f.token, Evidence: f.evidence, Attempt: f.attempt, To: f.job.To, Since: f.since}
}

// tellMoved tells of the flights of which more is known now.  Of those that have
// landed, their release tells.
func (m *Machine) tellMoved(out *Effects) {
	for _, f := range m.moved {
		if (f.evidence != f.told || f.untold()) && m.flights[f.attempt] == f {
			p := f.progress()
			p.Outcome, _ = f.tell()
			f.told = f.evidence
			out.Progress = append(out.Progress, p)
		}
	}
	clear(m.moved)
	m.moved = m.moved[:0]
}

// Campaign is the campaign as the machine knows it.
func (m *Machine) Campaign() campaign.Campaign { return m.c }

// NextTick is the next time at which the machine wants to be told the time, or
// zero for never.  A call that is due already waits for a token, not for time.
//
// Invariant: it is not before now, and after the time of the last Handle, so that
// an owner who follows it does not spin.
func (m *Machine) NextTick(now time.Time) time.Time {
	if m.renewing || m.idle() {
		return time.Time{} // or it waits for what is being written
	}
	next := m.nextRefresh
	if len(m.flights) > 0 || len(m.commands) > 0 {
		next = m.sooner(next, m.nextWatch)
	}
	if m.told != m.c.Stats {
		next = m.sooner(next, m.nextProgress)
	}
	if m.c.Status == campaign.StatusInProgress {
		next = m.sooner(next, m.queue.next(m.handled))
		next = m.sooner(next, m.releases(m.handled))
		next = m.sooner(next, m.c.Schedule.EndAt)
		next = m.sooner(next, m.ramp.next(m.c.MaxConcurrentCalls, m.cfg.RampUp))
	}
	if m.c.Armed {
		next = m.sooner(next, m.c.Schedule.StartAt)
	}
	if next.Before(now) {
		return now
	}
	return next
}

// sooner is t if it lies between the last Handle and next, else next.
func (m *Machine) sooner(next, t time.Time) time.Time {
	if t.After(m.handled) && t.Before(next) {
		return t
	}
	return next
}

// idle reports whether nothing is left to do until somebody asks for it.
func (m *Machine) idle() bool {
	if len(m.flights) > 0 || len(m.commands) > 0 || m.striking > 0 || m.canceling {
		return false
	}
	return m.c.Status != campaign.StatusInProgress && !m.c.Armed
}

// drain ends the campaign when there is nothing left to dial or to wait for.
// The store has the last word: contacts may just have been added.
func (m *Machine) drain(now time.Time, out *Effects) {
	if m.c.Status != campaign.StatusInProgress || m.c.ID == campaign.Single || m.changing != changeNone {
		return
	}
	if m.atHand() > 0 || m.striking > 0 || m.queue.loading != nil || m.looking || !m.emptied(now) {
		return
	}
	m.changing, m.struckSince = changeDrained, false
	out.Status = append(out.Status, ChangeStatus{
		From: []campaign.Status{campaign.StatusInProgress}, Drained: true,
	})
}

// emptied reports whether, as far as is known, no call waits in the store.  Lanes
// that are closed need not be read for that if there is none to be found.
func (m *Machine) emptied(now time.Time) bool {
	if m.expired(now) {
		return m.spent
	}
	return m.queue.exhausted() || m.c.Stats.Queued == 0 && m.queue.readOpen()
}

// atHand is how many calls the machine knows that are not terminal.
func (m *Machine) atHand() int { return len(m.flights) + m.queue.size() }

// count takes over the statistics after a commit.  A batch that found all its
// work done tells none.
func (m *Machine) count(s campaign.Stats) {
	if s != (campaign.Stats{}) {
		m.c.Stats = s
	}
}

const progressEvery = time.Second

// tellProgress publishes the statistics, at most once a second, when they moved.
func (m *Machine) tellProgress(now time.Time, out *Effects) {
	if m.told == m.c.Stats || now.Before(m.nextProgress) {
		return
	}
	m.tellCampaign(campaign.EventCampaignProgress, now, out)
	m.nextProgress = now.Add(progressEvery)
}

func (m *Machine) tellCampaign(what campaign.EventType, now time.Time, out *Effects) {
	m.told = m.c.Stats
	out.Events = append(out.Events, campaign.Event{Type: what, Campaign: m.c.ID, Time: now,
		Data: campaign.EventCampaign{CampaignID: m.c.ID, Status: m.c.Status, Stats: m.c.Stats}})
}
