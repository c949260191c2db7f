package book

import (
	"maps"
	"slices"

	"dialtone/actors/scheduler"
	"dialtone/campaign"
)

// Report sends what has changed, and everything where that is due.
func (b *Book) Report() {
	full := b.tellAll
	if !full && len(b.changed)+len(b.releases)+len(b.progress) == 0 {
		return
	}
	r := scheduler.Report{Node: b.node, Progress: b.known(), Releases: b.releases}
	if full {
		r.Full = b.full()
		r.Demands = b.allDemands()
	}
	for _, id := range b.changed {
		c := b.clients[id]
		if c == nil {
			continue
		}
		c.dirty = false
		if !full || c.demand.Gone {
			r.Demands = append(r.Demands, c.demand)
		}
		if c.demand.Gone {
			delete(b.clients, id)
		}
	}
	b.post(r)
	b.changed, b.progress, b.releases, b.tellAll = b.changed[:0], b.progress[:0], b.releases[:0], false
	if full && b.retell {
		b.retell = false
		b.tellKnown()
	}
}

func (b *Book) post(r scheduler.Report) {
	if err := b.send(r); err != nil {
		b.log.Warn("a report to the scheduler was lost; the next full one makes up for it", "error", err)
	}
}

// tokensTold bounds a message that tells what is known of tokens.
const tokensTold = 5000

// known is what has become known of tokens since the last report, the rest of it
// sent ahead if it is too much for one message.
func (b *Book) known() []scheduler.Progress {
	for len(b.progress) > tokensTold {
		b.post(scheduler.Report{Node: b.node, Progress: b.progress[:tokensTold]})
		b.progress = b.progress[tokensTold:]
	}
	return b.progress
}

// tellKnown tells a leader that does not know it all that is known of the tokens of
// which a Full has just told.
func (b *Book) tellKnown() {
	for _, id := range b.campaigns() {
		held := b.clients[id].held
		for _, id := range slices.Sorted(maps.Keys(held)) {
			if t := held[id]; t.evidence != campaign.EvidenceGranted {
				b.progress = append(b.progress, t.progress(id))
			}
		}
	}
	if len(b.progress) > 0 {
		b.post(scheduler.Report{Node: b.node, Progress: b.known()})
		b.progress = b.progress[:0]
	}
}

func (b *Book) allDemands() []scheduler.Demand {
	out := make([]scheduler.Demand, 0, len(b.clients))
	for _, id := range b.campaigns() {
		if c := b.clients[id]; !c.demand.Gone {
			out = append(out, c.demand)
		}
	}
	return out
}

func (b *Book) full() *scheduler.Full {
	f := &scheduler.Full{Seen: b.seen, Partitions: make([]scheduler.Partition, 0, len(b.partitions))}
	for _, p := range slices.Sorted(maps.Keys(b.partitions)) {
		f.Partitions = append(f.Partitions, scheduler.Partition{Number: p, Epoch: b.partitions[p]})
	}
	for _, id := range b.campaigns() {
		held := b.clients[id].held
		if len(held) == 0 {
			continue
		}
		byProvider := make(map[string]*scheduler.Holding)
		for _, token := range slices.Sorted(maps.Keys(held)) {
			t := held[token]
			h := byProvider[t.provider]
			if h == nil {
				h = &scheduler.Holding{Campaign: id, Provider: t.provider}
				byProvider[t.provider] = h
			}
			h.Add(token, t.evidence)
		}
		for _, name := range slices.Sorted(maps.Keys(byProvider)) {
			f.Holdings = append(f.Holdings, *byProvider[name])
		}
	}
	return f
}

// campaigns are those of which there is something to tell, in an order that is the same
// each time, so that what a simulation finds can be found again.
func (b *Book) campaigns() []campaign.ID { return slices.Sorted(maps.Keys(b.clients)) }
