package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/store"
)

// Bench measures a driver: one iteration is one call.
func Bench(b *testing.B, open Open) {
	b.Run("Load", func(b *testing.B) { benchLoad(b, open, contacts) })
	b.Run("LoadZones", func(b *testing.B) { benchLoad(b, open, tenZones) })
	b.Run("Loop", func(b *testing.B) { benchLoop(b, open) })
	b.Run("Page", func(b *testing.B) { benchPage(b, open) })
	b.Run("CreateCall", func(b *testing.B) { benchCreateCall(b, open) })
}

const benchBatch = 500

func benchStore(b *testing.B, open Open) (store.Store, campaign.ID, store.Fence) {
	s := open(b)
	b.Cleanup(func() { require.NoError(b, s.Close()) })
	epochs, err := s.RaiseEpochs(b.Context(), "bench", map[int]int64{partition: 0})
	require.NoError(b, err)
	c, err := s.CreateCampaign(b.Context(), full, nil, store.Once{})
	require.NoError(b, err)
	fence := store.Fence{Partition: partition, Epoch: epochs[partition]}
	begin(b, s, fence, c.ID)
	return s, c.ID, fence
}

func begin(b *testing.B, s store.Store, fence store.Fence, id campaign.ID) {
	op := &store.SetStatus{Fence: fence, Campaign: id, From: campaign.Statuses, To: campaign.StatusInProgress}
	require.NoError(b, s.Apply(b.Context(), batch(op)))
}

// fill adds n contacts, which make tells.
func fill(t testing.TB, s store.Store, id campaign.ID, n int, make func(from, n int) []campaign.Contact) {
	for at := 0; at < n; at += 2000 {
		_, err := s.AddContacts(t.Context(), id, make(at, min(2000, n-at)))
		require.NoError(t, err)
	}
}

func benchLoad(b *testing.B, open Open, make func(from, n int) []campaign.Contact) {
	s, id, _ := benchStore(b, open)
	b.ResetTimer()
	began := time.Now()
	fill(b, s, id, b.N, make)
	b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "contacts/s")
}

// benchLoop takes calls through claim, placing, and placed with finish, each a
// commit for a batch of them.
func benchLoop(b *testing.B, open Open) {
	s, id, fence := benchStore(b, open)
	fill(b, s, id, b.N, contacts)
	q, err := s.Queued(b.Context(), id, campaign.AnyZone, 0, b.N)
	require.NoError(b, err)
	b.ResetTimer()
	began := time.Now()
	for len(q) > 0 {
		n := min(benchBatch, len(q))
		loop(b, s, id, fence, q[:n])
		q = q[n:]
	}
	b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "calls/s")
	c, err := s.Campaign(b.Context(), id)
	require.NoError(b, err)
	require.Equal(b, b.N, c.Stats.Completed)
}

func loop(b *testing.B, s store.Store, id campaign.ID, fence store.Fence, calls []store.Waiting) {
	var claims, placings, ends store.Batch
	for _, w := range calls {
		a := attempt(w.ID, 1)
		claims.Add(&store.Claim{Fence: fence, Campaign: id, Attempt: a})
		placings.Add(&store.Placing{Campaign: id, Attempt: a, Number: 1, Provider: "mock-a", Placer: int64(a) * 7919, At: start})
		ends.Add(&store.Placed{Fence: fence, Campaign: id, Attempt: a, ProviderCallID: "CA0123456789abcdef0123456789abcdef"})
		ends.Add(&store.Finish{
			Fence: fence, Campaign: id, Attempt: a, ProviderCallID: "CA0123456789abcdef0123456789abcdef",
			Disposition: campaign.DispositionCompleted, EndedAt: start, Duration: time.Second, Next: campaign.CallCompleted,
		})
	}
	for _, batch := range []*store.Batch{&claims, &placings, &ends} {
		if err := s.Apply(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	for _, op := range ops(&ends) {
		if err := store.OutcomeOf(op).Err; err != nil {
			b.Fatal(err)
		}
	}
}

func benchCreateCall(b *testing.B, open Open) {
	s, _, _ := benchStore(b, open)
	b.ResetTimer()
	for _, c := range contacts(0, b.N) {
		_, err := s.CreateCall(b.Context(), store.NewCall{Contact: c}, store.Once{})
		require.NoError(b, err)
	}
}
