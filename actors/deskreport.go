package actors

import (
	"dialtone/actors/scheduler"
	"dialtone/campaign"
)

// report sends what has changed, with full everything.
func (d *desk) report(full bool) {
	if !full && len(d.changed)+len(d.releases)+len(d.progress) == 0 {
		return
	}
	r := scheduler.Report{Node: d.node, Progress: d.known(), Releases: d.releases}
	if full {
		r.Full = d.full()
		r.Demands = d.allDemands()
	}
	for _, id := range d.changed {
		c := d.clients[id]
		if c == nil {
			continue
		}
		c.dirty = false
		if !full || c.demand.Gone {
			r.Demands = append(r.Demands, c.demand)
		}
		if c.demand.Gone {
			delete(d.clients, id)
		}
	}
	d.post(r)
	d.changed, d.progress, d.releases, d.tellAll = d.changed[:0], d.progress[:0], d.releases[:0], false
	if full && d.retell {
		d.retell = false
		d.tellKnown()
	}
}

func (d *desk) post(r scheduler.Report) {
	if err := d.send(r); err != nil {
		d.log.Warn("a report to the scheduler was lost; the next full one makes up for it", "error", err)
	}
}

// tokensTold bounds a message that tells what is known of tokens.
const tokensTold = 5000

// known is what has become known of tokens since the last report, the rest of it
// sent ahead if it is too much for one message.
func (d *desk) known() []scheduler.Progress {
	for len(d.progress) > tokensTold {
		d.post(scheduler.Report{Node: d.node, Progress: d.progress[:tokensTold]})
		d.progress = d.progress[tokensTold:]
	}
	return d.progress
}

// tellKnown tells a leader that does not know it all that is known of the tokens of
// which a Full has just told.
func (d *desk) tellKnown() {
	for _, c := range d.clients {
		for id, t := range c.held {
			if t.evidence != campaign.EvidenceGranted {
				d.progress = append(d.progress, t.progress(id))
			}
		}
	}
	if len(d.progress) > 0 {
		d.post(scheduler.Report{Node: d.node, Progress: d.known()})
		d.progress = d.progress[:0]
	}
}

func (d *desk) allDemands() []scheduler.Demand {
	out := make([]scheduler.Demand, 0, len(d.clients))
	for _, c := range d.clients {
		if !c.demand.Gone {
			out = append(out, c.demand)
		}
	}
	return out
}

func (d *desk) full() *scheduler.Full {
	f := &scheduler.Full{Seen: d.seen}
	for p, epoch := range d.partitions {
		f.Partitions = append(f.Partitions, scheduler.Partition{Number: p, Epoch: epoch})
	}
	for id, c := range d.clients {
		byProvider := make(map[string]*scheduler.Holding)
		for token, t := range c.held {
			h := byProvider[t.provider]
			if h == nil {
				h = &scheduler.Holding{Campaign: id, Provider: t.provider}
				byProvider[t.provider] = h
			}
			h.Add(token, t.evidence)
		}
		for _, h := range byProvider {
			f.Holdings = append(f.Holdings, *h)
		}
	}
	return f
}
