package judge

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// at is a moment of the examples, in seconds.
func at(seconds float64) time.Time {
	return time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC).Add(time.Duration(seconds * float64(time.Second)))
}

func call(from, to float64) Entry { return Entry{ReceivedAt: at(from), EndedAt: at(to)} }

func TestArithmeticOfSlots(t *testing.T) {
	up := Entry{ReceivedAt: at(3)} // has not ended
	l := Ledger{call(0, 2), call(1, 6), call(2, 4), up}
	assert.InDelta(t, 2+5+2+7, l.SlotSeconds(Span{at(0), at(10)}), 1e-9)
	assert.InDelta(t, 1+3+2+1, l.SlotSeconds(Span{at(1), at(4)}), 1e-9)
	assert.Zero(t, l[:3].SlotSeconds(Span{at(7), at(9)}))
	assert.InDelta(t, 0.5, l.Utilisation(Span{at(1), at(3)}, 4), 1e-9)
	assert.Equal(t, 3, l.Peak(), "a slot that is freed can be taken at the same moment")
	assert.Len(t, l.Within(Span{at(1), at(3)}), 2)
}

func TestArithmeticOfRates(t *testing.T) {
	l := Ledger{call(0, 1), call(0.5, 1), call(0.999, 2), call(1, 2), call(1.2, 3), call(5, 6)}
	assert.Equal(t, 4, l.Busiest(time.Second), "from 0.5 on; what comes a whole second later is another second's")
	assert.Equal(t, 2, l.Busiest(200*time.Millisecond))
	assert.Equal(t, 6, l.Busiest(time.Minute))
	assert.Zero(t, Ledger(nil).Busiest(time.Second))
}

func TestArithmeticOfRefills(t *testing.T) {
	l := Ledger{call(0, 5), call(0.1, 2), call(2.5, 4), call(4.25, 9), call(5, 9)}
	ms := time.Millisecond
	require.Equal(t, []time.Duration{500 * ms, 250 * ms, 0}, l.Refills(2, Span{at(0), at(8)}, at(12)))
	require.Equal(t, []time.Duration{250 * ms}, l.Refills(2, Span{at(3), at(5)}, at(12)))
	require.Equal(t, []time.Duration{3000 * ms, 3000 * ms}, l.Refills(2, Span{at(8), at(10)}, at(12)), "nothing has taken them")
}
