package providertest

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/provider"
)

// tick is how often something is looked at again.
const tick = 10 * time.Millisecond

// calls: whole calls with the stand-in.
func (h Harness) calls(t *testing.T) {
	stand := h.Stand(t)
	p := h.open(t, stand.URL, patience)
	for _, d := range slices.Sorted(maps.Keys(stand.Ends)) {
		t.Run(string(d), func(t *testing.T) { endsAs(t, stand, p, d) })
	}
	t.Run("hang up", func(t *testing.T) { hangsUp(t, stand, p) })
	t.Run("find", func(t *testing.T) { finds(t, stand, p) })
	t.Run("unknown call", func(t *testing.T) {
		_, err := p.Fetch(t.Context(), stand.Unknown)
		require.ErrorIs(t, err, provider.ErrUnknownCall)
		require.ErrorIs(t, p.HangUp(t.Context(), stand.Unknown), provider.ErrUnknownCall)
		_, err = p.Fetch(t.Context(), "../../"+stand.Unknown)
		require.ErrorIs(t, err, provider.ErrUnknownCall)
	})
}

// endsAs places a call and follows it to its end.
func endsAs(t *testing.T, stand Stand, p provider.Provider, d campaign.Disposition) {
	before := stand.Creates()
	r := provider.Request{To: stand.Ends[d], From: stand.From}
	placed, err := p.Place(t.Context(), r)
	if d == campaign.DispositionRejected {
		requireFault(t, provider.Refused, err)
		return
	}
	require.NoError(t, err)
	require.Equal(t, before+1, stand.Creates())
	call := awaitEnd(t, p, placed.ProviderCallID)
	require.Equal(t, d, call.Disposition)
	require.Equal(t, r.To, call.To)
	require.Equal(t, r.From, call.From)
	require.False(t, call.CreatedAt.IsZero())
}

func awaitEnd(t *testing.T, p provider.Provider, id string) (call provider.Call) {
	t.Helper()
	require.Eventually(t, func() bool {
		var err error
		call, err = p.Fetch(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, id, call.ProviderCallID)
		require.Equal(t, call.Ended, call.Disposition != "")
		return call.Ended
	}, patience, tick, "the call ends")
	return call
}

// hangsUp ends a call that would stay up, and finds no fault in doing it again.
func hangsUp(t *testing.T, stand Stand, p provider.Provider) {
	placed, err := p.Place(t.Context(), provider.Request{To: stand.Lasts, From: stand.From})
	require.NoError(t, err)
	call, err := p.Fetch(t.Context(), placed.ProviderCallID)
	require.NoError(t, err)
	require.False(t, call.Ended, "the stand-in's call has ended by itself")
	require.NoError(t, p.HangUp(t.Context(), placed.ProviderCallID))
	awaitEnd(t, p, placed.ProviderCallID)
	require.NoError(t, p.HangUp(t.Context(), placed.ProviderCallID), "a call that has ended can be hung up")
}

// finds: Find tells the calls to one number, oldest first, from a time on, with any
// caller id or with one.
func finds(t *testing.T, stand Stand, p provider.Provider) {
	const to = "+12025550177" // called by no other case
	since := time.Now()
	none, err := p.Find(t.Context(), to, stand.From, since)
	require.NoError(t, err)
	require.Empty(t, none)
	var ids []string
	for _, from := range []string{stand.From, stand.OtherFrom, stand.From} {
		placed, err := p.Place(t.Context(), provider.Request{To: to, From: from})
		require.NoError(t, err)
		ids = append(ids, placed.ProviderCallID)
	}
	other, err := p.Find(t.Context(), to, stand.OtherFrom, since)
	require.NoError(t, err)
	require.Len(t, other, 1)
	require.Equal(t, ids[1], other[0].ProviderCallID)
	found, err := p.Find(t.Context(), to, "", since)
	require.NoError(t, err)
	var got []string
	for i, c := range found {
		got = append(got, c.ProviderCallID)
		require.Equal(t, to, c.To)
		require.True(t, i == 0 || !c.CreatedAt.Before(found[i-1].CreatedAt), "oldest first")
	}
	require.ElementsMatch(t, ids, got)
	later, err := p.Find(t.Context(), to, stand.From, time.Now().Add(time.Hour))
	require.NoError(t, err)
	require.Empty(t, later, "calls before the time")
	for _, id := range ids {
		require.NoError(t, p.HangUp(t.Context(), id))
	}
}

// callback is one request that the stand-in made to us.
type callback struct {
	request *http.Request
	url     string // as it was called
	form    url.Values
}

// callbacks: the end of a call is told, and nobody else can tell it.
func (h Harness) callbacks(t *testing.T) {
	stand := h.Stand(t)
	p := h.open(t, stand.URL, patience)
	told := make(chan callback, 16)
	var base string
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err == nil {
			told <- callback{request: r, url: base + r.URL.RequestURI(), form: r.PostForm}
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(receiver.Close)
	base = receiver.URL
	for _, d := range slices.Sorted(maps.Keys(stand.Ends)) {
		if d == campaign.DispositionRejected {
			continue
		}
		t.Run(string(d), func(t *testing.T) {
			placed, err := p.Place(t.Context(), provider.Request{
				To: stand.Ends[d], From: stand.From,
				CallbackURL: base + "/callbacks/x/1?attempt=7&note=a%20b",
			})
			require.NoError(t, err)
			cb, call := awaitCallback(t, p, told)
			require.Equal(t, placed.ProviderCallID, call.ProviderCallID)
			require.Equal(t, d, call.Disposition)
			require.Equal(t, stand.Ends[d], call.To)
			require.False(t, call.EndedAt.IsZero())
			forged(t, p, cb)
		})
	}
}

// awaitCallback is the first callback that tells of an end.
func awaitCallback(t *testing.T, p provider.Provider, told <-chan callback) (callback, provider.Call) {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case cb := <-told:
			call, err := p.ParseCallback(cb.request, cb.url, cb.form)
			require.NoError(t, err)
			if call.Ended {
				return cb, call
			}
		case <-deadline:
			require.FailNow(t, "no callback came")
		}
	}
}

// forged: whatever is changed about a callback, the signature no longer fits.
func forged(t *testing.T, p provider.Provider, cb callback) {
	t.Helper()
	refuse := func(what string, r *http.Request, target string, form url.Values) {
		t.Helper()
		_, err := p.ParseCallback(r, target, form)
		require.ErrorIs(t, err, provider.ErrSignature, what)
	}
	for name := range cb.form {
		form := maps.Clone(cb.form)
		form[name] = []string{cb.form.Get(name) + "0"}
		refuse("a changed "+name, cb.request, cb.url, form)
	}
	more := maps.Clone(cb.form)
	more["Extra"] = []string{"1"}
	refuse("a parameter more", cb.request, cb.url, more)
	refuse("another attempt's URL", cb.request, cb.url+"1", cb.form)
	unsigned := cb.request.Clone(t.Context())
	for name := range unsigned.Header {
		unsigned.Header.Del(name)
	}
	refuse("no signature", unsigned, cb.url, cb.form)
}
