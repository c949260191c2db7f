package machine_test

import (
	"testing"
	"time"

	"dialtone/campaign"
	"dialtone/campaign/machine"

	"github.com/stretchr/testify/require"
)

// script drives a machine by hand.  It answers what is to be committed only when
// told to, and keeps no store.
type script struct {
	*testing.T
	now   time.Time
	c     campaign.Campaign
	m     *machine.Machine
	out   machine.Effects
	token uint64
	zones []machine.Zone
}

var nine = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// aMonday is the date of nine.
const aMonday campaign.Day = 20514

func aCampaign(status campaign.Status, limit int) campaign.Campaign {
	return campaign.Campaign{
		ID: 7, Status: status,
		Settings: campaign.Settings{
			Name: "spring", From: "+4930123456", MaxConcurrentCalls: limit,
			Retry: campaign.RetryPolicy{MaxAttempts: 3, Delay: campaign.Duration(time.Minute)},
		}.WithDefaults(),
	}
}

// begin builds a machine; its first effects are in out.
func begin(t *testing.T, cfg machine.Config, c campaign.Campaign, open ...machine.Open) *script {
	s := &script{T: t, now: nine, c: c}
	s.m = machine.New(cfg, c, nil, open, s.now, &s.out)
	return s
}

// running is a machine in progress with these calls at hand, and no more to come.
func running(t *testing.T, limit, calls int) *script {
	s := begin(t, machine.Config{}, aCampaign(campaign.StatusInProgress, limit))
	s.c.Stats = campaign.Stats{Total: calls, Queued: calls}
	s.do(machine.Page{Calls: waitings(1, calls), Last: true})
	return s
}

// waitings are n queued calls from an id on.
func waitings(from campaign.CallID, n int) (out []machine.Waiting) {
	for i := range n {
		out = append(out, machine.Waiting{ID: from + campaign.CallID(i)})
	}
	return out
}

func attempt(call campaign.CallID, claim int) campaign.AttemptID {
	return campaign.NewAttemptID(call, claim)
}

// do hands the machine one batch of inputs.
func (s *script) do(in ...machine.Input) *machine.Effects {
	s.Helper()
	s.out = machine.Effects{}
	s.m.Handle(in, s.now, &s.out)
	if next := s.m.NextTick(s.now); !next.IsZero() {
		require.True(s, next.After(s.now), "NextTick is ahead, or an owner spins: %v", next.Sub(s.now))
	}
	return &s.out
}

// pass lets time go by, with a tick at its end.
func (s *script) pass(d time.Duration) *machine.Effects {
	s.Helper()
	s.now = s.now.Add(d)
	return s.do(machine.Tick{})
}

// grant hands out n tokens.
func (s *script) grant(n int) *machine.Effects {
	s.Helper()
	var g machine.Granted
	for range n {
		s.token++
		g.Tokens = append(g.Tokens, machine.Token{ID: s.token, Provider: "mock"})
	}
	return s.do(g)
}

// answer confirms everything that the last effects wanted to be committed, with
// attempts as the number of those that the claimed calls had cost.
func (s *script) answer(attempts int) *machine.Effects {
	s.Helper()
	var in []machine.Input
	for _, st := range s.out.Status {
		to := st.To
		if st.Drained {
			to = campaign.StatusCompleted
		}
		changed := s.c.Status != to
		s.c.Status = to
		in = append(in, machine.StatusChanged{Changed: changed, Campaign: s.c})
	}
	if len(s.out.Records) > 0 {
		r := machine.Recorded{Stats: s.c.Stats}
		for _, rec := range s.out.Records {
			r.Results = append(r.Results, machine.RecordResult{Record: rec, Changed: true})
		}
		in = append(in, r)
	}
	if len(s.out.Claims) > 0 {
		c := machine.Claimed{Stats: s.c.Stats}
		for _, cl := range s.out.Claims {
			c.Results = append(c.Results, machine.ClaimResult{Attempt: cl.Attempt, To: "+4930555", Effort: campaign.Effort{Attempts: attempts}})
		}
		in = append(in, c)
	}
	if s.out.EndWaiting != nil {
		in = append(in, machine.WaitingEnded{EndWaiting: *s.out.EndWaiting, Stats: s.c.Stats})
	}
	return s.do(in...)
}

// refuse answers the records of the last effects: the store is in another state.
func (s *script) refuse() *machine.Effects {
	s.Helper()
	r := machine.Recorded{Stats: s.c.Stats}
	for _, rec := range s.out.Records {
		r.Results = append(r.Results, machine.RecordResult{Record: rec, Refused: true})
	}
	return s.do(r)
}

// say reports something about an attempt.
func (s *script) say(kind campaign.ReportKind, id campaign.AttemptID, more ...func(*campaign.Report)) *machine.Effects {
	s.Helper()
	return s.do(reported(kind, id, string(kind), more...))
}

func reported(kind campaign.ReportKind, id campaign.AttemptID, ref string, more ...func(*campaign.Report)) machine.Reported {
	r := campaign.Report{Kind: kind, Campaign: 7, Attempt: id, Provider: "mock"}
	for _, m := range more {
		m(&r)
	}
	return machine.Reported{Report: r, Ref: ref}
}

func as(sid string) func(*campaign.Report) {
	return func(r *campaign.Report) { r.ProviderCallID = sid }
}

func because(reason string) func(*campaign.Report) {
	return func(r *campaign.Report) { r.Reason = reason }
}

func with(d campaign.Disposition) func(*campaign.Report) {
	return func(r *campaign.Report) { r.Disposition = d }
}

// dialling brings the first n calls to the stage of claimed.
func (s *script) dialling(n int) *script {
	s.Helper()
	require.Len(s, s.grant(n).Claims, n)
	require.Len(s, s.answer(0).Publish, n)
	return s
}

// up brings the first n calls to the stage of placed.
func (s *script) up(n int) *script {
	s.Helper()
	s.dialling(n)
	for i := range n {
		id := attempt(campaign.CallID(i+1), 1)
		s.say(campaign.ReportPlaced, id, as("CA"+id.String()))
		s.answer(0)
	}
	return s
}

func (s *script) held() (ids []uint64) {
	s.m.Held(func(p machine.Progress) { ids = append(ids, p.Token.ID) })
	return ids
}

func (s *script) events() (out []campaign.EventType) {
	for _, e := range s.out.Events {
		if e.Type != campaign.EventCampaignProgress {
			out = append(out, e.Type)
		}
	}
	return out
}

// wants is the demand without what counts for the share only.
func (s *script) wants() machine.Demand {
	d := s.m.Demand(s.now)
	return machine.Demand{Retries: d.Retries, Fresh: d.Fresh, Limit: d.Limit, Grown: d.Grown, Weight: d.Weight}
}
