// Package registry holds the providers that a running service has, and takes a
// changed providers file over while calls are up.
//
// What is in force is one snapshot, replaced as a whole: who looks things up sees the
// old file or the new one, never some of both.  A provider whose part of the file is
// as it was keeps its adapter, and that its connections.
//
// A provider that was taken out is retired: it is routed to no more, and still found by
// its name, since calls may be up with it whose callbacks come and whose ends are to be
// settled.  For the same reason a name stays with its account: a call that was placed
// there is not found in another, and would be dialled again.
package registry

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"

	"dialtone/campaign"
	"dialtone/campaign/route"
	"dialtone/provider"
)

// Registry holds the providers.  All methods may be called concurrently.
type Registry struct {
	open func(provider.Spec) (provider.Provider, error)
	now  atomic.Pointer[snapshot]

	mu   sync.Mutex // held while Replace runs
	hear []func(Change)
}

// snapshot is what is in force; it is never changed.
type snapshot struct {
	urls  []string // where we are called back, the present one first
	specs []provider.Spec
	table *route.Table
	// known are all by name, with those that were taken out.
	known map[string]entry
}

// entry is a provider and how it was described when its adapter was opened.
type entry struct {
	spec    provider.Spec
	adapter provider.Provider
}

// formerURLs is how many addresses at which we were called back are remembered: calls
// that are up carry the one of their time.
const formerURLs = 8

// Change is what a Replace changed, by the providers' names, sorted.
type Change struct {
	Added, Removed, Changed []string
	// Moved: providers are to call back at another address.
	Moved bool
}

// Empty reports whether nothing changed.
func (c Change) Empty() bool {
	return len(c.Added)+len(c.Removed)+len(c.Changed) == 0 && !c.Moved
}

// New makes an empty registry.  open opens the adapter of a provider; if that is an
// io.Closer, it is closed when it is replaced, with requests under way that are to
// come to their end.
func New(open func(provider.Spec) (provider.Provider, error)) *Registry {
	r := &Registry{open: open}
	r.now.Store(&snapshot{table: route.NewTable(nil)})
	return r
}

// Lookup finds a provider by its name, a retired one too; nil if there never was one.
func (r *Registry) Lookup(name string) provider.Provider { return r.now.Load().known[name].adapter }

// Specs lists the providers in force, in the order of the file.  Callers must not
// change it.
func (r *Registry) Specs() []provider.Spec { return r.now.Load().specs }

// Table routes to the providers in force.  As long as they route alike, it is the same
// one.
func (r *Registry) Table() *route.Table { return r.now.Load().table }

// Limits are those of the providers in force, by name.
func (r *Registry) Limits() map[string]provider.Limits {
	out := make(map[string]provider.Limits)
	for _, s := range r.Specs() {
		out[s.Name] = s.Limits
	}
	return out
}

// CallbackBaseURL is where providers are to reach us, without a trailing slash; "" as
// long as that is not known.
func (r *Registry) CallbackBaseURL() string {
	if urls := r.CallbackBaseURLs(); len(urls) > 0 {
		return urls[0]
	}
	return ""
}

// CallbackBaseURLs are where calls that are up may be told to call back: the present
// address and then former ones.  Callers must not change it.
func (r *Registry) CallbackBaseURLs() []string { return r.now.Load().urls }

// OnChange has f called with every change from now on that is not empty, once it is in
// force, one after the other.  f must not call Replace.
func (r *Registry) OnChange(f func(Change)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hear = append(r.hear, f)
}

// Check is the provider.Check of a file that is to replace the present one.
func (r *Registry) Check(spec provider.Spec) error {
	was, known := r.now.Load().known[spec.Name]
	if !known {
		return nil
	}
	var out campaign.Errors
	for _, part := range []struct{ field, was, is string }{
		{"dialect", was.spec.Dialect, spec.Dialect}, {"base_url", was.spec.BaseURL, spec.BaseURL}, {"account", was.spec.Account, spec.Account},
	} {
		if part.was != part.is {
			out = append(out, campaign.Invalid(part.field,
				"Calls may be up with %q as it was, so it can't be moved while the service runs; give what is new a name of its own, and take %q out.", spec.Name, spec.Name))
		}
	}
	if len(out) > 0 {
		return out
	}
	return nil
}

// Replace takes a file over as a whole, or changes nothing and tells why.  The error is
// Check's or the adapter's.
func (r *Registry) Replace(f *provider.File) (Change, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.now.Load()
	next, opened, err := r.next(old, f)
	if err != nil {
		return Change{}, errors.Join(err, closeAll(opened))
	}
	r.now.Store(next)
	change := changeOf(old, next)
	if !change.Empty() {
		for _, f := range r.hear {
			f(change)
		}
	}
	var replaced []provider.Provider
	for name, e := range old.known {
		if next.known[name].adapter != e.adapter {
			replaced = append(replaced, e.adapter)
		}
	}
	_ = closeAll(replaced) // the file is in force all the same
	return change, nil
}

// next is the snapshot after old, and the adapters that were opened for it.
func (r *Registry) next(old *snapshot, f *provider.File) (next *snapshot, opened []provider.Provider, err error) {
	next = &snapshot{urls: urlsAfter(old.urls, f.CallbackBaseURL), specs: slices.Clone(f.Providers), known: maps.Clone(old.known)}
	if next.known == nil {
		next.known = make(map[string]entry)
	}
	var routes []route.Provider
	for _, spec := range next.specs {
		if err := r.Check(spec); err != nil {
			return nil, opened, fmt.Errorf("provider %s: %w", spec.Name, err)
		}
		e := entry{spec, old.known[spec.Name].adapter}
		if e.adapter == nil || !alike(old.known[spec.Name].spec, spec) {
			if e.adapter, err = r.open(spec); err != nil {
				return nil, opened, fmt.Errorf("provider %s: %w", spec.Name, err)
			}
			opened = append(opened, e.adapter)
		}
		next.known[spec.Name] = e
		routes = append(routes, spec.Route)
	}
	if next.table = route.NewTable(routes); next.table.Equal(old.table) {
		next.table = old.table // who compares need not look into it
	}
	return next, opened, nil
}

// urlsAfter puts an address before those that there were.
func urlsAfter(before []string, url string) []string {
	out := []string{url}
	for _, u := range before {
		if u != url && len(out) < formerURLs {
			out = append(out, u)
		}
	}
	return out
}

// alike reports whether two specs describe the same adapter: limits and routes are
// none of its business.
func alike(a, b provider.Spec) bool {
	a.Limits, a.Route = b.Limits, b.Route
	return reflect.DeepEqual(a, b)
}

func changeOf(old, next *snapshot) (c Change) {
	was := make(map[string]provider.Spec, len(old.specs))
	for _, s := range old.specs {
		was[s.Name] = s
	}
	for _, s := range next.specs {
		before, there := was[s.Name]
		switch {
		case !there:
			c.Added = append(c.Added, s.Name)
		case !reflect.DeepEqual(before, s):
			c.Changed = append(c.Changed, s.Name)
		}
		delete(was, s.Name)
	}
	c.Removed = slices.Sorted(maps.Keys(was))
	slices.Sort(c.Added)
	slices.Sort(c.Changed)
	c.Moved = len(old.urls) > 0 && old.urls[0] != next.urls[0]
	return c
}

// Close closes all adapters.  Nobody may use the registry any more.
func (r *Registry) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []provider.Provider
	for _, e := range r.now.Load().known {
		all = append(all, e.adapter)
	}
	return closeAll(all)
}

func closeAll(adapters []provider.Provider) (err error) {
	for _, a := range adapters {
		if c, ok := a.(io.Closer); ok {
			err = errors.Join(err, c.Close())
		}
	}
	return err
}
