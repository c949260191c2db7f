package registry_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"dialtone/campaign"
	"dialtone/campaign/route"
	"dialtone/provider"
	"dialtone/provider/registry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// line is an adapter that counts how often it was closed.
type line struct {
	provider.Provider
	spec   provider.Spec
	closed int
}

func (l *line) Close() error { l.closed++; return nil }

// opener opens lines, but for those with a script of "bad".
type opener struct{ opened []*line }

var errBad = errors.New("this script is bad")

func (o *opener) open(s provider.Spec) (provider.Provider, error) {
	if s.Twiml == "bad" {
		return nil, errBad
	}
	l := &line{spec: s}
	o.opened = append(o.opened, l)
	return l, nil
}

// spec is a provider that nothing is wrong with.
func spec(name string, change ...func(*provider.Spec)) provider.Spec {
	s := provider.Spec{
		Name: name, Dialect: "twilio", BaseURL: "http://" + name, Account: "AC1",
		Token: provider.NewSecret("t0ken"), Route: route.Provider{Name: name, Prefixes: []string{"+1"}},
	}
	for _, c := range change {
		c(&s)
	}
	return s
}

func file(specs ...provider.Spec) *provider.File {
	return &provider.File{CallbackBaseURL: "http://us", Providers: specs}
}

func replace(t *testing.T, r *registry.Registry, f *provider.File) registry.Change {
	t.Helper()
	c, err := r.Replace(f)
	require.NoError(t, err)
	return c
}

func names(r *registry.Registry) (out []string) {
	for _, s := range r.Specs() {
		out = append(out, s.Name)
	}
	return out
}

func TestEmpty(t *testing.T) {
	r := registry.New(new(opener).open)
	require.Nil(t, r.Lookup("a"), "no nil adapter hides in the interface")
	require.Empty(t, r.Specs())
	require.Empty(t, r.Table().Names())
	require.Empty(t, r.Limits())
	require.Empty(t, r.CallbackBaseURL())
	require.NoError(t, r.Close())
}

func TestReplaceOpensWhatChanged(t *testing.T) {
	o := new(opener)
	r := registry.New(o.open)
	require.Equal(t, registry.Change{Added: []string{"a", "b", "c"}}, replace(t, r, file(spec("b"), spec("a"), spec("c"))))
	require.Equal(t, []string{"b", "a", "c"}, names(r), "in the order of the file")
	a, b := r.Lookup("a"), r.Lookup("b")

	routed := func(s *provider.Spec) { s.Route.Priority, s.Limits.Channels = 3, 7 }
	spoken := func(s *provider.Spec) { s.FromByPrefix = map[string]string{"+44": "+442079460958"} }
	got := replace(t, r, file(spec("a", routed), spec("b", spoken), spec("d")))
	require.Equal(t, registry.Change{Added: []string{"d"}, Removed: []string{"c"}, Changed: []string{"a", "b"}}, got)
	require.Same(t, a, r.Lookup("a"), "limits and routes are none of the adapter's business")
	require.NotSame(t, b, r.Lookup("b"))
	require.Equal(t, 1, b.(*line).closed)
	require.Len(t, o.opened, 5)
	require.Equal(t, map[string]provider.Limits{"a": {Channels: 7}, "b": {}, "d": {}}, r.Limits())
	require.Equal(t, []string{"a", "b", "d"}, r.Table().Names())
	require.True(t, r.Table().Equal(route.NewTable([]route.Provider{
		spec("a", routed).Route, spec("b").Route, spec("d").Route,
	})))

	table := r.Table()
	r.OnChange(func(registry.Change) { t.Error("nothing has changed") })
	require.True(t, replace(t, r, file(spec("a", routed), spec("b", spoken), spec("d"))).Empty())
	require.Same(t, table, r.Table())
	require.Len(t, o.opened, 5, "another secret of the same text is none")
	require.NoError(t, r.Close())
	for _, l := range o.opened {
		require.Equal(t, 1, l.closed, l.spec.Name)
	}
}

// A provider that was taken out is still found: calls may be up with it.
func TestReplaceRetires(t *testing.T) {
	o := new(opener)
	r := registry.New(o.open)
	replace(t, r, file(spec("a"), spec("b")))
	b := r.Lookup("b")
	replace(t, r, file(spec("a")))
	require.Same(t, b, r.Lookup("b"))
	require.Zero(t, b.(*line).closed)
	require.Equal(t, []string{"a"}, names(r))
	require.Equal(t, []string{"a"}, r.Table().Names())
	require.NotContains(t, r.Limits(), "b")

	require.Equal(t, registry.Change{Added: []string{"b"}}, replace(t, r, file(spec("a"), spec("b"))))
	require.Same(t, b, r.Lookup("b"), "it comes back with its connections")
}

// NeverTwice: a name stays with its account, even while it is retired: a call that was
// placed in the one would not be found in the other.
func TestNeverTwiceAProviderIsNotMoved(t *testing.T) {
	r := registry.New(new(opener).open)
	replace(t, r, file(spec("a"), spec("b")))
	replace(t, r, file(spec("a")))
	a := r.Lookup("a")
	for field, change := range map[string]func(*provider.Spec){
		"account": func(s *provider.Spec) { s.Account = "AC2" }, "base_url": func(s *provider.Spec) { s.BaseURL = "http://c" },
		"dialect": func(s *provider.Spec) { s.Dialect = "morse" },
	} {
		for _, name := range []string{"a", "b"} {
			moved := spec(name, change)
			faults := campaign.FaultsOf(r.Check(moved))
			require.Len(t, faults, 1)
			require.Equal(t, field, faults[0].Field)
			_, err := r.Replace(file(moved))
			require.ErrorAs(t, err, new(campaign.Errors))
		}
	}
	require.NoError(t, r.Check(spec("new")))
	require.Same(t, a, r.Lookup("a"))
	require.Equal(t, []string{"a"}, names(r))
}

func TestReplaceWithAFaultChangesNothing(t *testing.T) {
	o := new(opener)
	r := registry.New(o.open)
	replace(t, r, file(spec("a")))
	table := r.Table()
	r.OnChange(func(registry.Change) { t.Error("nothing has changed") })
	_, err := r.Replace(&provider.File{CallbackBaseURL: "http://elsewhere", Providers: []provider.Spec{
		spec("b"), spec("a", func(s *provider.Spec) { s.Twiml = "bad" }),
	}})
	require.ErrorIs(t, err, errBad)
	require.ErrorContains(t, err, "provider a")
	require.Same(t, table, r.Table())
	require.Nil(t, r.Lookup("b"))
	require.Equal(t, "http://us", r.CallbackBaseURL())
	require.Equal(t, 1, o.opened[1].closed, "what was opened in vain is closed")
	require.Zero(t, o.opened[0].closed)
}

// Calls that are up carry the address of their time.
func TestFormerAddressesAreKept(t *testing.T) {
	r := registry.New(new(opener).open)
	for _, url := range []string{"http://one", "http://two", "http://two", "http://one", "http://three"} {
		moved := r.CallbackBaseURL() != "" && r.CallbackBaseURL() != url
		require.Equal(t, moved, replace(t, r, &provider.File{CallbackBaseURL: url, Providers: []provider.Spec{spec("a")}}).Moved)
		require.Equal(t, url, r.CallbackBaseURL())
	}
	require.Equal(t, []string{"http://three", "http://one", "http://two"}, r.CallbackBaseURLs())
	for i := range 20 {
		replace(t, r, &provider.File{CallbackBaseURL: "http://" + string(rune('a'+i))})
	}
	require.Len(t, r.CallbackBaseURLs(), 8)
}

// Whoever hears of a change finds it in force.
func TestOnChange(t *testing.T) {
	r := registry.New(new(opener).open)
	replace(t, r, file(spec("a")))
	var heard []registry.Change
	for range 2 {
		r.OnChange(func(c registry.Change) {
			heard = append(heard, c)
			require.Equal(t, []string{"b"}, names(r))
		})
	}
	change := replace(t, r, file(spec("b")))
	require.Equal(t, []registry.Change{change, change}, heard)
}

// Readers see one file or the other, never some of both.
func TestReadersSeeOneFile(t *testing.T) {
	r := registry.New(new(opener).open)
	replace(t, r, file(spec("a"), spec("b")))
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if n := len(r.Table().Names()); n != 2 {
					t.Errorf("%d providers", n)
				}
				if r.Lookup("a") == nil {
					t.Error("a is gone")
				}
			}
		})
	}
	for range 50 {
		replace(t, r, file(spec("c"), spec("d")))
		replace(t, r, file(spec("a"), spec("b")))
	}
	close(stop)
	wg.Wait()
}
