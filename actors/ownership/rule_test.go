package ownership

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var start = time.Unix(1000, 0)

// seeing is a mind of "me", of four partitions, that sees holders; "-" is nobody.
func seeing(holders string, members ...string) (*Mind, []Stage) {
	m, stages := New("me", Config{Partitions: len(holders), Grace: time.Second}, start), make([]Stage, len(holders))
	for _, name := range members {
		m.Member(name, true, start)
	}
	for i, h := range holders {
		switch h {
		case '-':
		case 'm':
			m.Holder(i, "me", start)
			stages[i] = Held
		default:
			m.Holder(i, string(h), start)
		}
	}
	return m, stages
}

// Of several that come together none gets anything before they have all come.
func TestNothingIsGivenBeforeTheMembersSettle(t *testing.T) {
	m, stages := seeing("mmmm", "me", "a")
	d := m.Decide(stages, start)
	require.Empty(t, d.Give)
	require.Equal(t, start.Add(300*time.Millisecond), d.Again)
	m.Member("b", true, start.Add(200*time.Millisecond))
	require.Empty(t, m.Decide(stages, start.Add(300*time.Millisecond)).Give)
	require.Equal(t, []int{3, 2}, m.Decide(stages, start.Add(500*time.Millisecond)).Give)
}

// What a life before has left is taken at once, all of it; what this life has dropped is
// taken when it is seen for longer than a word of it may take.
func TestItsOwnIsTakenBack(t *testing.T) {
	m, stages := seeing("mmaa", "me", "a")
	stages[0], stages[1] = None, None
	require.Equal(t, []int{0, 1}, m.Decide(stages, start).Take)
	stages[0], stages[1] = Held, Held
	require.Empty(t, m.Decide(stages, start).Take)
	stages[1] = None
	d := m.Decide(stages, start.Add(time.Second))
	require.Empty(t, d.Take)
	require.Equal(t, start.Add(2*time.Second), d.Again)
	require.Equal(t, []int{1}, m.Decide(stages, d.Again).Take)
}

// Who is on its way to enough takes no more, and gives of what it has.
func TestWhatIsOnItsWayCounts(t *testing.T) {
	m, stages := seeing("m--a", "me", "a")
	stages[1] = Taking
	require.Empty(t, m.Decide(stages, start).Take)
	m, stages = seeing("mm-a", "me", "a")
	stages[2] = Taking
	require.Equal(t, []int{1}, m.Decide(stages, start.Add(time.Second)).Give)
}

// A partition that all leave to another is anybody's in the end.
func TestFreeForLongIsAnybodys(t *testing.T) {
	m, stages := seeing("mm-a", "me", "a")
	for at := start; at.Before(start.Add(3 * time.Second)); at = at.Add(900 * time.Millisecond) {
		require.Empty(t, m.Decide(stages, at).Take)
		m.Member("b", at.UnixMilli()%2 == 0, at) // so that it is meant for ever another
		m.parts[2].meantAt = at
	}
	require.Equal(t, []int{2}, m.Decide(stages, start.Add(3*time.Second)).Take)
}

// Who is distrusted is a member again when it is seen to take something.
func TestDistrustEnds(t *testing.T) {
	for name, c := range map[string]struct {
		happens func(m *Mind)
		after   time.Duration
		ended   bool
	}{
		"not yet":      {func(*Mind) {}, 10 * time.Second, false},
		"by its time":  {func(*Mind) {}, 62 * time.Second, true},
		"it takes":     {func(m *Mind) { m.Holder(2, "a", start.Add(2*time.Second)) }, 3 * time.Second, true},
		"it comes new": {func(m *Mind) { m.Member("a", false, start); m.Member("a", true, start) }, 3 * time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			m, stages := seeing("mm--", "me", "a")
			require.Empty(t, m.Decide(stages, start).Take)
			require.Equal(t, []int{2, 3}, m.Decide(stages, start.Add(time.Second)).Take)
			c.happens(m)
			stages[3] = Held
			require.Equal(t, c.ended, len(m.Decide(stages, start.Add(c.after)).Give) > 0)
		})
	}
}

// Who has no lease of presence takes and gives nothing: others don't count it.
func TestAbsentDoesNothing(t *testing.T) {
	m, stages := seeing("mmm-", "a")
	d := m.Decide(stages, start.Add(time.Minute))
	require.Empty(t, d.Take)
	require.Empty(t, d.Give)
}
