package mockdialer_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/mockdialer"
)

func TestDurationsText(t *testing.T) {
	var d mockdialer.Durations
	require.NoError(t, d.UnmarshalText([]byte("+4930=400ms, +49=2s-90s,+1=0s")))
	require.Equal(t, mockdialer.Durations{
		"+4930": mockdialer.Fixed(400 * time.Millisecond), "+49": {Min: 2 * time.Second, Max: 90 * time.Second}, "+1": {},
	}, d)
	require.Equal(t, "+1=0s,+49=2s-1m30s,+4930=400ms", d.String())
	text, err := d.MarshalText()
	require.NoError(t, err)
	var back mockdialer.Durations
	require.NoError(t, back.UnmarshalText(text))
	require.Equal(t, d, back)
	require.NoError(t, back.UnmarshalText(nil))
	require.Empty(t, back)

	for text, part := range map[string]string{
		"4930=1s":                `"4930"`,
		"+=1s":                   `"+"`,
		"+0=1s":                  `"+0"`,
		"+49x=1s":                `"+49x"`,
		"+49301234567890123=1s":  `"+49301234567890123"`,
		"+49":                    `"+49"`,
		"+49=soon":               `"soon"`,
		"+49=1s,":                `""`,
		"+49=1s,+4930=1s,+49=2s": `"+49=2s"`,
	} {
		require.ErrorContains(t, d.UnmarshalText([]byte(text)), part, text)
		require.Len(t, d, 3, "a bad text changes nothing")
	}
}

func TestDurationsAreValidated(t *testing.T) {
	for _, bad := range []mockdialer.Durations{
		{"49": {}}, {"+49": {Min: 2, Max: 1}}, {"+49": {Min: -1}}, {"+49": mockdialer.Fixed(1 << 62)},
	} {
		_, err := mockdialer.New(mockdialer.Config{Durations: bad})
		require.ErrorContains(t, err, "durations", "%v", bad)
	}
}
