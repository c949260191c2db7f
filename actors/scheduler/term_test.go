package scheduler_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/actors/scheduler"
)

// Leaders that come one after the other and hear of the same term, from a clock that was
// ahead, do not take the same one above it: they would name their tokens alike, and a slot
// of the one would be lost in the books for one of the other.
func TestRaisedTermsAreNotTheSame(t *testing.T) {
	ahead := uint64(epoch.Add(time.Hour).UnixNano())
	choice, build := fair(t)
	terms := map[uint64]bool{}
	for began := range 50 {
		at := epoch.Add(time.Duration(began) * 1700 * time.Millisecond)
		c := scheduler.NewCore(uint64(at.UnixNano()), only(4, 0), choice, build, at)
		c.Take(&scheduler.Report{Node: "n", Full: &scheduler.Full{Seen: scheduler.Mark{Term: ahead}}}, at)
		term := c.Grant(at)["n"].Term
		require.Greater(t, term, ahead)
		for other := range terms {
			apart := max(term, other) - min(term, other)
			require.Greater(t, apart, uint64(100_000), "room for the tokens of the one before the other's")
		}
		terms[term] = true
	}
}
