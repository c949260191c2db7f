package simulation

import (
	"time"

	"dialtone/actors/book"
	"dialtone/bus"
	"dialtone/campaign"
	"dialtone/campaign/machine"
	"dialtone/store"
)

// Plant is a bug that a world is given on purpose, to show that it is found.
type Plant string

// The bugs.
const (
	// PlantNoEpochCheck: the store takes what an older owner writes.
	PlantNoEpochCheck Plant = "no epoch check"
	// PlantLateEpoch: an epoch is raised by who has lost its lease to another meanwhile.
	PlantLateEpoch Plant = "an epoch raised too late"
	// PlantEarlyAck: a report is acknowledged before what it says is committed.
	PlantEarlyAck Plant = "acknowledged before the commit"
	// PlantRetryTwice: the statistics count a retry twice.
	PlantRetryTwice Plant = "a retry counted twice"
	// PlantPlacingTwice: a second delivery of a job may place as well.
	PlantPlacingTwice Plant = "placing inserted twice"
	// PlantDeafStop: placing does not look whether the campaign is running.
	PlantDeafStop Plant = "placing while the campaign is paused"
	// PlantBlindLeader: a new leader grants before the owners have told what they hold.
	PlantBlindLeader Plant = "granted without the owners' word"
	// PlantTokenBack: a token is given back while its call is up.
	PlantTokenBack Plant = "a token given back while its call is up"
	// PlantLeakedToken: that tokens come back is not told, nor that nothing is held.
	PlantLeakedToken Plant = "a token that nobody gives back"
	// PlantLateCaller: a caller asks the provider however late it is.
	PlantLateCaller Plant = "a caller that asks however late it is"
	// PlantNoHours: an owner that wakes does not know of its campaign's hours.
	PlantNoHours Plant = "hours that are not known"
	// PlantUnasked: an attempt in doubt is given back without asking the provider.
	PlantUnasked Plant = "given back without asking the provider"
	// PlantNewFirst: a campaign that has tokens does not see which retries are due.
	PlantNewFirst Plant = "new numbers before retries"
)

// spoil makes of a batch what a store with a bug would.
func (p Plant) spoil(s *memory, b *store.Batch) {
	switch p {
	case PlantNoEpochCheck:
		for _, f := range fenced(b) {
			f.Epoch = s.epochs[f.Partition]
		}
	case PlantPlacingTwice:
		for _, op := range b.Placing {
			if a := s.attempts[op.Attempt]; a != nil {
				a.Placer = op.Placer
			}
		}
	}
}

// hasten acknowledges what an actor has just taken in.
func (p Plant) hasten(taken []any) {
	if p != PlantEarlyAck {
		return
	}
	for _, m := range taken {
		if d, ok := m.(bus.ReportDelivery); ok {
			_ = d.Ack()
		}
	}
}

// behind is the time by which an actor spends its tokens, where so many retries are due.
func (p Plant) behind(now time.Time, retries int) time.Time {
	if p == PlantNewFirst && retries > 0 {
		return now.Add(-10 * time.Second)
	}
	return now
}

// early has a campaign give back the tokens of calls that are up.
func (p Plant) early(m any) any {
	w, ok := m.(*book.Wants)
	if p != PlantTokenBack || !ok {
		return m
	}
	for _, t := range w.Progress {
		if t.Evidence == campaign.EvidencePlaced {
			w.Releases = append(w.Releases, machine.Release{Token: t.Token, Held: time.Second})
		}
	}
	return w
}

// status is that of a campaign, as a batch is shown it.
func (p Plant) status(b *store.Batch, is campaign.Status) campaign.Status {
	if p == PlantDeafStop && len(b.Placing) == b.Len() {
		return campaign.StatusInProgress
	}
	return is
}
