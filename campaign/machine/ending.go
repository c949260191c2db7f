package machine

import (
	"time"

	"dialtone/campaign"
)

const endChunk = 2000

// ending is how the calls that wait are ended, chunk by chunk: because the campaign
// was canceled, or because the end of its schedule has come.
type ending struct {
	// canceling: the campaign is canceled and has waiting calls to cancel.
	canceling bool
	// chunkAsked: a chunk is on its way.
	chunkAsked bool
	// spent: the end of the schedule has come, and no call waits in the store.
	spent bool
	// dropped: what waited in memory was let go of, since the end had come.
	dropped bool
	// confirmed: the store says so too; or refused: it says that the end has not come,
	// and until the settings are read again it is not asked.
	confirmed, refused bool
}

// expired reports whether a campaign that could dial may not any more, because its
// schedule is over.
func (m *Machine) expired(now time.Time) bool {
	return m.c.Status == campaign.StatusInProgress && m.c.ID != campaign.Single && m.c.Schedule.Ended(now)
}

// endWaiting asks for the next chunk, if there may be one.
func (m *Machine) endWaiting(now time.Time, out *Effects) {
	expired := m.expired(now)
	if expired {
		m.dropped = true
		m.queue.clear()
	}
	if m.chunkAsked || !m.canceling && (!expired || m.spent || m.refused) {
		return
	}
	m.chunkAsked = true
	out.EndWaiting = &EndWaiting{Status: m.c.Status, Limit: endChunk}
}

// waitingEnded goes on until a chunk is not full: then none is left.
func (m *Machine) waitingEnded(in WaitingEnded, out *Effects) {
	m.count(in.Stats)
	m.chunkAsked = false
	switch {
	case in.Status == campaign.StatusCanceled:
		m.canceling = in.Count == in.Limit
	case in.Refused:
		m.refused, out.Refresh = true, true
	default:
		m.confirmed, m.spent = true, in.Count < in.Limit
	}
}
