package integration

import (
	"fmt"
	"path"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/e2e/judge"
)

const (
	// silence is the longest time without a call that any single fault may cost: a lease
	// runs out (15 s), its successor takes up, and the first call is placed.
	silence = 20 * time.Second
	// patience is for what a test waits for.
	patience = time.Minute
	// unlearnt is how long it may take to learn that a call has ended if nobody was told:
	// the provider is asked after two minutes at the latest.  Until then its retry is not
	// due for us, though it is by the ledger.
	unlearnt = 2 * time.Minute
)

// site is the cluster with the campaigns that run on it.
type site struct {
	t        *testing.T
	settings *settings
	api      *api
	queues   *queues
	since    time.Time // what the ledgers had before is somebody else's
	area     int       // begins our numbers, which are not those of a run just before

	campaigns []*running
	ledgers   map[string]judge.Ledger // by mock, as read last
	evidence  judge.Evidence
}

// running is a campaign of ours.
type running struct {
	judge.Campaign
	id   campaign.ID
	area int
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := readSettings(t)
	return &site{
		t: t, settings: s, api: newAPI(s), queues: connect(s), since: time.Now(),
		area:    200 + int(time.Now().Unix()/10%70)*10,
		ledgers: make(map[string]judge.Ledger),
	}
}

// start creates a campaign with some numbers and starts it; more may be added.
func (s *site) start(c judge.Campaign, count int, more map[string]any) *running {
	s.t.Helper()
	body := map[string]any{
		"name": c.Name, "max_concurrent_calls": c.MaxConcurrentCalls,
		"retry": map[string]any{"max_attempts": c.MaxAttempts, "delay": c.RetryDelay.String()},
	}
	for k, v := range more {
		body[k] = v
	}
	var made state
	s.api.create("/v1/campaigns", body, &made)
	r := &running{Campaign: c, id: made.ID, area: s.area + len(s.campaigns)}
	s.campaigns = append(s.campaigns, r)
	s.add(r, count)
	s.api.command(r.id, "start", campaign.StatusInProgress)
	return r
}

// add gives a campaign numbers that nobody else has.
func (s *site) add(r *running, count int) {
	s.t.Helper()
	var numbers []string
	for range count {
		numbers = append(numbers, fmt.Sprintf("+4930%03d%05d", r.area, len(r.Numbers)+len(numbers)))
	}
	s.api.add(r.id, numbers)
	r.Numbers = append(r.Numbers, numbers...)
}

// supply sees to it that so many numbers wait to be dialled for the first time.
func (s *site) supply(r *running, least int) {
	s.t.Helper()
	if queued := s.api.campaign(r.id).Stats.Queued; queued < least {
		s.add(r, least-queued)
	}
}

// read asks the mocks for what they placed since we began.  A mock that is away has
// what it had.
func (s *site) read() {
	s.t.Helper()
	for _, mock := range mocks {
		l, err := judge.Read(s.t.Context(), s.settings.mockURL(mock))
		if err == nil {
			s.ledgers[mock] = l.Within(judge.Span{From: s.since, To: time.Now().Add(time.Hour)})
		}
	}
}

// placed counts the calls of a campaign that the mocks took after a moment.
func (s *site) placed(r *running, after time.Time) (n int) {
	s.t.Helper()
	s.read()
	for _, mock := range mocks {
		n += s.carried(mock, r, after)
	}
	return n
}

// carried counts those that one mock took, as far as it was read.
func (s *site) carried(mock string, r *running, after time.Time) int {
	return len(s.ledgers[mock].Only(r.Numbers).Within(judge.Span{From: after, To: time.Now().Add(time.Hour)}))
}

const (
	// enough is how many calls show that a campaign goes on: more than may be on their way
	// already.
	enough = 20
	// few show that a provider carries a part of them.
	few = 5
)

// goesOn waits until a campaign dials, from this moment on.
func (s *site) goesOn(r *running) {
	s.t.Helper()
	from := time.Now()
	eventually(s.t, patience, func() (bool, string) {
		n := s.placed(r, from)
		return n >= enough, fmt.Sprintf("%d calls of %s placed, of %d", n, r.Name, enough)
	})
}

// fail makes something fail while a campaign dials, waits until it goes on or for as
// long as hold says, and makes it whole again.
func (s *site) fail(f fault, r *running) {
	s.t.Helper()
	s.supply(r, 400)
	s.goesOn(r)
	began := time.Now()
	undo, hit := f.inject(s)
	if f.survivable {
		s.goesOn(r)
	}
	if left := f.hold - time.Since(began); left > 0 {
		pause(s.t, left)
	}
	undo()
	s.happened(f.name, began)
	if !f.survivable {
		// Nothing goes without it: what counts is the silence after it is back.
		s.happened("it is over: "+f.name, time.Now())
	}
	healthy(s.t, hit...)
	s.goesOn(r)
}

// happened notes a fault that ends now.
func (s *site) happened(name string, began time.Time) {
	s.evidence.Faults = append(s.evidence.Faults, judge.Fault{Name: name, Span: judge.Span{From: began, To: time.Now()}})
}

// retriesFirst judges those numbers of which every claim became a call.  The others had
// a retry begun that went wrong, or nobody knew for a while whether it had: by the ledger
// alone they waited.
func (s *site) retriesFirst(all judge.Ledger) judge.Verdict {
	s.t.Helper()
	var verdicts []judge.Verdict
	for _, r := range s.campaigns {
		var plain []string
		byNumber := all.Only(r.Numbers).ByNumber()
		for n, calls := range byNumber {
			if allClaims(s.t, calls) {
				plain = append(plain, n)
			}
		}
		require.Greater(s.t, 4*len(plain), 3*len(byNumber), "%s: most numbers are judged", r.Name)
		verdicts = append(verdicts, judge.RetriesFirst(r.Campaign, all.Only(plain), unlearnt))
	}
	return judge.Sum(verdicts...)
}

// allClaims reports whether the calls to a number are those of its claims, one by one:
// the claim stands in the callback's address.
func allClaims(t *testing.T, calls []judge.Entry) bool {
	t.Helper()
	for i, c := range calls {
		id, err := campaign.ParseAttemptID(path.Base(c.StatusCallback))
		require.NoError(t, err)
		if id.Claim() != i+1 {
			return false
		}
	}
	return true
}

// tail is how long the last calls may take to end: what a provider did not answer is
// looked for twice there, half a minute apart.
const tail = 4 * time.Minute

// end waits for every campaign to end, and gathers what they left behind.  One that
// does not end is for the judge to tell.
func (s *site) end() *judge.Evidence {
	s.t.Helper()
	e := &s.evidence
	deadline := time.Now().Add(tail)
	for _, r := range s.campaigns {
		for !s.api.campaign(r.id).Status.Ended() && time.Now().Before(deadline) {
			pause(s.t, time.Second)
		}
	}
	s.read()
	for _, p := range s.api.providers() {
		p.Ledger = s.ledgers[p.Name]
		e.Providers = append(e.Providers, p)
	}
	require.Len(s.t, e.Providers, len(mocks))
	for _, r := range s.campaigns {
		now := s.api.campaign(r.id)
		r.Status, r.Stats, r.Calls = now.Status, now.Stats, s.api.records(r.id)
		c := r.Campaign
		c.RetryDelay = 0 // retries are judged by retriesFirst
		e.Campaigns = append(e.Campaigns, c)
	}
	e.Silence = silence
	return e
}
