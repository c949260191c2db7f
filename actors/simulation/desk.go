package simulation

import (
	"slices"
	"time"

	"dialtone/actors/book"
	"dialtone/actors/scheduler"
	"dialtone/campaign"
)

// desk is the loop around a process's book.
type desk struct {
	p       *process
	book    *book.Book
	box     []any
	waiting bool // a turn is on the agenda
}

func newDesk(p *process) *desk {
	d := &desk{p: p}
	d.book = book.New(p.node.name, d.send, func(id campaign.ID, g book.Granted) bool { return p.owner.grant(id, g) }, p.w.log)
	p.after(book.FullFirst, d.full)
	return d
}

func (d *desk) post(m any) {
	d.box = append(d.box, m)
	if !d.waiting {
		d.waiting = true
		d.p.after(d.p.w.moment(), d.turn)
	}
}

func (d *desk) turn() {
	d.waiting = false
	for _, m := range d.box {
		d.book.Take(m)
	}
	clear(d.box)
	d.box = d.box[:0]
	d.book.Report()
}

func (d *desk) full() {
	d.book.TellAll()
	d.turn()
	d.p.after(d.book.FullPause(), d.full)
}

// send tells whoever may lead, over core NATS: it may be lost, and what is not arrives in
// order.
func (d *desk) send(r scheduler.Report) error {
	w := d.p.w
	r.Progress, r.Releases = slices.Clone(r.Progress), slices.Clone(r.Releases)
	if w.plant == PlantLeakedToken {
		r.Releases = nil
		if r.Full != nil && len(r.Full.Holdings) == 0 {
			return nil
		}
	}
	d.tell(r, func(to *process) bool { return to.lead.core != nil || to.lead.trying }) // others take no notice
	return nil
}

// tell has those hear a report who are there.
func (d *desk) tell(r scheduler.Report, who func(*process) bool) {
	w := d.p.w
	d.p.sent = max(w.now.Sub(w.began)+w.trip(), d.p.sent)
	for _, to := range w.running() {
		if !who(to) {
			continue
		}
		if w.chance(w.faults.coreLost) {
			w.saw("report to the scheduler lost")
			continue
		}
		to.after(d.p.sent-w.now.Sub(w.began), func() {
			report := r
			to.lead.hear(&report)
		})
	}
}

// hand has grants reach a node's desk.
func (d *desk) hand(g *scheduler.Grants, wait time.Duration) {
	w := d.p.w
	d.p.told = max(w.now.Sub(w.began)+wait, d.p.told)
	d.p.after(d.p.told-w.now.Sub(w.began), func() { d.post(g) })
}
