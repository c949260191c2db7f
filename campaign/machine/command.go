package machine

import (
	"time"

	"dialtone/campaign"
)

// pendingCommand is a command that waits for its turn or its commit.
type pendingCommand struct {
	Command
	done bool // its status is committed
	// answerBy is when the answer stops waiting for what is just being placed.
	answerBy time.Time
}

// change is whose ChangeStatus is on its way.
type change int

const (
	changeNone change = iota
	changeCommand
	changeDrained
)

const cancelChunk = 2000

// moves says from where each verb leads where.
var moves = map[Verb]ChangeStatus{
	Start:  {From: []campaign.Status{campaign.StatusPending}, To: campaign.StatusInProgress},
	Pause:  {From: []campaign.Status{campaign.StatusInProgress}, To: campaign.StatusPaused},
	Resume: {From: []campaign.Status{campaign.StatusPaused}, To: campaign.StatusInProgress},
	Cancel: {From: []campaign.Status{campaign.StatusPending, campaign.StatusInProgress, campaign.StatusPaused}, To: campaign.StatusCanceled},
}

var tidings = map[Verb]campaign.EventType{
	Start: campaign.EventCampaignStarted, Pause: campaign.EventCampaignPaused,
	Resume: campaign.EventCampaignResumed, Cancel: campaign.EventCampaignCanceled,
}

// obey works on the oldest command: one at a time, since each decides on the
// status that the one before it leaves.
func (m *Machine) obey(now time.Time, out *Effects) {
	m.cancelWaiting(out)
	for len(m.commands) > 0 && m.changing == changeNone {
		c := &m.commands[0]
		stops := c.Verb == Pause || c.Verb == Cancel
		switch {
		case stops && m.c.ID == campaign.Single:
			m.answer(c, campaign.Conflict("The standing campaign of the single calls can't be stopped."), out)
		case !c.done:
			m.changing = changeCommand
			out.Status = append(out.Status, moves[c.Verb])
		case stops && m.beingPlaced() && now.Before(c.answerBy), m.canceling:
			return
		default:
			m.answer(c, nil, out)
		}
	}
}

// statusChanged hears what came of a ChangeStatus: that of the oldest command,
// or the one that ends the campaign.
func (m *Machine) statusChanged(in StatusChanged, now time.Time, out *Effects) {
	m.c.Status, m.c.Stats = in.Campaign.Status, in.Campaign.Stats
	m.c.StartedAt, m.c.EndedAt = in.Campaign.StartedAt, in.Campaign.EndedAt
	whose := m.changing
	m.changing = changeNone
	switch {
	case whose == changeDrained:
		m.drained(in, now, out)
	case in.Refused:
		m.answer(&m.commands[0], refusal(m.commands[0].Verb, m.c.Status), out)
	default:
		m.commanded(&m.commands[0], in.Changed, now, out)
	}
}

// commanded goes on from a command whose status is committed.
func (m *Machine) commanded(c *pendingCommand, changed bool, now time.Time, out *Effects) {
	// Who asks again joins the waiting of who asked first.
	if changed || m.stopBy.IsZero() {
		m.stopBy = now.Add(m.cfg.StopPatience)
	}
	c.done, c.answerBy = true, m.stopBy
	if changed {
		m.tellCampaign(tidings[c.Verb], now, out)
	}
	switch c.Verb {
	case Cancel:
		m.canceling = true
		m.waiting, m.returned, m.page, m.adrift = nil, nil, nil, nil
	case Start, Resume:
		m.readOn()
	}
}

// drained hears whether the campaign has ended.  If not, contacts were added.
// They are known by now, or ahead of the cursor; or else the machine has lost
// sight of something.
func (m *Machine) drained(in StatusChanged, now time.Time, out *Effects) {
	if in.Refused {
		if m.atHand() == 0 && !m.loading {
			m.unseen = m.c.Stats.Queued > 0
			out.Rebuild = out.Rebuild || m.c.Stats.Open() > m.c.Stats.Queued
		}
		m.readOn()
		return
	}
	what := campaign.EventCampaignCompleted
	if m.c.Status == campaign.StatusFailed {
		what = campaign.EventCampaignFailed
	}
	m.tellCampaign(what, now, out)
}

func refusal(v Verb, s campaign.Status) *campaign.Error {
	switch {
	case s.Ended():
		return campaign.Conflict("The campaign has ended (%s), so it can't %s; create a new one.", s, v)
	case s == campaign.StatusPaused && v == Start:
		return campaign.Conflict("The campaign is paused; resume it instead.")
	}
	return campaign.Conflict("The campaign is %s, so it can't %s.", s, v)
}

func (m *Machine) answer(c *pendingCommand, err *campaign.Error, out *Effects) {
	out.Replies = append(out.Replies, Reply{Ref: c.Ref, Campaign: m.c, Err: err})
	m.commands = m.commands[1:]
}

// beingPlaced reports whether a call might be dialled at this moment: its claim
// is out, or its caller has not told what came of it.
func (m *Machine) beingPlaced() bool {
	for _, f := range m.flights {
		if f.stage <= placing || f.undoing {
			return true
		}
	}
	return false
}

func (m *Machine) cancelWaiting(out *Effects) {
	if m.canceling && !m.chunkAsked {
		m.chunkAsked = true
		out.CancelWaiting = cancelChunk
	}
}

// waitingCanceled goes on until a chunk is not full: then none is left.
func (m *Machine) waitingCanceled(in WaitingCanceled) {
	m.count(in.Stats)
	m.chunkAsked = false
	m.canceling = in.Count == cancelChunk
}
