package phone

import (
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestMatcherIsItsPattern(t *testing.T) {
	for _, pattern := range []string{
		"", "1", `\d{3}`, `[2-9]\d{2}`, "(?:1|12)3?", "1*2", "(?:[13]|2[4-6]){2,3}0", `(1\d)?2`, ".5", "1(?:2|)", `[^0]\d`,
	} {
		m := newMatcher(pattern)
		require.Nil(t, m.slow, pattern)
		full, prefix := regexp.MustCompile("^(?:"+pattern+")$"), regexp.MustCompile("^(?:"+pattern+")")
		rapid.Check(t, func(t *rapid.T) {
			digits := rapid.SliceOfN(rapid.ByteRange('0', '9'), 0, 8).Draw(t, "digits")
			assert.Equal(t, full.Match(digits), m.full(digits))
			assert.Equal(t, prefix.Match(digits), m.prefix(digits))
		})
	}
}

func TestMatcherKeepsToTheExpressionWhereItMust(t *testing.T) {
	m := newMatcher(`(\d{2})$|0`)
	require.NotNil(t, m.slow)
	assert.True(t, m.full([]byte("12")))
	assert.True(t, m.prefix([]byte("01234")))
	assert.False(t, m.prefix([]byte("123")))
}

// All of the metadata becomes tables, of a size and in a time that nobody minds.
func TestEveryRegionBecomesTables(t *testing.T) {
	start, states, largest := time.Now(), 0, 0
	count := func(m *matcher) {
		require.Nil(t, m.slow)
		states += len(m.next)
		largest = max(largest, len(m.next))
	}
	for _, regions := range world().codes {
		for _, r := range regions {
			count(r.ready().general.pattern)
			for _, d := range r.types {
				count(d.pattern)
			}
			if r.leading != nil {
				count(r.leading)
			}
		}
	}
	assert.Less(t, largest, limitStates)
	t.Logf("%d states of 21 bytes, the largest table %d, in %v", states, largest, time.Since(start))
}
