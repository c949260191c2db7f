package route_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/campaign/route"
)

func providers() *route.Table {
	return route.NewTable([]route.Provider{
		{Name: "any", Weight: 2}, {Name: "uk", Prefixes: []string{"+44"}}, {Name: "us", Prefixes: []string{"+1"}},
	})
}

// A call that names its provider goes by it, whatever the prefixes are and the campaign
// allows, as long as there is one.
func TestBound(t *testing.T) {
	p := providers().Plan(campaign.Routing{})
	for _, c := range []struct {
		phone, provider string
		want            route.Route
	}{
		{"+4420", "uk", "uk:1"}, {"+4420", "any", "any:2"}, {"+4420", "us", "us:1"}, {"+4930", "uk", "uk:1"}, {"+4930", "any", "any:2"},
		{"+1212", "us", "us:1"}, {"+1212", "nobody", ""},
	} {
		class := p.Bound(c.phone, c.provider)
		require.Equal(t, c.want, p.Routes()[class], "%+v", c)
	}
	require.Equal(t, p.Bound("+4420", "uk"), p.Class("+4420"), "one route is one class")
	p = providers().Plan(campaign.Routing{Providers: []campaign.ProviderChoice{{Name: "uk", Weight: 3}}})
	for provider, want := range map[string]route.Route{"us": "us:1", "any": "any:2", "uk": "uk:3"} {
		class := p.Bound("+1212", provider)
		require.Equal(t, want, p.Routes()[class], "what the campaign allows is nothing to a call that names its own")
	}
	require.Equal(t, route.NoRoute, p.Bound("+4420", "nobody"))
	require.Equal(t, route.NoRoute, p.Class("+1212"), "nor does such a call open the way to others")
}

func TestForks(t *testing.T) {
	for _, c := range []struct {
		allowed []string
		want    bool
	}{
		{nil, true}, {[]string{"any"}, false}, {[]string{"uk"}, false}, {[]string{"uk", "us"}, true}, {[]string{"any", "us"}, true},
	} {
		var r campaign.Routing
		for _, name := range c.allowed {
			r.Providers = append(r.Providers, campaign.ProviderChoice{Name: name})
		}
		require.Equal(t, c.want, providers().Plan(r).Forks(), c.allowed)
	}
	require.False(t, route.NewTable([]route.Provider{{Name: "a"}, {Name: "b"}}).Plan(campaign.Routing{}).Forks())
}
