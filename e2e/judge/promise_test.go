package judge

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/mockdialer"
)

// placed is a call to a number, each an attempt of its own.
func placed(sid, to, status string, from, until float64) Entry {
	return Entry{Sid: sid, To: to, Status: status, ReceivedAt: at(from), EndedAt: at(until), StatusCallback: "/callbacks/" + sid}
}

// good is a run without a fault: "1" is answered, "2" is busy and then answered, "3" is
// not there and then busy.
func good() *Evidence {
	a := Ledger{placed("a1", "1", "completed", 0, 2), placed("a2", "2", "busy", 1, 2), placed("a3", "3", "no-answer", 2, 3)}
	b := Ledger{placed("b1", "2", "completed", 4, 5), placed("b2", "3", "busy", 5, 6), placed("b3", "4", "completed", 6, 8)}
	dispositions := map[string]string{"a1": "completed", "a2": "busy", "a3": "no_answer", "b1": "completed", "b2": "busy", "b3": "completed"}
	record := func(to string, status campaign.CallStatus, sids ...string) Record {
		r := Record{ID: "call_" + to, To: to, Status: status}
		for _, s := range sids {
			r.Attempts = append(r.Attempts, Attempt{ProviderCallID: s, Disposition: dispositions[s]})
		}
		return r
	}
	return &Evidence{
		Providers: []Provider{{"a", 2, 2, a}, {"b", 2, 2, b}},
		Campaigns: []Campaign{{
			Name: "c", Numbers: []string{"1", "2", "3", "4"}, MaxConcurrentCalls: 2, MaxAttempts: 2, RetryDelay: 2 * time.Second,
			Status: campaign.StatusCompleted, Stats: campaign.Stats{Total: 4, Completed: 3, Failed: 1, Attempts: 6, Retries: 2},
			Calls: []Record{
				record("1", campaign.CallCompleted, "a1"), record("2", campaign.CallCompleted, "a2", "b1"),
				record("3", campaign.CallFailed, "a3", "b2"), record("4", campaign.CallCompleted, "b3"),
			},
			Events: []Event{{"call_1", 1, campaign.CallCompleted}, {"call_3", 2, campaign.CallFailed}, {"call_3", 2, campaign.CallFailed}},
		}},
		Stops:      []Stop{{"c", Span{at(2.1), at(3.9)}}},
		Faults:     []Fault{{"the roof falls in", Span{at(2.5), at(3)}}},
		RetryGrace: time.Second, Silence: 2 * time.Second,
	}
}

func TestEveryPromiseKept(t *testing.T) {
	out := good().Judge()
	assert.True(t, out.Held(), "%s", out)
	checked := map[string]int{}
	for _, v := range out {
		checked[v.Promise] = v.Checked
	}
	assert.Equal(t, map[string]int{
		"NeverTwice": 6, "WithinLimit": 5, "StopMeansStop": 1, "NothingLost": 4, "RetriesFirst": 2, "Statistics": 5, "Events": 3, "Dialling": 1,
	}, checked)
	assert.Contains(t, out.String(), "WithinLimit         5 limits                 0 broken; a 2 of 2 up, a 1 of 2 a second, b 1 of 2 up")
	assert.Contains(t, out.Table(), "| NothingLost | 4 numbers | 0 |  |")
}

// Each case breaks one promise of the good run, and that one alone.
func TestEveryPromiseBroken(t *testing.T) {
	for name, c := range map[string]struct {
		harm   func(*Evidence)
		breaks []string
		says   string
	}{
		"still running":         {func(e *Evidence) { e.Campaigns[0].Status = campaign.StatusInProgress }, []string{"NothingLost"}, "in_progress"},
		"a call still open":     {func(e *Evidence) { e.Campaigns[0].Calls[3].Status = campaign.CallInProgress }, []string{"NothingLost"}, "4: it is in_progress"},
		"no record":             {func(e *Evidence) { e.Campaigns[0].Calls = e.Campaigns[0].Calls[:3] }, []string{"NothingLost"}, "4: 0 records"},
		"never dialled":         {func(e *Evidence) { e.take("a", 0) }, []string{"NothingLost", "Statistics"}, "1: it is completed, and was never dialled"},
		"given up":              {func(e *Evidence) { e.take("b", 1) }, []string{"NothingLost", "Statistics"}, "3: given up after 1 call of 2 attempts"},
		"an answer not noticed": {func(e *Evidence) { e.Providers[1].Ledger[1].Status = "completed" }, []string{"NothingLost", "Statistics"}, "3: it is failed; the provider's last call is completed"},
		"dialled after an answer": {func(e *Evidence) {
			e.Providers[0].Ledger[1].Status = "completed"
			e.Campaigns[0].Calls[1].Attempts[0].Disposition = "completed"
		}, []string{"NothingLost"}, "2: dialled again after somebody had answered"},
		"an end that was another": {func(e *Evidence) { e.Campaigns[0].Calls[1].Attempts[0].Disposition = "no_answer" }, []string{"NothingLost"}, "2: a2 is no_answer on record, and busy at the provider"},
		"a pause of nobody's":     {func(e *Evidence) { e.Stops[0].Campaign = "d" }, []string{"StopMeansStop"}, "d was paused, and is no campaign"},
		"another's call":          {func(e *Evidence) { e.Campaigns[0].Calls[0].Attempts[0].ProviderCallID = "zz" }, []string{"NothingLost"}, "zz is no call"},
		"an attempt too many on record": {func(e *Evidence) {
			e.Campaigns[0].Calls[3].Attempts = append(e.Campaigns[0].Calls[3].Attempts, Attempt{ProviderCallID: "b3"})
		}, []string{"NothingLost"}, "4: 2 attempts on record, 1 call placed"},
		"an attempt dialled twice": {func(e *Evidence) { e.Providers[1].Ledger[0].StatusCallback = "/callbacks/a2" }, []string{"NeverTwice"}, "2: attempt /callbacks/a2 was dialled again"},
		"dialled while up":         {func(e *Evidence) { e.Providers[1].Ledger[1].ReceivedAt = at(2.9) }, []string{"NeverTwice", "RetriesFirst", "StopMeansStop"}, "3 was dialled at 12:00:02.900"},
		"dialled while it never ended": {func(e *Evidence) {
			e.Providers[0].Ledger[2].EndedAt, e.Campaigns[0].RetryDelay, e.Campaigns[0].MaxConcurrentCalls = time.Time{}, 0, 3
		}, []string{"NeverTwice"}, "3 was dialled"},
		"over the campaign's limit":    {func(e *Evidence) { e.Campaigns[0].MaxConcurrentCalls = 1 }, []string{"WithinLimit"}, "c had 2 calls up at 12:00:01.000, of at most 1"},
		"over the channels":            {func(e *Evidence) { e.Providers[0].Channels = 1 }, []string{"WithinLimit"}, "a had 2 calls up"},
		"over the rate":                {func(e *Evidence) { e.Providers[0].Ledger[1].ReceivedAt = at(0.1); e.Providers[0].CallsPerSecond = 1 }, []string{"WithinLimit"}, "a was asked for 2 calls in the second from 12:00:00.000"},
		"dialled after a pause":        {func(e *Evidence) { e.Stops[0].To = at(4.1) }, []string{"StopMeansStop"}, "2 was dialled at 12:00:04.000"},
		"a retry too early":            {func(e *Evidence) { e.Campaigns[0].RetryDelay = 2100 * time.Millisecond }, []string{"RetriesFirst"}, "too early"},
		"a retry after a new number":   {func(e *Evidence) { e.RetryGrace = time.Second; e.Campaigns[0].RetryDelay = time.Second }, []string{"RetriesFirst"}, "waited 1.0 s"},
		"an attempt not counted":       {func(e *Evidence) { e.Campaigns[0].Stats.Attempts-- }, []string{"Statistics"}, "c says 5 attempts, the ledger 6"},
		"a retry counted twice":        {func(e *Evidence) { e.Campaigns[0].Stats.Retries++ }, []string{"Statistics"}, "3 retries"},
		"statistics that don't add up": {func(e *Evidence) { e.Campaigns[0].Stats.Total++ }, []string{"Statistics"}, "5 total"},
		"an end told that is none":     {func(e *Evidence) { e.Campaigns[0].Events[0].Status = campaign.CallFailed }, []string{"Events"}, "call_1 was told to have ended as failed with attempt 1, and is completed with 1"},
		"an end told too early":        {func(e *Evidence) { e.Campaigns[0].Events[1].Attempt = 1 }, []string{"Events"}, "call_3 was told to have ended as failed with attempt 1, and is failed with 2"},
		"an end of nobody's":           {func(e *Evidence) { e.Campaigns[0].Events[0].CallID = "call_9" }, []string{"Events"}, "call_9 ended, and is no call of c"},
		"silence":                      {func(e *Evidence) { e.Silence = 1400 * time.Millisecond }, []string{"Dialling"}, `2.0 s from 12:00:02.000 on, after "the roof falls in"`},
		"no fault":                     {func(e *Evidence) { e.Faults = nil }, []string{"Dialling"}, "Dialling            0 faults"},
	} {
		t.Run(name, func(t *testing.T) {
			e := good()
			c.harm(e)
			out := e.Judge()
			var broken []string
			for _, v := range out {
				if !v.Held() {
					broken = append(broken, v.Promise)
				}
			}
			assert.ElementsMatch(t, c.breaks, broken, "%s", out)
			assert.Contains(t, out.String(), c.says)
		})
	}
}

func TestStatisticsSoFar(t *testing.T) {
	c := good().Campaigns[0]
	l := good().Ledger()
	assert.True(t, StatisticsSoFar(c, l).Held())
	for name, harm := range map[string]func(*campaign.Stats){
		"a number lost":        func(s *campaign.Stats) { s.Total--; s.Failed-- },
		"a sum that is none":   func(s *campaign.Stats) { s.Queued++ },
		"an answer before one": func(s *campaign.Stats) { s.Completed++; s.Failed-- },
	} {
		c := c
		harm(&c.Stats)
		assert.Equal(t, 1, StatisticsSoFar(c, l).Broken, name)
	}
}

// take takes a call out of a provider's ledger.
func (e *Evidence) take(provider string, i int) {
	for n := range e.Providers {
		if p := &e.Providers[n]; p.Name == provider {
			p.Ledger = append(p.Ledger[:i:i], p.Ledger[i+1:]...)
		}
	}
}

// A retry that was claimed in vain in between has been first, and its call comes late.
func TestRetriesFirstThatWereInterrupted(t *testing.T) {
	c := Campaign{Name: "c", RetryDelay: time.Second}
	retry := func(claim int) Verdict {
		address := func(claim int) string { return fmt.Sprint("/callbacks/a/cmp_2/", 7<<20+claim) }
		return RetriesFirst(c, Ledger{
			{To: "1", ReceivedAt: at(0), EndedAt: at(1), StatusCallback: address(1)},
			{To: "1", ReceivedAt: at(60), EndedAt: at(61), StatusCallback: address(claim)},
			{To: "2", ReceivedAt: at(50), EndedAt: at(51), StatusCallback: "/callbacks/a/cmp_2/8"},
		}, 10*time.Second)
	}
	assert.Equal(t, 1, retry(2).Broken)
	v := retry(3)
	assert.Zero(t, v.Broken)
	assert.Zero(t, v.Checked)
	assert.Equal(t, "c 1 interrupted", v.Note)
}

func TestEveryNumberByTheLedgerAlone(t *testing.T) {
	l := good().Ledger()
	assert.True(t, EveryNumber(l, []string{"1", "2", "3", "4"}, 2).Held())
	assert.Equal(t, 2, EveryNumber(l, []string{"1", "2", "3", "4"}, 1).Broken)
	assert.Equal(t, []string{"4 was dialled, and is nobody's"}, EveryNumber(l, []string{"1", "2", "3"}, 2).Examples)
	assert.Equal(t, []string{"5 was dialled 0 times"}, EveryNumber(l, []string{"1", "2", "3", "4", "5"}, 2).Examples)
}

func TestInHoursByTheWall(t *testing.T) {
	zone, err := time.LoadLocation("America/New_York")
	require.NoError(t, err)
	c := Campaign{Name: "c", Hours: &Hours{Zone: zone, Windows: []Window{{"09:00", "10:00"}, {"23:59", "24:00"}}}}
	day := func(clock string) time.Time {
		// The day on which New York is an hour nearer to Greenwich than the day before.
		out, err := time.ParseInLocation("2006-01-02 15:04:05.000", "2026-03-08 "+clock, zone)
		require.NoError(t, err)
		return out.UTC()
	}
	require.Equal(t, 13, day("09:00:00.000").Hour())
	for clock, open := range map[string]bool{
		"08:59:59.999": false, "09:00:00.000": true, "09:59:59.999": true, "10:00:00.000": false, "23:58:59.999": false, "23:59:59.999": true, "00:00:00.000": false,
	} {
		v := InHours(c, Ledger{{To: "1", ReceivedAt: day(clock)}})
		assert.Equal(t, open, v.Held(), clock)
	}
	v := InHours(c, Ledger{{ReceivedAt: day("09:10:00.000")}, {ReceivedAt: day("10:00:00.000")}})
	assert.Equal(t, "c closed 1 times meanwhile", v.Note)
	assert.Contains(t, v.String(), "was dialled at 10:00:00.000 EDT")
}

// A silence in which a fault begins is two, and each counts for its own fault.
func TestGaps(t *testing.T) {
	e := &Evidence{
		Campaigns: []Campaign{{Numbers: []string{"1", "2"}}, {Numbers: []string{"3"}, Hours: &Hours{Zone: time.UTC}}},
		Providers: []Provider{{Ledger: Ledger{{To: "1", ReceivedAt: at(0)}, {To: "2", ReceivedAt: at(30)}, {To: "2", ReceivedAt: at(90)}, {To: "3", ReceivedAt: at(300)}}}},
		Faults:    []Fault{{"y", Span{at(12), at(13)}}, {"x", Span{at(0.5), at(30)}}, {"z", Span{at(31), at(32)}}},
		Silence:   17 * time.Second,
	}
	assert.Equal(t, []Gap{{Span{at(12), at(30)}, "y"}, {Span{at(0), at(12)}, "x"}}, e.Gaps())
	v := Dialling(e)
	assert.Equal(t, 2, v.Checked)
	assert.Equal(t, []string{`nobody was dialled for 18.0 s from 12:00:12.000 on, after "y"`}, v.Examples)
	e.Silence = 18 * time.Second
	assert.True(t, Dialling(e).Held())
}

// The last number of two hundred may be one that was being settled.
func TestGapsEndWhenNobodyWaits(t *testing.T) {
	e := &Evidence{Campaigns: []Campaign{{}}, Providers: []Provider{{}}, Silence: 20 * time.Second}
	for i := range 200 {
		n := fmt.Sprint(i)
		e.Campaigns[0].Numbers = append(e.Campaigns[0].Numbers, n)
		e.Providers[0].Ledger = append(e.Providers[0].Ledger, Entry{To: n, ReceivedAt: at(float64(i))})
	}
	l := e.Providers[0].Ledger
	l[199].ReceivedAt = at(300)
	assert.Zero(t, Dialling(e).Broken)
	for i := 190; i < 200; i++ {
		l[i].ReceivedAt = at(float64(i + 100))
	}
	assert.Equal(t, 1, Dialling(e).Broken)
}

// A ledger is read over HTTP, with credentials in the URL, as it is in the process.
func TestReadLedger(t *testing.T) {
	mock, err := mockdialer.New(mockdialer.Config{Seed: 1, Duration: mockdialer.Fixed(time.Millisecond)})
	require.NoError(t, err)
	require.NoError(t, mock.Start(t.Context()))
	defer func() { require.NoError(t, mock.Stop(context.Background())) }()
	for range 3 {
		form := strings.NewReader("To=%2B493020000001&From=%2B12025550100&Twiml=%3CResponse%2F%3E")
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, mock.URL()+"/2010-04-01/Accounts/"+mockdialer.DefaultAccount+"/Calls.json", form)
		require.NoError(t, err)
		req.SetBasicAuth(mockdialer.DefaultAccount, mockdialer.DefaultToken)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		resp.Body.Close()
		require.Equal(t, http.StatusCreated, resp.StatusCode)
	}
	require.Eventually(t, func() bool { return mock.Summary().Active == 0 }, 5*time.Second, time.Millisecond)
	l, err := Read(t.Context(), mock.URL())
	require.NoError(t, err)
	require.Len(t, l, 3)
	assert.Equal(t, Of(mock), l)
	s, err := ReadSummary(t.Context(), mock.URL())
	require.NoError(t, err)
	assert.Equal(t, 3, s.Created)

	closed := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, token, _ := r.BasicAuth(); user != "a" || token != "b" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer closed.Close()
	_, err = Read(t.Context(), closed.URL)
	require.ErrorContains(t, err, "401")
	_, err = Read(t.Context(), "http://a:b@"+closed.Listener.Addr().String())
	require.NoError(t, err)
	_, err = Read(t.Context(), "http://a:secret@"+closed.Listener.Addr().String())
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "secret")
}
