package mockdialer

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestTimersComeInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h timers
		var sorted, popped []int64
		for _, at := range rapid.SliceOf(rapid.Int64Range(0, 50)).Draw(t, "at") {
			if at%5 == 0 && len(h) > 0 { // in between
				first := h.pop().at
				require.Equal(t, slices.Min(sorted), first)
				sorted = slices.Delete(sorted, slices.Index(sorted, first), slices.Index(sorted, first)+1)
			}
			h.push(timer{at: at})
			sorted = append(sorted, at)
		}
		for len(h) > 0 {
			popped = append(popped, h.pop().at)
		}
		slices.Sort(sorted)
		require.Equal(t, sorted, popped)
	})
}

func TestSidsAreFoundAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key, index := rapid.Uint64().Draw(t, "key"), rapid.Uint32().Draw(t, "index")
		sid := string(appendSid(nil, key, index))
		got, ok := parseSid(sid, key)
		require.True(t, ok)
		require.Equal(t, index, got)
		_, ok = parseSid(sid, key+1)
		require.False(t, ok, "another server's")
	})
}

func TestStatusByTime(t *testing.T) {
	const s = int64(time.Second)
	// 4 s: rings from 50 ms on, is answered at 200 ms, ends at 4.2 s.
	cases := []struct {
		outcome Status
		at      map[time.Duration]Status
		ends    int64
	}{
		{Completed, map[time.Duration]Status{0: Queued, 50 * time.Millisecond: Ringing, 199 * time.Millisecond: Ringing, 200 * time.Millisecond: InProgress}, s*4 + s/5},
		{Busy, map[time.Duration]Status{0: Queued, 50 * time.Millisecond: Ringing, 3 * time.Second: Ringing}, 4 * s},
		{NoAnswer, map[time.Duration]Status{0: Queued, 3 * time.Second: Ringing}, 4 * s},
		{Failed, map[time.Duration]Status{0: Queued, 3 * time.Second: Queued}, 4 * s},
	}
	for _, want := range cases {
		c := call{received: 100 * s, talk: 4 * s, ring: setup(4 * s), outcome: want.outcome}
		for after, status := range want.at {
			require.Equal(t, status, c.status(c.received+int64(after)), "%v after %v", want.outcome, after)
		}
		require.Equal(t, c.received+want.ends, c.ends())
		c.ended, c.final = c.ends(), want.outcome
		require.Equal(t, want.outcome, c.status(c.ended))
		require.Equal(t, want.outcome == Completed, c.answeredAt(c.ended) != 0)
		require.Equal(t, want.outcome == Completed, c.seconds() == 4)
	}
}

// Everything that url.Values writes is read like it.
func TestFormIsReadAsByTheLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := url.Values{"To": {rapid.String().Draw(t, "to")}, "Fro m": {"x"}, "StatusCallback": {rapid.String().Draw(t, "callback")}}
		var f createForm
		require.NoError(t, f.parse([]byte(in.Encode())))
		require.Equal(t, in.Get("To"), string(f.to))
		require.Equal(t, in.Get("StatusCallback"), f.callback)
	})
}

func TestEscapedAsByTheLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		require.Equal(t, url.QueryEscape(s), string(appendEscaped(nil, s)))
	})
}

func TestCutTarget(t *testing.T) {
	for text, want := range map[string]struct{ origin, address, host, path string }{
		"http://a.example":            {"http://a.example", "a.example:80", "a.example", "/"},
		"https://a.example/x?y=/z#f":  {"https://a.example", "a.example:443", "a.example", "/x?y=/z"},
		"http://[::1]:81?y":           {"http://[::1]:81", "[::1]:81", "[::1]:81", "/?y"},
		"http://[::1]/":               {"http://[::1]", "[::1]:80", "[::1]", "/"},
		"http://u:p@127.0.0.1:8080/x": {"http://u:p@127.0.0.1:8080", "127.0.0.1:8080", "127.0.0.1:8080", "/x"},
	} {
		require.True(t, validTarget(text), text)
		got := cutTarget(text)
		require.Equal(t, want.origin, got.origin)
		require.Equal(t, want.address, got.address())
		require.Equal(t, want.host, got.host)
		require.Equal(t, want.path, got.path)
	}
}

func TestJSONStringsAreEscaped(t *testing.T) {
	require.Equal(t, `{"x":"a\"\\\nü"`, string(appendField(nil, `{"x":`, "a\"\\\nü")))
}

// A create that the ledger file does not take is no call; the rest goes on.
func TestLedgerFileThatTakesNoMore(t *testing.T) {
	var logged bytes.Buffer
	s, err := New(Config{LedgerFile: t.TempDir() + "/ledger", Duration: Fixed(time.Hour), Logger: slog.New(slog.NewTextHandler(&logged, nil))})
	require.NoError(t, err)
	place := func() int {
		r := httptest.NewRequest(http.MethodPost, s.createPath, strings.NewReader("To=%2B15550000002&From=%2B15550000001&Twiml=x"))
		r.SetBasicAuth(DefaultAccount, DefaultToken)
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		return w.Code
	}
	require.Equal(t, http.StatusCreated, place())
	require.Equal(t, http.StatusCreated, place())
	require.NoError(t, s.book.journal.file.Close()) // every write fails from here on
	require.Equal(t, http.StatusInternalServerError, place())
	sum := s.Summary()
	require.Equal(t, 2, sum.Created)
	require.Equal(t, map[int]int{codeInternal: 1}, sum.RejectedByCode)
	for index := range uint32(2) {
		c, _, up := s.book.hangUp(index, false, nil)
		require.True(t, up)
		require.Equal(t, Canceled, c.final)
	}
	require.Equal(t, 1, strings.Count(logged.String(), "takes no more"), "told once")
	require.Error(t, s.Stop(t.Context()))
}

func BenchmarkRenderCallback(b *testing.B) {
	c := &call{to: "+15550000002", from: "+15550000001", callback: "http://127.0.0.1:8080/callbacks/mock/cmp/att"}
	w := &writer{key: 1, account: DefaultAccount, signer: newSigner(DefaultToken)}
	j := &job{call: c, event: eventCompleted, status: Completed, at: time.Now().UnixNano(), seconds: 10}
	b.ReportAllocs()
	for b.Loop() {
		if !bytes.HasPrefix(w.render(j, cutTarget(c.callback)), []byte("POST /callbacks")) {
			b.Fatal("not rendered")
		}
	}
}

// The longest prefix that fits a number says how long calls to it last; the script
// still goes before it.
func TestPlanByTheLongestPrefix(t *testing.T) {
	c := Config{
		Duration: Fixed(9 * time.Second), Outcomes: DefaultOutcomes,
		Durations: Durations{"+1555": Fixed(time.Second), "+1": Fixed(4 * time.Second), "+15551": {Min: 2 * time.Second, Max: 3 * time.Second}},
		Script:    map[string][]Outcome{"+15559999999": {{Status: Busy, Duration: new(time.Minute)}}},
	}
	for to, want := range map[string]DurationRange{
		"+15550000000": Fixed(time.Second),
		"+15551000000": {Min: 2 * time.Second, Max: 3 * time.Second},
		"+12000000000": Fixed(4 * time.Second),
		"+49300000000": Fixed(9 * time.Second),
		"+15559999999": Fixed(time.Minute),
	} {
		_, length := c.plan(to, 0)
		require.GreaterOrEqual(t, length, want.Min, to)
		require.LessOrEqual(t, length, want.Max, to)
	}
}
