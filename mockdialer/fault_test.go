package mockdialer_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/mockdialer"
)

// always is a plan in which some faults hit everything.
func always(faults ...mockdialer.Fault) mockdialer.FaultPlan {
	p := mockdialer.FaultPlan{
		Rates: mockdialer.FaultRates{}, HangFor: mockdialer.Fixed(20 * time.Millisecond),
		SlowFor: mockdialer.Fixed(20 * time.Millisecond), DelayBy: mockdialer.Fixed(20 * time.Millisecond), ShuffleBy: mockdialer.Fixed(time.Millisecond),
	}
	for _, f := range faults {
		p.Rates[f] = 1
	}
	return p
}

// raw is a request's answer as it came.
type raw struct {
	status int
	header http.Header
	body   string
	err    error
}

// single keeps no connections: a GET that a kept one broke off would be sent again.
var single = &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}

func send(t testing.TB, method, target string, form url.Values) raw {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(form.Encode()))
	require.NoError(t, err)
	r.SetBasicAuth(account, mockdialer.DefaultToken)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := single.Do(r)
	if err != nil {
		return raw{err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return raw{resp.StatusCode, resp.Header, string(body), err}
}

// entryFaults are those of the ledger's only entry.
func entryFaults(t *testing.T, s *mockdialer.Server) []mockdialer.Fault {
	t.Helper()
	ledger := readLedger(t, s, "")
	require.Len(t, ledger, 1)
	require.Equal(t, s.Ledger(), ledger)
	return ledger[0].Faults
}

func TestFaultsOfCreate(t *testing.T) {
	for fault, want := range map[mockdialer.Fault]struct {
		status int // 0 is no answer
		calls  int
		code   int // that the request is counted under if it made no call
		body   string
	}{
		mockdialer.FaultSlow:      {status: 201, calls: 1, body: `"sid"`},
		mockdialer.FaultHang:      {code: mockdialer.NoAnswerCode},
		mockdialer.FaultHangAfter: {calls: 1},
		mockdialer.Fault500:       {status: 500, code: 20500, body: `"code":20500`},
		mockdialer.Fault500After:  {status: 500, calls: 1, body: `"code":20500`},
		mockdialer.Fault429:       {status: 429, code: 20429, body: `"code":20429`},
		mockdialer.Fault10004:     {status: 429, code: 10004, body: `"code":10004`},
		mockdialer.FaultBadJSON:   {status: 201, calls: 1, body: `{"sid": "CA`},
	} {
		t.Run(fault.String(), func(t *testing.T) {
			s := start(t, mockdialer.Config{Duration: mockdialer.Fixed(time.Hour), Faults: always(fault)})
			began := time.Now()
			got := send(t, http.MethodPost, callsURL(s), form())
			require.Equal(t, want.status, got.status)
			require.Equal(t, want.status == 0, got.err != nil, "%v", got.err)
			require.Contains(t, got.body, want.body)
			if slices.Contains([]mockdialer.Fault{mockdialer.FaultSlow, mockdialer.FaultHang, mockdialer.FaultHangAfter}, fault) {
				require.GreaterOrEqual(t, time.Since(began), 20*time.Millisecond)
			}
			if fault == mockdialer.Fault429 {
				require.Equal(t, "1", got.header.Get("Retry-After"))
			}
			sum := s.Summary()
			require.Equal(t, map[mockdialer.Fault]int64{fault: 1}, sum.Faults)
			require.Equal(t, want.calls, sum.Created)
			require.Equal(t, 1, sum.Created+sum.Rejected)
			if want.calls == 0 {
				require.Equal(t, map[int]int{want.code: 1}, sum.RejectedByCode)
				return
			}
			require.Equal(t, []mockdialer.Fault{fault}, entryFaults(t, s))
		})
	}
}

func TestFaultsOfFetchListAndHangUp(t *testing.T) {
	for prefix, ask := range map[string]func(s *mockdialer.Server, sid string) (method, target string, f url.Values){
		"fetch_": func(s *mockdialer.Server, sid string) (string, string, url.Values) {
			return http.MethodGet, callURL(s, sid), nil
		},
		"list_": func(s *mockdialer.Server, _ string) (string, string, url.Values) {
			return http.MethodGet, callsURL(s) + "?To=" + url.QueryEscape(callee), nil
		},
		"hang_up_": func(s *mockdialer.Server, sid string) (string, string, url.Values) {
			return http.MethodPost, callURL(s, sid), url.Values{"Status": {"completed"}}
		},
	} {
		for kind, status := range map[string]int{"slow": 200, "hang": 0, "500": 500, "429": 429} {
			t.Run(prefix+kind, func(t *testing.T) {
				var fault mockdialer.Fault
				require.NoError(t, fault.UnmarshalText([]byte(prefix+kind)))
				s := start(t, mockdialer.Config{Duration: mockdialer.Fixed(time.Hour), Faults: always(fault)})
				sid := create(t, s).Sid
				method, target, f := ask(s, sid)
				got := send(t, method, target, f)
				require.Equal(t, status, got.status)
				require.Equal(t, kind == "429", got.header.Get("Retry-After") == "1")
				require.Equal(t, map[mockdialer.Fault]int64{fault: 1}, s.Summary().Faults)
				if prefix != "list_" {
					require.Equal(t, []mockdialer.Fault{fault}, entryFaults(t, s))
				}
				require.Equal(t, prefix+kind == "hang_up_slow", s.Ledger()[0].Status.Ended(), "an error has hung up nobody")
			})
		}
	}
}

func TestFaultsOfACallback(t *testing.T) {
	for fault, copies := range map[mockdialer.Fault]int{
		mockdialer.FaultCallbackDropped: 0, mockdialer.FaultCallbackRepeated: 4, mockdialer.FaultCallbackShuffled: 1,
		mockdialer.FaultCallbackDelayed: 1, mockdialer.FaultCallbackForged: 1,
	} {
		t.Run(fault.String(), func(t *testing.T) {
			plan := always(fault)
			plan.Repeats = 3
			s := start(t, mockdialer.Config{Faults: plan})
			r := receive(t)
			began := time.Now()
			create(t, s, "StatusCallback", r.URL)
			seen := map[string]int{}
			for range copies {
				got := r.next(t)
				seen[got.token+got.form.Encode()]++
				genuine := mockdialer.Signature(mockdialer.DefaultToken, r.URL, got.form) == got.signature
				require.Equal(t, fault != mockdialer.FaultCallbackForged, genuine)
			}
			eventually(t, func() bool { return s.Summary().Callbacks.Pending == 0 }, "all are answered")
			require.LessOrEqual(t, len(seen), 1, "copies are alike, to their tokens and numbers")
			if fault == mockdialer.FaultCallbackDelayed {
				require.GreaterOrEqual(t, time.Since(began), 20*time.Millisecond)
			}
			require.Equal(t, int64(copies), s.Summary().Callbacks.Delivered)
			require.Equal(t, map[mockdialer.Fault]int64{fault: 1}, s.Summary().Faults)
			require.Equal(t, []mockdialer.Fault{fault}, entryFaults(t, s))
		})
	}
}

// The numbers in the callbacks tell the order that the shuffling has broken.
func TestShuffledCallbacksOvertakeEachOther(t *testing.T) {
	plan := always(mockdialer.FaultCallbackShuffled)
	plan.Seed, plan.ShuffleBy = 49, mockdialer.DurationRange{Max: 200 * time.Millisecond}
	s := start(t, mockdialer.Config{Faults: plan, CallbackWorkers: 1, Outcomes: only(mockdialer.Completed)})
	r := receive(t)
	create(t, s, "StatusCallback", r.URL, "StatusCallbackEvent", every)
	var got []string
	for range 4 {
		got = append(got, r.next(t).form.Get("SequenceNumber"))
	}
	require.Equal(t, []string{"3", "1", "0", "2"}, got, "as the seed has it")
}

func TestCallbackBeforeTheCreatesOwnAnswer(t *testing.T) {
	plan := always(mockdialer.FaultCallbackFirst)
	plan.HangFor = mockdialer.Fixed(time.Hour)
	s := start(t, mockdialer.Config{Faults: plan, Duration: mockdialer.Fixed(30 * time.Millisecond)})
	for _, events := range []string{"initiated", "completed"} {
		r := receive(t)
		sid := create(t, s, "StatusCallback", r.URL, "StatusCallbackEvent", events).Sid
		require.Equal(t, sid, (<-r.got).form.Get("CallSid"), "it was there before the answer")
	}
	require.Equal(t, map[mockdialer.Fault]int64{mockdialer.FaultCallbackFirst: 2}, s.Summary().Faults)
	require.Equal(t, []mockdialer.Fault{mockdialer.FaultCallbackFirst}, s.Ledger()[1].Faults)
	create(t, s, "To", "+15550000003")
	require.Empty(t, s.Ledger()[2].Faults, "without a callback there is nothing to wait for")
}

func TestScriptGoesBeforeRates(t *testing.T) {
	plan := always(mockdialer.Fault500)
	plan.Script = map[string][]mockdialer.FaultStep{callee: {
		{"create": {mockdialer.Fault429}},
		{"create": {mockdialer.Fault500After, mockdialer.FaultSlow}, "completed": {mockdialer.FaultCallbackDropped}},
		{"initiated": {mockdialer.FaultCallbackRepeated}},
	}}
	s := start(t, mockdialer.Config{Faults: plan, Duration: mockdialer.Fixed(10 * time.Millisecond), Outcomes: only(mockdialer.Busy)})
	r := receive(t)
	var statuses []int
	for range 4 {
		statuses = append(statuses, send(t, http.MethodPost, callsURL(s), form("StatusCallback", r.URL, "StatusCallbackEvent", "initiated|completed")).status)
	}
	require.Equal(t, []int{429, 500, 201, 500}, statuses)
	eventually(t, func() bool { sum := s.Summary(); return sum.Active+int(sum.Callbacks.Pending) == 0 }, "the end")
	ledger := s.Ledger()
	require.Len(t, ledger, 2)
	require.Equal(t, []mockdialer.Fault{mockdialer.FaultSlow, mockdialer.Fault500After, mockdialer.FaultCallbackDropped}, ledger[0].Faults)
	require.Equal(t, []mockdialer.Fault{mockdialer.FaultCallbackRepeated}, ledger[1].Faults)
	require.Len(t, r.got, 1+3)
	require.Equal(t, map[mockdialer.Fault]int64{
		mockdialer.Fault429: 1, mockdialer.Fault500: 1, mockdialer.Fault500After: 1, mockdialer.FaultSlow: 1,
		mockdialer.FaultCallbackDropped: 1, mockdialer.FaultCallbackRepeated: 1,
	}, s.Summary().Faults)
}

// The same seed does the same to every number, whatever the order of the requests.
func TestARunIsRepeatedByItsSeed(t *testing.T) {
	run := func(seed uint64, backwards bool) (map[string][]mockdialer.Fault, map[mockdialer.Fault]int64) {
		plan := always()
		plan.Seed, plan.HangFor, plan.SlowFor, plan.DelayBy, plan.ShuffleBy = seed, mockdialer.Fixed(1), mockdialer.Fixed(1), mockdialer.Fixed(1), mockdialer.Fixed(1)
		for f := mockdialer.FaultSlow; f <= mockdialer.FaultCallbackForged; f++ {
			plan.Rates[f] = 0.1
		}
		delete(plan.Rates, mockdialer.FaultCallbackFirst) // it comes to pass if the callback is in time
		s := start(t, mockdialer.Config{Faults: plan})
		r := receive(t)
		for i := range 60 {
			if backwards {
				i = 59 - i
			}
			to := fmt.Sprintf("+155500001%02d", i)
			send(t, http.MethodPost, callsURL(s), form("To", to, "StatusCallback", r.URL))
			send(t, http.MethodGet, callsURL(s)+"?To="+url.QueryEscape(to), nil)
			if made := readLedger(t, s, "?to="+url.QueryEscape(to)); len(made) > 0 {
				send(t, http.MethodGet, callURL(s, made[0].Sid), nil)
			}
		}
		eventually(t, func() bool { return s.Summary().Callbacks.Pending == 0 }, "the callbacks")
		hit := map[string][]mockdialer.Fault{}
		for _, e := range s.Ledger() {
			hit[e.To] = e.Faults
		}
		return hit, s.Summary().Faults
	}
	hit, counts := run(11, false)
	again, countsAgain := run(11, true)
	require.Equal(t, hit, again)
	require.Equal(t, counts, countsAgain)
	other, _ := run(12, false)
	require.NotEqual(t, hit, other)
	require.Greater(t, len(counts), 15, "most kinds have come to pass: %v", counts)
}

// What a client that gave up has left, and what Stop finds hanging, ends.
func TestHangsEndWithTheClientThePlanAndTheServer(t *testing.T) {
	plan := always(mockdialer.FaultHangAfter)
	plan.HangFor = mockdialer.Fixed(time.Hour)
	s, err := mockdialer.New(mockdialer.Config{Faults: plan})
	require.NoError(t, err)
	require.NoError(t, s.Start(t.Context()))
	ended := make(chan error, 1)
	hang := func(ctx context.Context) {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, callsURL(s), strings.NewReader(form().Encode()))
		if err == nil {
			r.SetBasicAuth(account, mockdialer.DefaultToken)
			_, err = client.Do(r) //nolint:bodyclose // There is no answer.
		}
		ended <- err
	}
	impatient, giveUp := context.WithCancel(t.Context())
	for i, end := range []func(){giveUp, func() { require.NoError(t, s.SetFaults(plan)) }, func() { stop(t, s) }} {
		ctx := t.Context()
		if i == 0 {
			ctx = impatient
		}
		go hang(ctx)
		eventually(t, func() bool { return s.Summary().Created == i+1 }, "the call")
		end()
		require.Error(t, <-ended)
	}
}
