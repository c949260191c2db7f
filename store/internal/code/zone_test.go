package code

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
)

func TestZones(t *testing.T) {
	in := func(zones ...campaign.Zones) (out []campaign.Contact) {
		for _, z := range zones {
			out = append(out, campaign.Contact{Zones: z})
		}
		return out
	}
	var z Zones
	require.Empty(t, z.unknown(in("", "")))
	all := in("b", "b", "", "a", "b", "c")
	require.Equal(t, []string{"a", "b", "c"}, z.unknown(all))
	_, err := z.known(all)
	require.ErrorContains(t, err, `"b"`)

	z.learn(map[campaign.Zones]campaign.ZoneID{"b": 1, "a": 7})
	require.Equal(t, []string{"c"}, z.unknown(all))
	z.learn(map[campaign.Zones]campaign.ZoneID{"c": 3})
	require.Empty(t, z.unknown(all))
	ids, err := z.known(all)
	require.NoError(t, err)
	require.Equal(t, []int32{1, 1, 0, 7, 1, 3}, ids)
}
