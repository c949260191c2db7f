package judge

import (
	"fmt"

	"dialtone/campaign"
)

// Event is what the service told of a call's end.
type Event struct {
	CallID  string              `json:"call_id"`
	Attempt int                 `json:"attempt"`
	Status  campaign.CallStatus `json:"status"`
}

// Events: what was told of a call's end is what is on record.  Events are not promised to
// come once, nor to outlive the deletion of their stream; those there are must be true.
func Events(c Campaign) Verdict {
	v := Verdict{Promise: "Events", What: "ends told", Checked: len(c.Events)}
	records := make(map[string]Record, len(c.Calls))
	for _, r := range c.Calls {
		records[r.ID] = r
	}
	told := make(map[string]bool, len(c.Events))
	again := 0
	for _, e := range c.Events {
		r, is := records[e.CallID]
		switch {
		case !is:
			v.breaks("%s ended, and is no call of %s", e.CallID, c.Name)
		case r.Status != e.Status || len(r.Attempts) != e.Attempt:
			v.breaks("%s was told to have ended as %s with attempt %d, and is %s with %d", e.CallID, e.Status, e.Attempt, r.Status, len(r.Attempts))
		}
		if told[e.CallID] {
			again++
		}
		told[e.CallID] = true
	}
	if again > 0 {
		v.Note = fmt.Sprintf("%s %d told again", c.Name, again)
	}
	return v
}
