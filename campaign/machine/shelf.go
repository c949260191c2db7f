package machine

import "time"

// shelf is the calls of a lane that are of one class.  Due retries go first, then new
// numbers that were given back, then the others in the order of their ids.
type shelf struct {
	retries, returned dues
	page              []due
}

// size is how many calls are on the shelf.
func (s *shelf) size() int { return len(s.retries) + len(s.returned) + len(s.page) }

// fresh counts the new numbers that could be dialled now, up to most.
func (s *shelf) fresh(at int64, most int) int {
	n := s.returned.ready(at, most)
	return n + min(len(s.page), most-n)
}

func retriesOf(s *shelf) *dues  { return &s.retries }
func returnedOf(s *shelf) *dues { return &s.returned }

// shelf is the place of a class.
func (l *lane) shelf(c class) *shelf {
	for int(c) >= len(l.shelves) {
		l.shelves = append(l.shelves, shelf{})
	}
	return &l.shelves[c]
}

// routed are the shelves of numbers that some provider serves.
func (l *lane) routed() []shelf { return l.shelves[min(len(l.shelves), int(stranded)+1):] }

// earliest is that of some heaps of which the first call is the earliest; nil where all
// are empty.  leads tells which classes count.
func (l *lane) earliest(leads []bool, of func(*shelf) *dues) (first *dues) {
	for c := range min(len(leads), len(l.shelves)) {
		if !leads[c] {
			continue
		}
		if h := of(&l.shelves[c]); len(*h) > 0 && (first == nil || (*h)[0].before((*first)[0])) {
			first = h
		}
	}
	return first
}

// takePaged takes the first call of the pages whose class leads.
func (l *lane) takePaged(leads []bool) (due, bool) {
	var first *shelf
	for c := range min(len(leads), len(l.shelves)) {
		s := &l.shelves[c]
		if leads[c] && len(s.page) > 0 && (first == nil || s.page[0].call < first.page[0].call) {
			first = s
		}
	}
	if first == nil {
		return due{}, false
	}
	d := first.page[0]
	first.page = first.page[1:]
	return d, true
}

// size is how many calls of the lane are at hand.
func (l *lane) size() (n int) {
	for c := range l.shelves {
		n += l.shelves[c].size()
	}
	return n
}

// fresh is how many numbers of the pages are at hand that some provider serves.
func (l *lane) fresh() (n int) {
	shelves := l.routed()
	for i := range shelves {
		n += len(shelves[i].page)
	}
	return n
}

// firstDue is when the first is due of the calls that wait for their time; zero for
// none.
func (l *lane) firstDue(after time.Time) (first time.Time) {
	shelves := l.routed()
	for i := range shelves {
		s := &shelves[i]
		first = soonest(after, first, s.retries.first(), s.returned.first())
	}
	return first
}
