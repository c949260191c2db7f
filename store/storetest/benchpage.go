package storetest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/store"
)

// TenZones makes a campaign whose numbers are in ten zones, in turn.  The zone
// returned is that of the first.
func TenZones(t testing.TB, s store.Store, n int) (campaign.ID, campaign.ZoneID) {
	c, err := s.CreateCampaign(t.Context(), full, nil, store.Once{})
	require.NoError(t, err)
	fill(t, s, c.ID, n, tenZones)
	zones, err := s.Zones(t.Context(), c.ID)
	require.NoError(t, err)
	at := slices.IndexFunc(zones, func(z store.Zone) bool { return z.Zones == "Zone/0" })
	return c.ID, zones[at].ID
}

func tenZones(from, n int) []campaign.Contact {
	out := contacts(from, n)
	for i := range out {
		out[i].Zones = campaign.Zones(fmt.Sprintf("Zone/%d", (from+i)%10))
	}
	return out
}

// What the pages are benchmarked with.
const (
	pageNumbers = 100_000
	pageLimit   = 2000
	pageLeft    = 100
)

// benchPage fills pages; an iteration is one.  With hours by the contact's clock and one
// zone open it must cost no more than with a plain campaign: "ZoneLast" no more than
// "Plain", and after a restart, "ZoneRestart" no more than "PlainRestart".
func benchPage(b *testing.B, open Open) {
	s, plain, fence := benchStore(b, open)
	fill(b, s, plain, pageNumbers, contacts)
	b.Run("Plain", func(b *testing.B) { fillPages(b, s, plain, campaign.AnyZone, middle(b, s, plain), pageLimit) })

	spread, zone := TenZones(b, s, pageNumbers)
	begin(b, s, fence, spread)
	last := allBut(b, s, fence, spread, zone)
	b.Run("ZoneLast", func(b *testing.B) { fillPages(b, s, spread, zone, last, pageLeft) })
	b.Run("ZoneRestart", func(b *testing.B) { fillPages(b, s, spread, zone, 0, pageLeft) })

	allBut(b, s, fence, plain, campaign.AnyZone)
	b.Run("PlainRestart", func(b *testing.B) { fillPages(b, s, plain, campaign.AnyZone, 0, pageLeft) })
}

func fillPages(b *testing.B, s store.Store, id campaign.ID, zone campaign.ZoneID, after campaign.CallID, want int) {
	b.ReportAllocs()
	for b.Loop() {
		page, err := s.Queued(b.Context(), id, zone, after, pageLimit)
		if err != nil || len(page) != want {
			b.Fatal(len(page), err)
		}
	}
}

// middle is a cursor in the middle of a campaign.
func middle(b *testing.B, s store.Store, id campaign.ID) campaign.CallID {
	page, err := s.Queued(b.Context(), id, campaign.AnyZone, 0, pageNumbers/2)
	require.NoError(b, err)
	return page[len(page)-1].ID
}

// allBut finishes a zone's calls but for those that are to be left, and returns the
// last of the finished.
func allBut(b *testing.B, s store.Store, fence store.Fence, id campaign.ID, zone campaign.ZoneID) campaign.CallID {
	q, err := s.Queued(b.Context(), id, zone, 0, pageNumbers)
	require.NoError(b, err)
	q = q[:len(q)-pageLeft]
	last := q[len(q)-1].ID
	for page := range slices.Chunk(q, benchBatch) {
		loop(b, s, id, fence, page)
	}
	return last
}
