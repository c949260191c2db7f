package store

import "dialtone/campaign"

// rank is the place of an operation's kind in the order in which a batch's
// operations take effect.
type rank uint8

const (
	rankStatus rank = iota + 1
	rankPlaced
	rankAmbiguous
	rankFinish
	rankGiveBack
	rankCancelCall
	rankClaim
	rankPlacing
	rankEnd
)

// Page is a batch in the making: what of the operations submitted, in their order, goes
// into one.  It belongs to the journal's goroutine.
type Page struct {
	batch Batch
	parts []part
	ops   int
	most  int
	// The highest rank so far of the operations on a call, and on anything of a
	// campaign: an operation of a lower rank would overtake it.
	calls     map[campaign.CallID]rank
	campaigns map[campaign.ID]rank
}

// NewPage makes an empty page for so many operations at most.
func NewPage(most int) *Page {
	return &Page{most: most, calls: map[campaign.CallID]rank{}, campaigns: map[campaign.ID]rank{}}
}

// Takes reports whether the operation can join the batch without overtaking one
// that was submitted before it.
func (p *Page) Takes(op Op) bool {
	if p.ops >= p.most {
		return false
	}
	r, in, call := place(op)
	switch r {
	case rankStatus: // after anything else of its campaign it needs a new batch
		return p.campaigns[in] <= rankStatus
	case rankEnd:
		return true
	}
	// Calls that an EndCalls may have ended are left alone in its batch.
	return p.calls[call] <= r && p.campaigns[in] < rankEnd
}

// Add enters an operation that the page takes.
func (p *Page) Add(op Op) {
	r, in, call := place(op)
	p.batch.Add(op)
	p.ops++
	p.campaigns[in] = max(p.campaigns[in], r)
	if r != rankStatus && r != rankEnd {
		p.calls[call] = r
	}
}

// Batch is what was added.
func (p *Page) Batch() *Batch { return &p.batch }

// close notes whose operations were added.
func (p *Page) close(e *entry, from, to int) {
	if from < to || to == len(e.ops) {
		p.parts = append(p.parts, part{e, from, to})
	}
}

// reset empties the page and keeps its memory.
func (p *Page) reset() {
	b := &p.batch
	*b = Batch{
		SetStatus: empty(b.SetStatus), Placed: empty(b.Placed), Ambiguous: empty(b.Ambiguous), Finish: empty(b.Finish),
		GiveBack: empty(b.GiveBack), CancelCall: empty(b.CancelCall), Claim: empty(b.Claim), Placing: empty(b.Placing), EndCalls: empty(b.EndCalls),
	}
	p.parts = empty(p.parts)
	p.ops = 0
	clear(p.calls)
	clear(p.campaigns)
}

// empty drops the elements, so that nothing keeps them alive.
func empty[E any](s []E) []E {
	clear(s)
	return s[:0]
}

// place tells an operation's rank and what it is about.
func place(op Op) (r rank, in campaign.ID, call campaign.CallID) {
	switch op := op.(type) {
	case *SetStatus:
		return rankStatus, op.Campaign, 0
	case *Placed:
		return rankPlaced, op.Campaign, op.Attempt.Call()
	case *Ambiguous:
		return rankAmbiguous, op.Campaign, op.Attempt.Call()
	case *Finish:
		return rankFinish, op.Campaign, op.Attempt.Call()
	case *GiveBack:
		return rankGiveBack, op.Campaign, op.Attempt.Call()
	case *CancelCall:
		return rankCancelCall, op.Campaign, op.Call
	case *Claim:
		return rankClaim, op.Campaign, op.Attempt.Call()
	case *Placing:
		return rankPlacing, op.Campaign, op.Attempt.Call()
	case *EndCalls:
		return rankEnd, op.Campaign, 0
	}
	return 0, 0, 0
}
