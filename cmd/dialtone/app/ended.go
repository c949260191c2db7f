package app

import (
	"maps"
	"slices"
	"sync"

	"dialtone/campaign"
	"dialtone/store"
)

// endings counts attempts by how they ended.
type endings struct {
	mu    sync.Mutex
	count map[campaign.Disposition]int64
}

func (e *endings) add(d campaign.Disposition) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.count == nil {
		e.count = make(map[campaign.Disposition]int64)
	}
	e.count[d]++
}

// all has every disposition, those that none ended with too: who watches a count wants
// to see it begin.
func (e *endings) all() map[campaign.Disposition]int64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := make(map[campaign.Disposition]int64)
	for _, d := range campaign.Dispositions {
		out[d] = 0
	}
	maps.Copy(out, e.count)
	return out
}

// counted is the journal as the actors have it: what ends is counted once it is
// committed.
type counted struct {
	*store.Journal
	ended *endings
}

// Submit is the journal's.
func (c counted) Submit(ops []store.Op, done func(map[campaign.ID]campaign.Stats, error)) {
	ends := slices.ContainsFunc(ops, func(op store.Op) bool { _, is := op.(*store.Finish); return is })
	if !ends {
		c.Journal.Submit(ops, done)
		return
	}
	c.Journal.Submit(ops, func(stats map[campaign.ID]campaign.Stats, err error) {
		for _, op := range ops {
			if f, is := op.(*store.Finish); is && err == nil && f.Changed {
				c.ended.add(f.Disposition)
			}
		}
		done(stats, err)
	})
}
