package route_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dialtone/campaign"
	"dialtone/campaign/route"
)

func TestRoutes(t *testing.T) {
	all := []route.Provider{
		{Name: "a"},
		{Name: "b", Weight: 3},
		{Name: "late", Priority: 5, Prices: map[string]float64{"+44": 0.01, "": 0.05}},
		{Name: "us", Prefixes: []string{"+1"}, Prices: map[string]float64{"+1": 0.02, "+1212": 0.2}},
		{Name: "ny", Prefixes: []string{"+1212", "+1646"}, Priority: 2},
	}
	only := func(choices ...campaign.ProviderChoice) campaign.Routing { return campaign.Routing{Providers: choices} }
	for name, c := range map[string]struct {
		routing campaign.Routing
		phone   string
		want    route.Route
	}{
		"who serves all, by priority":               {campaign.Routing{}, "+4930123456", "a:1,b:3;late:1"},
		"a prefix goes before none":                 {campaign.Routing{}, "+14155550100", "us:1"},
		"and a longer one before it":                {campaign.Routing{}, "+12125550100", "ny:1"},
		"the longest of those allowed":              {only(campaign.ProviderChoice{Name: "us"}, campaign.ProviderChoice{Name: "a"}), "+12125550100", "us:1"},
		"nobody who is allowed":                     {only(campaign.ProviderChoice{Name: "us"}), "+4930123456", ""},
		"the campaign's rank":                       {only(campaign.ProviderChoice{Name: "a", Priority: 9}, campaign.ProviderChoice{Name: "b", Weight: 0.5}), "+4930123456", "b:0.5;a:1"},
		"by cost, those of a known price first":     {campaign.Routing{LeastCost: true}, "+4930123456", "late:1;a:1,b:3"},
		"by cost, the longest prefix's price":       {campaign.Routing{LeastCost: true}, "+442079460958", "late:1;a:1,b:3"},
		"cost does not reach beyond those that fit": {campaign.Routing{LeastCost: true}, "+12125550100", "ny:1"},
	} {
		t.Run(name, func(t *testing.T) {
			p := route.NewTable(all).Plan(c.routing)
			require.Equal(t, c.want, p.Route(c.phone))
			require.Equal(t, c.want == "", p.Class(c.phone) == route.NoRoute)
		})
	}
}

func TestLeastCost(t *testing.T) {
	p := route.NewTable([]route.Provider{
		{Name: "a", Prices: map[string]float64{"+44": 0.03, "+4420": 0.01}},
		{Name: "b", Prices: map[string]float64{"": 0.02}, Priority: 9},
		{Name: "c", Prices: map[string]float64{"+44": 0.02}},
	}).Plan(campaign.Routing{LeastCost: true})
	require.EqualValues(t, "a:1;c:1;b:1", p.Route("+442079460958"), "of one price, by priority")
	require.EqualValues(t, "c:1;b:1;a:1", p.Route("+447700900123"))
	require.EqualValues(t, "b:1;a:1,c:1", p.Route("+4930123456"))
}

// Written and read again a route is the same, and Leads is what it says.
func TestRouteText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z0-9][a-z0-9_-]{0,4}`), 0, 6, rapid.ID).Draw(t, "names")
		var tiers route.Tiers
		for i, name := range names {
			if i == 0 || rapid.Bool().Draw(t, "next") {
				tiers = append(tiers, nil)
			}
			last := len(tiers) - 1
			tiers[last] = append(tiers[last], route.Choice{Provider: name, Weight: rapid.Float64Range(0.001, 1e6).Draw(t, "weight")})
		}
		again, err := tiers.Route().Tiers()
		require.NoError(t, err)
		require.Equal(t, tiers, again)
		for _, name := range append(names, "x", "") {
			require.Equal(t, slices.Contains(names, name), tiers.Route().Leads(name), "%q in %q", name, tiers.Route())
			require.Equal(t, tiersWithout(tiers, name).Route(), tiers.Route().Without(name), "%q out of %q", name, tiers.Route())
			rank := slices.IndexFunc(tiers, func(tier route.Tier) bool {
				return slices.ContainsFunc(tier, func(c route.Choice) bool { return c.Provider == name })
			})
			require.Equal(t, rank, tiers.Route().Rank(name))
		}
		require.ElementsMatch(t, names, tiers.Route().Providers())
	})
	for _, bad := range []route.Route{"a", "a:0", "a:-1", ":1", "a:1;;b:1", "a:1,", "a:x"} {
		_, err := bad.Tiers()
		require.Error(t, err, bad)
	}
}

func tiersWithout(ts route.Tiers, name string) (out route.Tiers) {
	for _, tier := range ts {
		left := slices.DeleteFunc(slices.Clone(tier), func(c route.Choice) bool { return c.Provider == name })
		if len(left) > 0 {
			out = append(out, left)
		}
	}
	return out
}

func TestWithout(t *testing.T) {
	for _, c := range []struct{ route, provider, want route.Route }{
		{"a:1,b:3;c:1", "a", "b:3;c:1"}, {"a:1,b:3;c:1", "c", "a:1,b:3"}, {"a:1;b:0.5;c:1e+06", "b", "a:1;c:1e+06"},
		{"a:1", "a", ""}, {"a:1", "b", "a:1"}, {"", "a", ""}, {"aa:1,a:2", "a", "aa:1"},
	} {
		require.Equal(t, c.want, c.route.Without(string(c.provider)), c)
	}
}

// The plan against the rule as it is written.
func TestPlanIsTheRule(t *testing.T) {
	digits := rapid.StringMatching(`\+[1-9][0-9]{0,3}`)
	rapid.Check(t, func(t *rapid.T) {
		var all []route.Provider
		for _, name := range []string{"a", "b", "c", "d"} {
			all = append(all, route.Provider{
				Name: name, Priority: rapid.IntRange(0, 3).Draw(t, "priority"),
				Prefixes: rapid.SliceOfN(digits, 0, 3).Draw(t, "prefixes"),
			})
		}
		p := route.NewTable(all).Plan(campaign.Routing{})
		for range 20 {
			phone := digits.Draw(t, "phone") + "5550100"
			most, served := -1, map[string]bool{}
			for _, pr := range all {
				length := -1
				if len(pr.Prefixes) == 0 {
					length = 0
				}
				for _, prefix := range pr.Prefixes {
					if strings.HasPrefix(phone, prefix) {
						length = max(length, len(prefix))
					}
				}
				if length > most {
					most, served = length, map[string]bool{}
				}
				if length >= 0 && length == most {
					served[pr.Name] = true
				}
			}
			tiers, err := p.Route(phone).Tiers()
			require.NoError(t, err)
			found, before := 0, 0
			for _, tier := range tiers {
				for _, c := range tier {
					require.True(t, served[c.Provider])
					i := slices.IndexFunc(all, func(pr route.Provider) bool { return pr.Name == c.Provider })
					require.GreaterOrEqual(t, max(all[i].Priority, route.DefaultPriority), before)
					before = max(before, max(all[i].Priority, route.DefaultPriority))
					found++
				}
			}
			require.Len(t, served, found)
		}
	})
}

func TestDefaults(t *testing.T) {
	require.Equal(t, route.Provider{Name: "a", Priority: 1, Weight: 1}, route.Provider{Name: "a"}.WithDefaults())
	full := route.Provider{Name: "a", Priority: 2, Weight: 0.5, Prefixes: []string{"+1"}}
	require.Equal(t, full, full.WithDefaults())
}

func TestTablesEqual(t *testing.T) {
	a, b := route.NewTable([]route.Provider{{Name: "a"}, {Name: "b"}}), route.NewTable([]route.Provider{{Name: "b", Weight: 1}, {Name: "a"}})
	require.True(t, a.Equal(b), "the order and defaults are nothing")
	require.False(t, a.Equal(route.NewTable([]route.Provider{{Name: "a"}, {Name: "b", Priority: 2}})))
	require.False(t, a.Equal(nil))
	require.True(t, (*route.Table)(nil).Equal(nil))
	require.Equal(t, []string{"a", "b"}, b.Names())
}
