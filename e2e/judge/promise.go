package judge

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"dialtone/campaign"
)

// NothingLost: the campaign and each of its numbers have ended; each was dialled at
// least once, and again until somebody answered or the attempts were used up, and not
// after that; and the attempts on record are the calls in the ledger, one by one, with
// the same ends.
func NothingLost(c Campaign, l Ledger) Verdict {
	v := Verdict{Promise: "NothingLost", What: "numbers"}
	if !c.Status.Ended() || c.Stats.Open() > 0 {
		v.breaks("campaign %s is %s, with %d calls open", c.Name, c.Status, c.Stats.Open())
	}
	records := make(map[string][]Record, len(c.Calls))
	for _, r := range c.Calls {
		records[r.To] = append(records[r.To], r)
	}
	dialled := l.ByNumber()
	for _, n := range c.Numbers {
		v.Checked++
		if fault := lost(c, records[n], dialled[n]); fault != "" {
			v.breaks("%s: %s", n, fault)
		}
	}
	return v
}

// lost says what is wrong with a number, or nothing.
func lost(c Campaign, records []Record, calls []Entry) string {
	if len(records) != 1 {
		return plural(len(records), "record")
	}
	r := records[0]
	switch {
	case !r.Status.Terminal():
		return "it is " + string(r.Status)
	case len(calls) == 0:
		return "it is " + string(r.Status) + ", and was never dialled"
	case len(calls) > c.MaxAttempts:
		return plural(len(calls), "call") + " of at most " + plural(c.MaxAttempts, "attempt")
	}
	last := len(calls) - 1
	if slices.ContainsFunc(calls[:last], func(e Entry) bool { return e.Status == "completed" }) {
		return "dialled again after somebody had answered"
	}
	answered := calls[last].Status == "completed"
	switch {
	case answered != (r.Status == campaign.CallCompleted):
		return "it is " + string(r.Status) + "; the provider's last call is " + calls[last].Status
	case !answered && len(calls) < c.MaxAttempts:
		return "given up after " + plural(len(calls), "call") + " of " + plural(c.MaxAttempts, "attempt")
	}
	return unlike(r, calls)
}

// unlike says how a record's attempts differ from the calls, or nothing.
func unlike(r Record, calls []Entry) string {
	if len(r.Attempts) != len(calls) {
		return plural(len(r.Attempts), "attempt") + " on record, " + plural(len(calls), "call") + " placed"
	}
	ends := make(map[string]string, len(calls))
	for _, e := range calls {
		ends[e.Sid] = e.Status
	}
	for _, a := range r.Attempts {
		end, is := ends[a.ProviderCallID]
		switch {
		case !is:
			return "the attempt on record as " + a.ProviderCallID + " is no call of the provider's"
		case a.Disposition != strings.ReplaceAll(end, "-", "_"): // it says no-answer
			return a.ProviderCallID + " is " + a.Disposition + " on record, and " + end + " at the provider"
		}
		delete(ends, a.ProviderCallID)
	}
	return ""
}

// EveryNumber is NothingLost by the ledger alone: only these numbers were dialled, each
// of them at least once and no more often than allowed.
func EveryNumber(l Ledger, numbers []string, maxAttempts int) Verdict {
	v := Verdict{Promise: "NothingLost", What: "numbers", Checked: len(numbers)}
	dialled := l.ByNumber()
	for _, n := range numbers {
		if times := len(dialled[n]); times < 1 || times > maxAttempts {
			v.breaks("%s was dialled %d times", n, times)
		}
		delete(dialled, n)
	}
	for n := range dialled {
		v.breaks("%s was dialled, and is nobody's", n)
	}
	return v
}

// Records is NothingLost by the calls' records: each is terminal, and has as many
// attempts as the provider has calls.
func Records(calls []Record, l Ledger) Verdict {
	v := Verdict{Promise: "NothingLost", What: "records", Checked: len(calls)}
	dialled := l.ByNumber()
	for _, c := range calls {
		if len(c.Attempts) != len(dialled[c.To]) || !c.Status.Terminal() {
			v.breaks("%s %s is %s, with %d attempts on record and %d calls placed", c.ID, c.To, c.Status, len(c.Attempts), len(dialled[c.To]))
		}
	}
	return v
}

// NeverTwice: each attempt, which is named in its callback's address, was dialled once,
// and no number while a call to it was up.
func NeverTwice(l Ledger) Verdict {
	v := Verdict{Promise: "NeverTwice", What: "calls", Checked: len(l)}
	attempts := make(map[string]int, len(l))
	for _, e := range l {
		if attempts[e.StatusCallback]++; attempts[e.StatusCallback] == 2 {
			v.breaks("%s: attempt %s was dialled again, at %s", e.To, e.StatusCallback, clock(e.ReceivedAt))
		}
	}
	for n, calls := range l.ByNumber() {
		for i := 1; i < len(calls); i++ {
			if !calls[i-1].Over(calls[i].ReceivedAt) {
				v.breaks("%s was dialled at %s, while a call to it was up", n, clock(calls[i].ReceivedAt))
			}
		}
	}
	return v
}

// StopMeansStop: nothing was dialled between the answer to a pause and the wish to go
// on.  l is the campaign's.
func StopMeansStop(s Stop, l Ledger) Verdict {
	v := Verdict{Promise: "StopMeansStop", What: "pauses", Checked: 1}
	for _, e := range l.Within(s.Span) {
		v.breaks("%s was dialled at %s, though %s had been paused at %s", e.To, clock(e.ReceivedAt), s.Campaign, clock(s.From))
	}
	return v
}

// tooEarly is what a retry may come before its delay has passed: the clocks that told of
// the end were read a moment apart.
const tooEarly = 50 * time.Millisecond

// RetriesFirst: when a number was dialled for the first time, no retry had been due for
// longer than the grace; and no retry came before it was due.  Checked are the retries
// that fell due while there were new numbers, without those of which a claim was begun in
// between that became no call: they were first, and something went wrong.
func RetriesFirst(c Campaign, l Ledger, grace time.Duration) Verdict {
	v := Verdict{Promise: "RetriesFirst", What: "retries"}
	byNumber, interrupted := l.ByNumber(), 0
	var lastNew time.Time
	for _, calls := range byNumber {
		if calls[0].ReceivedAt.After(lastNew) {
			lastNew = calls[0].ReceivedAt
		}
	}
	for n, calls := range byNumber {
		for i := 1; i < len(calls); i++ {
			due := calls[i-1].EndedAt.Add(c.RetryDelay)
			if calls[i].ReceivedAt.Before(due.Add(-tooEarly)) {
				v.breaks("%s was dialled again %v too early", n, due.Sub(calls[i].ReceivedAt))
			}
			if !due.Before(lastNew) {
				continue
			}
			if !follows(calls[i-1], calls[i]) {
				interrupted++
				continue
			}
			v.Checked++
			if late := calls[i].ReceivedAt.Sub(due); late >= grace {
				v.breaks("%s, due for a retry at %s, waited %.1f s while new numbers were dialled", n, clock(due), late.Seconds())
			}
		}
	}
	if interrupted > 0 {
		v.Note = fmt.Sprintf("%s %d interrupted", c.Name, interrupted)
	}
	return v
}

// StatisticsSoFar: the campaign's add up while it runs, and claim no more answers than
// the ledger has, which was read after them.
func StatisticsSoFar(c Campaign, l Ledger) Verdict {
	v := Verdict{Promise: "Statistics", What: "figures", Checked: 3}
	answered := 0
	for _, calls := range l.ByNumber() {
		if slices.ContainsFunc(calls, func(e Entry) bool { return e.Status == "completed" }) {
			answered++
		}
	}
	s := c.Stats
	if s.Total != len(c.Numbers) {
		v.breaks("%s says %d numbers, of %d", c.Name, s.Total, len(c.Numbers))
	}
	if sum := s.Queued + s.InProgress + s.RetryWait + s.Completed + s.Failed + s.Canceled; s.Total != sum {
		v.breaks("%s says %d total, and %d by status", c.Name, s.Total, sum)
	}
	if s.Completed > answered {
		v.breaks("%s says %d completed, the ledger %d", c.Name, s.Completed, answered)
	}
	return v
}

// follows reports whether a call is of the claim next after another's; it is true where
// the callbacks' addresses name no claims.
func follows(one, next Entry) bool {
	a, e1 := campaign.ParseAttemptID(path.Base(one.StatusCallback))
	b, e2 := campaign.ParseAttemptID(path.Base(next.StatusCallback))
	return e1 != nil || e2 != nil || b.Claim() == a.Claim()+1
}

// Statistics: the campaign's are those of the ledger.
func Statistics(c Campaign, l Ledger) Verdict {
	v := Verdict{Promise: "Statistics", What: "figures"}
	completed, numbers := 0, l.ByNumber()
	for _, calls := range numbers {
		if calls[len(calls)-1].Status == "completed" {
			completed++
		}
	}
	s := c.Stats
	for _, f := range []struct {
		what       string
		ours, true int
	}{
		{"total", s.Total, s.Queued + s.InProgress + s.RetryWait + s.Completed + s.Failed + s.Canceled},
		{"attempts", s.Attempts, len(l)},
		{"retries", s.Retries, len(l) - len(numbers)},
		{"completed", s.Completed, completed},
		{"failed or canceled", s.Failed + s.Canceled, s.Total - completed},
	} {
		v.Checked++
		if f.ours != f.true {
			v.breaks("%s says %d %s, the ledger %d", c.Name, f.ours, f.what, f.true)
		}
	}
	return v
}
