package yamlfile_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/internal/yamlfile"
)

const page = `name: a
on: yes please
parts:
  - size: 3
    days: [mon, tue]
    inner:
      wait: 90s
  - size: 0.5
`

func TestReadsValues(t *testing.T) {
	s := yamlfile.Parse([]byte(page), "parts")
	require.Equal(t, []string{"name", "on", "parts"}, s.Keys())
	require.Equal(t, "a", s.Required("name"))
	parts := s.List("parts", "part")
	require.Len(t, parts, 2)
	require.Equal(t, 3, parts[0].Integer("size", 1, 9))
	require.Equal(t, []string{"mon", "tue"}, parts[0].Texts("days"))
	require.True(t, parts[0].IsMapping("inner"))
	require.Equal(t, 90*time.Second, parts[0].Section("inner").Duration("wait", time.Hour))
	require.Equal(t, 0.5, parts[1].Number("size", 0, 1))
	require.Empty(t, s.Faults())
}

func TestFaultsNameLineAndField(t *testing.T) {
	s := yamlfile.Parse([]byte(page), "parts")
	s.Switch("on")
	s.Missing("colour")
	parts := s.List("parts", "part")
	parts[0].Known("size", "days")
	parts[1].Integer("size", 1, 9)
	parts[0].Adopt(campaign.Errors{campaign.Invalid("inner.wait", "Too long."), campaign.Invalid("days[1]", "Not a day.")})
	s.Fault("parts[1].size", "Too small.")
	s.Fault("parts[7].size", "Not there.")
	require.Equal(t, campaign.Errors{
		campaign.Invalid("colour", "line 1: This key is missing."),
		campaign.Invalid("on", "line 2: Write true or false."),
		campaign.Invalid("parts[7].size", "line 3: Not there."),
		campaign.Invalid("parts[0].days[1]", "line 5: Not a day."),
		campaign.Invalid("parts[0].inner", "line 6: There is no such key; take one of size, days."),
		campaign.Invalid("parts[0].inner.wait", "line 7: Too long."),
		campaign.Invalid("parts[1].size", "line 8: Write a whole number from 1 to 9."),
		campaign.Invalid("parts[1].size", "line 8: Too small."),
	}, s.Faults(), "in the order of lines")
}

func TestBoundsAreWrittenOut(t *testing.T) {
	s := yamlfile.Parse([]byte("a: 2000000\nb: -1\nc: 0\n"), "a")
	s.Number("a", 0, 1e6)
	s.Rate("b", 1e6)
	s.Number("c", 0.001, 1e21)
	require.Equal(t, campaign.Errors{
		campaign.Invalid("a", "line 1: Write a number from 0 to 1000000."),
		campaign.Invalid("b", "line 2: Write a number from 0 (no limit) to 1000000."),
		campaign.Invalid("c", "line 3: Write a number from 0.001 to 1000000000000000000000."),
	}, s.Faults())
}

func TestFaultyKeys(t *testing.T) {
	s := yamlfile.Parse([]byte(page), "parts")
	first := s.List("parts", "part")[0]
	first.Fault("inner.wait", "Too long.")
	first.Fault("days[1]", "Not a day.")
	for key, faulty := range map[string]bool{"inner": true, "inner.wait": true, "days": true, "days[1]": true, "size": false, "in": false, "days[0]": false} {
		require.Equal(t, faulty, first.Faulty(key), key)
	}
}
