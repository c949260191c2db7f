package simulation

import (
	"maps"
	"time"

	"dialtone/campaign"
	"dialtone/store"
)

// journal is that of one process: what is submitted waits, goes into batches where the
// real one's page says so, and is applied again until an answer comes.
type journal struct {
	p       *process
	line    []*submission
	busy    bool
	waiting bool // for company
}

type submission struct {
	ops  []store.Op
	next int // of the ops: the first that is on no page yet
	done func(stats map[campaign.ID]campaign.Stats, err error)
	// stats are those of earlier batches, where a batch ended in the middle of it.
	stats map[campaign.ID]campaign.Stats
}

func (j *journal) submit(ops []store.Op, done func(stats map[campaign.ID]campaign.Stats, err error)) {
	j.line = append(j.line, &submission{ops: ops, done: done})
	j.gather()
}

// gather waits a moment for company.
func (j *journal) gather() {
	if j.busy || j.waiting || len(j.line) == 0 {
		return
	}
	j.waiting = true
	wait := j.p.w.moment()
	if j.p.w.chance(j.p.w.faults.storeSlow) {
		wait = j.p.w.span(0, 3*time.Second)
	}
	j.p.after(wait, func() {
		j.waiting = false
		j.fill()
	})
}

// fill writes a page and sends it off.
func (j *journal) fill() {
	page := store.NewPage(4000)
	for _, s := range j.line {
		for s.next < len(s.ops) && page.Takes(s.ops[s.next]) {
			page.Add(s.ops[s.next])
			s.next++
		}
		if s.next < len(s.ops) {
			break
		}
	}
	j.busy = true
	j.send(page.Batch(), 20*time.Millisecond)
}

// send has a batch applied.  It is applied even if the process dies meanwhile.
func (j *journal) send(b *store.Batch, pause time.Duration) {
	w := j.p.w
	again := func() { j.p.after(pause, func() { j.send(b, min(2*pause, time.Second)) }) }
	w.after(w.trip(), func() {
		if w.now.Before(w.store.back) {
			again()
			return
		}
		w.store.apply(b)
		if w.chance(w.faults.commitLost) {
			w.saw("commit's answer lost")
			again()
			return
		}
		j.p.after(w.trip(), func() { j.answer(b) })
	})
}

// answer tells those whose operations are all through.
func (j *journal) answer(b *store.Batch) {
	j.busy = false
	for len(j.line) > 0 {
		s := j.line[0]
		if s.next == 0 && len(s.ops) > 0 {
			break
		}
		if s.stats == nil {
			s.stats = b.Stats
		} else {
			s.stats = maps.Clone(s.stats)
			maps.Copy(s.stats, b.Stats)
		}
		if s.next < len(s.ops) {
			break
		}
		j.line = j.line[1:]
		s.done(s.stats, nil)
	}
	j.gather()
}
