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
	changeBegun
)

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

// command takes in what is asked for.
func (m *Machine) command(c Command, now time.Time, out *Effects) {
	if c.Verb == CancelCall {
		m.cancelCall(c, now, out)
		return
	}
	m.commands = append(m.commands, pendingCommand{Command: c})
}

// move is where a verb leads now, or why it can't.
func (m *Machine) move(v Verb, now time.Time) (ChangeStatus, *campaign.Error) {
	move := moves[v]
	switch pending := m.c.Status == campaign.StatusPending; {
	case v == Start && pending && m.c.Schedule.Ended(now):
		return move, campaign.Conflict("The schedule's end_at, %s, has passed, so the campaign can't start; give it a later one.", m.c.Schedule.EndAt.UTC().Format(time.RFC3339))
	case v == Start && pending && m.c.Schedule.StartAt.After(now):
		move.To, move.Armed = campaign.StatusPending, true
	case v == Pause && m.c.Armed:
		move.From = append([]campaign.Status{campaign.StatusPending}, move.From...)
	}
	return move, nil
}

// begin starts an armed campaign when its time has come.
func (m *Machine) begin(now time.Time, out *Effects) {
	if m.c.Armed && m.changing == changeNone && !m.c.Schedule.StartAt.After(now) {
		m.changing = changeBegun
		out.Status = append(out.Status, moves[Start])
	}
}

// obey works on the oldest command: one at a time, since each decides on the
// status that the one before it leaves.
func (m *Machine) obey(now time.Time, out *Effects) {
	for len(m.commands) > 0 && m.changing == changeNone {
		c := &m.commands[0]
		stops := c.Verb == Pause || c.Verb == Cancel
		switch {
		case stops && m.c.ID == campaign.Single:
			m.answer(c, campaign.Conflict("The standing campaign of the single calls can't be stopped."), out)
		case !c.done:
			move, err := m.move(c.Verb, now)
			if err != nil {
				m.answer(c, err, out)
				continue
			}
			m.changing = changeCommand
			out.Status = append(out.Status, move)
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
	m.c.Status, m.c.Armed, m.c.Stats = in.Campaign.Status, in.Campaign.Armed, in.Campaign.Stats
	m.c.StartedAt, m.c.EndedAt = in.Campaign.StartedAt, in.Campaign.EndedAt
	whose := m.changing
	m.changing = changeNone
	switch {
	case whose == changeDrained:
		m.drained(in, now, out)
	case whose == changeBegun:
		if in.Changed {
			m.tellCampaign(campaign.EventCampaignStarted, now, out)
		}
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
		what := tidings[c.Verb]
		if m.c.Armed {
			what = campaign.EventCampaignScheduled
		}
		m.tellCampaign(what, now, out)
	}
	switch c.Verb {
	case Cancel:
		m.canceling = true
		m.queue.clear()
		if c.HangUp {
			m.hangUpAll(now, out)
		}
	case Start, Resume:
		m.stopBy = time.Time{} // the next stop has a waiting of its own
		m.queue.readOn()
	}
}

// drained hears whether the campaign has ended.  If not, contacts were added.
// They are known by now, or ahead of the cursor; or else the machine has lost
// sight of something.
func (m *Machine) drained(in StatusChanged, now time.Time, out *Effects) {
	if in.Refused {
		out.Rebuild = out.Rebuild || m.atHand() == 0 && m.queue.loading == nil && !m.expired(now) && m.c.Stats.Open() > m.c.Stats.Queued
		m.spent = false
		m.looking, out.Refresh = true, true // they may be of zones not heard of
		return
	}
	what := campaign.EventCampaignCompleted
	if m.c.Status == campaign.StatusFailed {
		what = campaign.EventCampaignFailed
	}
	m.tellCampaign(what, now, out)
}

// looked goes on from drained, now that all zones are known.
func (m *Machine) looked(s campaign.Stats) {
	if m.looking {
		m.looking = false
		// One that was canceled meanwhile is in statistics that are older.
		m.unseen = s.Queued > 0 && m.atHand() == 0 && m.queue.loading == nil && !m.struckSince
		m.queue.readOn()
	}
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

// answerBegun answers what is done and waits for nothing: a successor may find the
// campaign ended already.
func (m *Machine) answerBegun(out *Effects) {
	for len(m.commands) > 0 && m.commands[0].done && (m.commands[0].Verb == Start || m.commands[0].Verb == Resume) {
		m.answer(&m.commands[0], nil, out)
	}
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
