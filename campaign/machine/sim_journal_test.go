package machine_test

import (
	"time"

	"dialtone/campaign"
	"dialtone/campaign/machine"
)

// journal commits what owners submit: in order, after any delay, several
// submissions in one batch, and sometimes the same batch twice.
type journal struct {
	w    *world
	line []*commit
	busy bool
}

// commit is what one turn of an owner wants to be written.
type commit struct {
	owner   *owner
	life    int
	claims  []machine.Claim
	records []machine.Record
	status  []machine.ChangeStatus
	end     *machine.EndWaiting
	asked   time.Time

	// The answer.
	stale    bool
	statuses []machine.StatusChanged
	recorded []machine.RecordResult
	claimed  []machine.ClaimResult
	refused  bool
	count    int
	stats    campaign.Stats
}

func (j *journal) submit(c *commit) {
	j.line = append(j.line, c)
	wait := j.w.soon()
	if j.w.chance(j.w.faults.commitSlow) {
		wait = j.w.span(0, 20e9)
	}
	j.w.after(wait, j.turn)
}

// turn commits the first of the line, often with those after it.
func (j *journal) turn() {
	if j.busy || len(j.line) == 0 {
		return
	}
	n := 1
	for n < len(j.line) && j.w.chance(600) {
		n++
	}
	batch := j.line[:n:n]
	j.line = j.line[n:]
	changed := j.apply(batch)
	if !j.w.chance(j.w.faults.commitTwice) {
		j.answer(batch, changed)
		return
	}
	j.busy = true // until it is known what became of the batch, nothing else is tried
	j.w.saw("batch applied twice")
	j.w.after(j.w.span(0, 3e9), func() {
		j.busy = false
		j.answer(batch, j.apply(batch))
		for range j.line {
			j.w.after(j.w.soon(), j.turn)
		}
	})
}

// flush commits all that an owner has submitted, without answers, and what others have,
// who may have been made since.
func (j *journal) flush(o *owner) {
	for len(j.line) > 0 {
		c := j.line[:1:1]
		j.line = j.line[1:]
		if changed := j.apply(c); c[0].owner != o {
			j.answer(c, changed)
		}
	}
}

// apply performs a batch in the order of the kinds.
func (j *journal) apply(batch []*commit) (changed bool) {
	s := j.w.store
	each := func(f func(c *commit) bool) {
		for _, c := range batch {
			if c.stale = c.owner.epoch < s.epoch; !c.stale {
				changed = f(c) || changed
			}
		}
	}
	each(func(c *commit) bool { return j.applyStatus(c) })
	each(func(c *commit) bool {
		c.recorded = make([]machine.RecordResult, len(c.records))
		return j.applyRecords(c, machine.RecordPlaced, machine.RecordAmbiguous)
	})
	each(func(c *commit) bool { return j.applyRecords(c, machine.RecordFinish, machine.RecordGiveBack) })
	each(func(c *commit) bool { return j.applyCancels(c) })
	each(func(c *commit) bool { return j.applyClaims(c) })
	each(func(c *commit) bool {
		if c.end != nil {
			c.refused, c.count = s.endCalls(c.end, c.asked)
		}
		return c.count > 0
	})
	for _, c := range batch {
		for i := range c.statuses {
			c.statuses[i].Campaign = s.c
		}
		c.stats = s.c.Stats
	}
	return changed
}

func (j *journal) applyStatus(c *commit) (any bool) {
	c.statuses = nil
	for _, st := range c.status {
		refused, changed := j.w.store.setStatus(st)
		c.statuses = append(c.statuses, machine.StatusChanged{Refused: refused, Changed: changed})
		any = any || changed
	}
	return any
}

func (j *journal) applyRecords(c *commit, kinds ...machine.RecordKind) (any bool) {
	for i, r := range c.records {
		if r.Kind != kinds[0] && r.Kind != kinds[1] {
			continue
		}
		refused, changed := j.w.store.record(r)
		j.w.log("record %v: kind %d %s%s refused %v changed %v", r.Attempt, r.Kind, r.Next, r.Reason, refused, changed)
		c.recorded[i] = machine.RecordResult{Record: r, Refused: refused, Changed: changed}
		any = any || changed
	}
	return any
}

func (j *journal) applyCancels(c *commit) (any bool) {
	for i, r := range c.records {
		if r.Kind == machine.RecordCancel {
			c.recorded[i] = j.w.store.cancelCall(r.Attempt.Call())
			c.recorded[i].Record = r
			any = any || c.recorded[i].Changed
		}
	}
	return any
}

func (j *journal) applyClaims(c *commit) (any bool) {
	c.claimed = nil
	for _, cl := range c.claims {
		r, changed := j.w.store.claim(cl.Attempt)
		j.w.log("claim %v (call %d): refused %v", cl.Attempt, cl.Attempt.Call(), r.Refused)
		c.claimed = append(c.claimed, r)
		any = any || changed
	}
	return any
}

// answer tells the owners, who may not be there any more.  A batch that changed
// nothing has no statistics to tell.
func (j *journal) answer(batch []*commit, changed bool) {
	for _, c := range batch {
		if !changed {
			c.stats = campaign.Stats{}
		}
		c.owner.hear(c)
	}
}
