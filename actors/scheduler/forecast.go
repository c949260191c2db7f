package scheduler

import (
	"fmt"
	"slices"
	"time"

	"dialtone/campaign"
)

// Forecast is when a campaign may be expected to be done: what came of playing it, with
// all others that are awake, on the simulator from the present state, several times.
//
// It assumes that nothing changes but what is known: no campaign is begun, stopped or
// gets more numbers, and calls last as long as each campaign's latest, and fail as
// often as all that it had; how far these may be from what comes is drawn for each run.
// Of the retries that wait only the number is known: they
// are taken to have been dialled once, and to fall due spread over the policy's delay;
// what its rules by disposition say does not count.
type Forecast struct {
	Campaign   campaign.ID `json:"campaign"`
	ComputedAt time.Time   `json:"computed_at"`
	Runs       int         `json:"runs"`
	Strategy   string      `json:"strategy"`
	Remaining  int         `json:"remaining"` // calls that are not terminal
	// Finish is absent where it does not finish.
	Finish   *Finish   `json:"finish,omitempty"`
	Finishes bool      `json:"finishes"`
	Reason   string    `json:"reason,omitempty"` // why it does not
	Deadline time.Time `json:"deadline,omitzero"`
	// MeetsDeadline is in how many of the runs it was done by then.
	MeetsDeadline *float64 `json:"meets_deadline_probability,omitempty"`
	// Closing lists the numbers whose hours end, those that end first at first.
	Closing []Closing `json:"closing"`
}

// Finish is the range of the runs: a tenth of them was earlier, half before Expected,
// and a tenth later.
type Finish struct {
	Earliest time.Time `json:"earliest"`
	Expected time.Time `json:"expected"`
	// Latest is the horizon where more than a tenth of the runs was not done by then.
	Latest time.Time `json:"latest"`
}

// Closing is numbers whose hours end at the same time.
type Closing struct {
	TimeZone string    `json:"time_zone"` // several are separated by commas
	ClosesAt time.Time `json:"closes_at"`
	Numbers  int       `json:"numbers"` // that were never dialled
	// ExpectedLeft is how many of them the runs had not dialled by then, on average.
	ExpectedLeft float64   `json:"expected_left"`
	Examples     []Example `json:"examples"` // of the first that close
}

// Example is one of the numbers.
type Example struct {
	Call campaign.CallID `json:"call"`
	To   string          `json:"to"`
}

// sum makes a forecast of what came of the runs.
func (f *Forecast) sum(s *scene, outcomes []outcome) {
	f.Runs = len(outcomes)
	slices.SortFunc(outcomes, func(a, b outcome) int {
		if a.done.IsZero() != b.done.IsZero() {
			return b.done.Compare(a.done) // zero is never
		}
		return a.done.Compare(b.done)
	})
	at := func(part float64) time.Time { return outcomes[int(part*float64(len(outcomes)-1)+0.5)].done.UTC() }
	if at(0.5).IsZero() {
		f.Reason = s.reason(outcomes[len(outcomes)/2].rest)
	} else {
		f.Finishes = true
		f.Finish = &Finish{Earliest: at(0.1), Expected: at(0.5), Latest: at(0.9)}
		if f.Finish.Latest.IsZero() {
			f.Finish.Latest = s.at.Add(horizon)
		}
	}
	if !f.Deadline.IsZero() {
		met := 0
		for _, o := range outcomes {
			if !o.done.IsZero() && !o.done.After(f.Deadline) {
				met++
			}
		}
		part := float64(met) / float64(len(outcomes))
		f.MeetsDeadline = &part
	}
}

// reason is why the target is not done; rest is how many of its calls are not placed.
func (s *scene) reason(rest float64) string {
	mine := &s.contenders[s.target]
	lost, all := 0, 0
	for lane, n := range mine.numbers {
		all += n
		if _, opens := mine.spec.Lanes[lane].NextOpen(s.at); !opens {
			lost += n
		}
	}
	switch {
	case !mine.ends.IsZero() && mine.ends.Before(s.at.Add(horizon)):
		return fmt.Sprintf("Its schedule ends at %s; about %.0f of its calls will not have been placed by then.", mine.ends.UTC().Format(time.RFC3339), rest)
	case lost > 0 && lost == all:
		return "Its hours never open again; change its schedule, or give it a default time zone if those of its numbers are not known."
	case lost > 0:
		return fmt.Sprintf("The hours of %d of its numbers never open again; change its schedule, or give it a default time zone if theirs is not known.", lost)
	}
	return "It is not done within sixty days: too little of its hours, or of the capacity, is left for it."
}

// leftover is how many numbers of a lane were left at its closing, on average.
func leftover(outcomes []outcome, lane int) (mean float64) {
	for _, o := range outcomes {
		mean += o.left[lane] / float64(len(outcomes))
	}
	return mean
}
