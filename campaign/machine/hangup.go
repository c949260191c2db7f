package machine

import (
	"maps"
	"slices"
	"time"

	"dialtone/campaign"
)

// hangUpAll ends the calls that are up, and those that will turn out to be.
func (m *Machine) hangUpAll(now time.Time, out *Effects) {
	for _, f := range slices.SortedFunc(maps.Values(m.flights), byAttempt) {
		m.hangUp(f, now, out)
	}
}

// hangUp has a call ended: at once where the provider has it, else as soon as it is
// heard to have it.  Until the end is told the watch asks again.
func (m *Machine) hangUp(f *flight, now time.Time, out *Effects) {
	f.hangingUp = true
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
