package machine

import (
	"cmp"
	"container/heap"
	"time"

	"dialtone/campaign"
)

// due is a call that waits: for its time, as a retry or one that was given back, or, with
// a page, for its turn only.  There may be very many, so it has nothing that can be read
// again.
type due struct {
	at    int64 // Unix nanoseconds; 0 with a page
	call  campaign.CallID
	claim int
	zone  campaign.ZoneID
	class class
}

// before is the order of time, and then of calls, for a reproducible one.
func (d due) before(o due) bool {
	return cmp.Or(cmp.Compare(d.at, o.at), cmp.Compare(d.call, o.call)) < 0
}

// dues is a heap of what waits, the earliest first.
type dues []due

func (h dues) Len() int           { return len(h) }
func (h dues) Less(i, j int) bool { return h[i].before(h[j]) }
func (h dues) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *dues) Push(x any)        { *h = append(*h, x.(due)) }
func (h *dues) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}

func (h *dues) add(d due) { heap.Push(h, d) }

// first is when the earliest is due, or zero.
func (h dues) first() time.Time {
	if len(h) == 0 {
		return time.Time{}
	}
	return time.Unix(0, h[0].at).UTC()
}

// take removes the earliest if it is due.
func (h *dues) take(now int64) (due, bool) {
	if len(*h) == 0 || (*h)[0].at > now {
		return due{}, false
	}
	return heap.Pop(h).(due), true
}

// remove takes a call out, if it is there.
func (h *dues) remove(call campaign.CallID) {
	for i := range *h {
		if (*h)[i].call == call {
			heap.Remove(h, i)
			return
		}
	}
}

// ready counts what is due at now, up to most.  It walks only the part of the
// heap that is due, so it costs what it counts.
func (h dues) ready(now int64, most int) int {
	return h.count(0, now, most)
}

func (h dues) count(i int, now int64, most int) int {
	if most <= 0 || i >= len(h) || h[i].at > now {
		return 0
	}
	n := 1
	n += h.count(2*i+1, now, most-n)
	return n + h.count(2*i+2, now, most-n)
}
