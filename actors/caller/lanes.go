package caller

import "sync"

// lanes keep one provider that does not answer from holding all workers: where there
// are several, the requests to one take three quarters of them at most.  What is beyond
// waits for one of its own to end.
type lanes struct {
	most int // requests to one provider

	mu      sync.Mutex
	busy    map[string]int // requests under way, by provider; those met once stay in it
	waiting map[string][]task
}

func newLanes(workers int) *lanes {
	return &lanes{most: max(1, workers*3/4), busy: make(map[string]int), waiting: make(map[string][]task)}
}

// begin reports whether a task may begin now; else it waits, and next hands it out.
func (l *lanes) begin(t task) bool {
	name := t.delivery.Job.Provider
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy[name] >= l.most && len(l.busy) > 1 {
		l.waiting[name] = append(l.waiting[name], t)
		return false
	}
	l.busy[name]++
	return true
}

// next ends a task and is the one that goes on in its place, if there is one.
func (l *lanes) next(ended task) (task, bool) {
	name := ended.delivery.Job.Provider
	l.mu.Lock()
	defer l.mu.Unlock()
	if w := l.waiting[name]; len(w) > 0 {
		l.waiting[name] = w[1:]
		return w[0], true
	}
	l.busy[name]--
	return task{}, false
}
