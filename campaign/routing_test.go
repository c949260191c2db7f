package campaign_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
)

func TestRoutingFaults(t *testing.T) {
	s := campaign.Settings{Name: "spring"}.WithDefaults()
	require.NoError(t, s.Validate())
	s.Routing = campaign.Routing{
		Providers: []campaign.ProviderChoice{
			{Name: "a"}, {Name: "a"}, {}, {Name: "b", Priority: -1}, {Name: "c", Weight: -2}, {Name: "d", Priority: 3, Weight: 0.5},
		},
		FromByPrefix: map[string]string{"44": "+442079460958", "+": "x", "+044": "x", "+49": "x", "+1x": "x"},
	}
	faults := s.Validate().(campaign.Errors)
	require.Len(t, faults, 8)
	texts := ""
	for _, f := range faults {
		texts += f.Error() + "\n"
	}
	for _, say := range []string{
		`Name "a" once`, "Give each provider its name", `Give "b" a priority from 1`, `Give "c" a weight from 0.001`,
		`not "44"`, `not "+"`, `not "+044"`, `not "+1x"`,
	} {
		require.Contains(t, texts, say)
	}
}

func TestChoiceAndFrom(t *testing.T) {
	c, ok := campaign.Routing{}.Choice("any")
	require.True(t, ok)
	require.Equal(t, campaign.ProviderChoice{Name: "any"}, c)
	r := campaign.Routing{
		Providers:    []campaign.ProviderChoice{{Name: "a", Weight: 2}},
		FromByPrefix: map[string]string{"+44": "+442079460958", "+4420": "+442079460000"},
	}
	c, ok = r.Choice("a")
	require.True(t, ok)
	require.Equal(t, 2.0, c.Weight)
	_, ok = r.Choice("b")
	require.False(t, ok)
	require.Equal(t, "+442079460000", r.From("+442055501234"))
	require.Equal(t, "+442079460958", r.From("+447700900123"))
	require.Empty(t, r.From("+12125550100"))
}
