package ledger

import (
	"slices"

	"dialtone/campaign"
	"dialtone/store"
)

// Need is what must be locked and read before Decide.  All lists ascend and hold
// nothing twice; locks are taken in their order.
type Need struct {
	// Partitions are locked so that their epochs can't rise before the commit.
	Partitions []int
	// Campaigns are locked: in share mode, unless Exclusive.
	Campaigns []int64
	Exclusive bool
	// Drained says that the campaigns' statistics are wanted, read by a statement
	// that began after the locks were had.
	Drained bool
	// Ends says that the ends of the campaigns' schedules are wanted.
	Ends bool
	// Calls are locked against any change; Full tells for each whether what is
	// needed to dial is read as well.
	Calls []int64
	Full  []bool
	// Attempts need no lock.
	Attempts []int64
	// Status are the campaigns to be read in full at the end, for SetStatus.Now.
	Status []int64
}

// Need lists the rows.
func (l *Ledger) Need() Need {
	b := l.batch
	n := Need{Exclusive: len(b.SetStatus) > 0}
	seen := make(map[int]bool)
	fence := func(f store.Fence) {
		if !seen[f.Partition] {
			seen[f.Partition] = true
			n.Partitions = append(n.Partitions, f.Partition)
		}
	}
	claimed := make([]int64, 0, len(b.Claim))
	for _, op := range b.Claim {
		fence(op.Fence)
		claimed = append(claimed, int64(op.Attempt.Call()))
	}
	l.needAttempts(&n, fence)
	l.needCampaigns(&n, fence)

	n.Calls = make([]int64, 0, len(n.Attempts)+len(claimed)+len(b.CancelCall))
	for _, a := range n.Attempts {
		n.Calls = append(n.Calls, int64(campaign.AttemptID(a).Call()))
	}
	for _, op := range b.CancelCall {
		fence(op.Fence)
		n.Calls = append(n.Calls, int64(op.Call))
	}
	slices.Sort(n.Partitions)
	n.Calls = unique(append(n.Calls, claimed...))
	claimed = unique(claimed)
	n.Full = make([]bool, len(n.Calls))
	for i, id := range n.Calls {
		_, n.Full[i] = slices.BinarySearch(claimed, id)
	}
	return n
}

func (l *Ledger) needAttempts(n *Need, fence func(store.Fence)) {
	b := l.batch
	ids := make([]int64, 0, b.Len()-len(b.Claim))
	for _, op := range b.Placed {
		fence(op.Fence)
		ids = append(ids, int64(op.Attempt))
	}
	for _, op := range b.Ambiguous {
		fence(op.Fence)
		ids = append(ids, int64(op.Attempt))
	}
	for _, op := range b.Finish {
		fence(op.Fence)
		ids = append(ids, int64(op.Attempt))
	}
	for _, op := range b.GiveBack {
		fence(op.Fence)
		ids = append(ids, int64(op.Attempt))
	}
	for _, op := range b.Placing {
		ids = append(ids, int64(op.Attempt))
	}
	n.Attempts = unique(ids)
}

func (l *Ledger) needCampaigns(n *Need, fence func(store.Fence)) {
	seen := map[campaign.ID]bool{}
	want := func(id campaign.ID) {
		if !seen[id] {
			seen[id] = true
			n.Campaigns = append(n.Campaigns, int64(id))
		}
	}
	for _, op := range l.batch.SetStatus {
		fence(op.Fence)
		want(op.Campaign)
		n.Drained = n.Drained || op.Drained
		n.Status = append(n.Status, int64(op.Campaign))
	}
	for _, op := range l.batch.Placing {
		want(op.Campaign)
	}
	for _, op := range l.batch.EndCalls {
		fence(op.Fence)
		want(op.Campaign)
		n.Ends = n.Ends || op.Status == campaign.StatusInProgress
	}
	n.Status = unique(n.Status)
	slices.Sort(n.Campaigns)
}

func unique(ids []int64) []int64 {
	slices.Sort(ids)
	return slices.Compact(ids)
}
