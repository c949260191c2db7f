package scheduler_test

import (
	"testing"
	"time"

	"dialtone/actors/scheduler"
	"dialtone/bus"
	"dialtone/campaign"
)

// The leader's whole work for a call at 10,000 campaigns that all want one: the grant
// with its lines in message and ledger, two words of evidence and the release.
func BenchmarkLeader(b *testing.B) {
	const campaigns, held = 10_000, 1000
	st := newStage(b, only(held, 0))
	n := st.node("n1")
	n.own(1, partitions(0, bus.Partitions)...)
	st.introduce(n)
	demands := make([]scheduler.Demand, campaigns)
	for i := range demands {
		demands[i] = scheduler.Demand{Campaign: campaign.ID(i + 2), Seen: n.seen, Fresh: 1 << 30, Limit: 1 << 20, Weight: float64(1 + i%3)}
	}
	st.core.Take(&scheduler.Report{Node: "n1", Demands: demands}, st.now)
	grants := st.core.Grant(st.now)["n1"]
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		r := &scheduler.Report{Node: "n1"}
		for _, g := range grants.Grants {
			for _, token := range g.Tokens {
				r.Progress = append(r.Progress,
					scheduler.Progress{Token: token, Evidence: campaign.EvidencePlacing, Attempt: campaign.AttemptID(token), To: "+12125550147"},
					scheduler.Progress{Token: token, Evidence: campaign.EvidencePlaced, Attempt: campaign.AttemptID(token)})
				r.Releases = append(r.Releases, scheduler.Release{Token: token, Campaign: g.Campaign, Held: 7 * time.Second})
			}
		}
		b.StartTimer()
		st.core.Take(r, st.now)
		grants = st.core.Grant(st.now)["n1"]
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/held, "ns/call")
}
