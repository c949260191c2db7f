package machine

import (
	"maps"
	"slices"
	"time"

	"dialtone/campaign"
)

// Wish is what was asked for about a call in flight.
//
// It is in memory only.  Who builds a machine anew hands it on (Wishes, Open); with the
// process it is lost, unless the call itself was canceled: that is on record.
type Wish struct {
	// HangUp: the call is to end as soon as it is known to be up.
	HangUp bool
}

// Wishes lists what was asked for about the calls in flight.
func (m *Machine) Wishes(yield func(campaign.CallID, Wish)) {
	for id, f := range m.flights {
		if f.Wish != (Wish{}) {
			yield(id.Call(), f.Wish)
		}
	}
}

// hangUpAll ends the calls that are up, and those that will turn out to be.
func (m *Machine) hangUpAll(now time.Time, out *Effects) {
	for _, f := range slices.SortedFunc(maps.Values(m.flights), byAttempt) {
		m.hangUp(f, now, out)
	}
}

// hangUp has a call ended: at once where the provider has it, else as soon as it is
// heard to have it.  Until the end is told the watch asks again.
func (m *Machine) hangUp(f *flight, now time.Time, out *Effects) {
	f.HangUp = true
	if f.stage == placed && f.providerCallID != "" {
		f.patience = m.cfg.SettlePatience
		f.deadline = now.Add(f.patience)
		m.publishHangUp(f, out)
	}
}

func (m *Machine) publishHangUp(f *flight, out *Effects) {
	f.job.Kind = campaign.JobHangUp
	f.job.ProviderCallID = f.providerCallID
	out.Publish = append(out.Publish, f.job)
}
