// Package storetest holds every driver of the store to the contract in package
// store.  A driver's tests call Exercise; its benchmarks call Bench.
//
// The suite tries what can go wrong: owners that were replaced, operations that
// come twice, two nodes at the same time, pages read while rows change.  A model
// of the contract, written without an eye on the drivers, is compared with the
// store after every step of random histories.
package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/internal/load"
	"dialtone/store"
)

// Open opens the database of a test.  Called again with the same t it opens the
// same database, as another node does, or the same node after a restart.
type Open func(t testing.TB) store.Store

// parts are what the suite tries, each on an empty store.
var parts = []struct {
	name string
	run  func(t *testing.T, open Open)
}{
	{"Campaigns", testCampaigns},
	{"ListCampaigns", testListCampaigns},
	{"UpdateSettings", testUpdateSettings},
	{"StandingCampaign", testStandingCampaign},
	{"Duplicates", testDuplicates},
	{"DuplicatesConcurrent", testDuplicatesConcurrent},
	{"AscendingIDs", testAscendingIDs},
	{"Delete", testDelete},
	{"DeleteArmed", testDeleteArmed},
	{"DeleteInterrupted", testDeleteInterrupted},
	{"Calls", testCalls},
	{"PagingWhileRowsChange", testPagingWhileRowsChange},
	{"Open", testOpen},
	{"AttemptsKnown", testAttemptsKnown},
	{"AttemptsTo", testAttemptsTo},
	{"OpenAttempts", testOpenAttempts},
	{"Ownership", testOwnership},
	{"Active", testActive},
	{"Keys", testKeys},
	{"Settings", testSettings},
	{"Once", testOnce},
	{"OnceConcurrent", testOnceConcurrent},
	{"OneCall", testOneCall},
	{"RetryCosts", testRetryCosts},
	{"StaleEpoch", testStaleEpoch},
	{"PlacingTwice", testPlacingTwice},
	{"PlacingByTwoNodes", testPlacingByTwoNodes},
	{"PlacingRefused", testPlacingRefused},
	{"PauseAgainstPlacing", testPauseAgainstPlacing},
	{"ClaimTwice", testClaimTwice},
	{"GiveBack", testGiveBack},
	{"CancelCall", testCancelCall},
	{"CancelCallInProgress", testCancelCallInProgress},
	{"FinishOutOfOrder", testFinishOutOfOrder},
	{"AppliedTwice", testAppliedTwice},
	{"SetStatus", testSetStatus},
	{"DrainedAgainstAddContacts", testDrainedAgainstAddContacts},
	{"Arm", testArm},
	{"EndCalls", testEndCalls},
	{"EndCallsExpired", testEndCallsExpired},
	{"Effort", testEffort},
	{"CallsCarryZones", testCallsCarryZones},
	{"ZonesOfACampaign", testZonesOfACampaign},
	{"ZonesConcurrent", testZonesConcurrent},
	{"ZonesInterrupted", testZonesInterrupted},
	{"PagingByZone", testPagingByZone},
	{"PagingByZoneWhileClaimed", testPagingByZoneWhileClaimed},
	{"Waiting", testWaiting},
	{"Unfinished", testUnfinished},
	{"OddText", testOddText},
	{"LargeBatch", testLargeBatch},
	{"AllOrNothing", testAllOrNothing},
	{"Reopen", testReopen},
	{"Journal", testJournal},
	{"JournalUnderLoad", testJournalUnderLoad},
	{"Canceled", testCanceled},
	{"Model", testModel},
}

// portion is how much of something a part tries: all of it, and a fifth under the race
// detector, where SQLite, which is Go as well, takes ten times as long.  What the suite
// does at the same time it does there too.
func portion(n int) int {
	if load.Raced {
		return n / 5
	}
	return n
}

// Exercise runs the suite.
func Exercise(t *testing.T, open Open) {
	for _, part := range parts {
		t.Run(part.name, func(t *testing.T) { part.run(t, open) })
	}
}

// start is when the tests' clock begins; whole microseconds, as stores keep them.
var start = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)

// scene is a store with the words in which the tests speak about it.
type scene struct {
	*testing.T
	store.Store
	ctx   context.Context
	fence store.Fence
}

const partition = 3

// today is the day on which the tests dial.
const today campaign.Day = 20_513

func newScene(t *testing.T, open Open) *scene {
	s := &scene{T: t, Store: open(t), ctx: t.Context()}
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	s.own()
	return s
}

// node opens the same database once more.
func (s *scene) node(open Open) *scene {
	other := &scene{T: s.T, Store: open(s.T), ctx: s.ctx, fence: s.fence}
	s.Cleanup(func() { require.NoError(s, other.Close()) })
	return other
}

// own makes the scene the owner of its partition.
func (s *scene) own() {
	before, err := s.Epochs(s.ctx)
	require.NoError(s, err)
	epochs, err := s.RaiseEpochs(s.ctx, "node", map[int]int64{partition: before[partition]})
	require.NoError(s, err)
	s.fence = store.Fence{Partition: partition, Epoch: epochs[partition]}
}

func phone(i int) string { return fmt.Sprintf("+1415%07d", i) }

func contacts(from, n int) []campaign.Contact {
	out := make([]campaign.Contact, n)
	for i := range out {
		out[i] = campaign.Contact{Phone: phone(from + i), Variables: []byte(fmt.Sprintf(`{"n": %d}`, from+i))}
	}
	return out
}

// campaign makes one with n contacts, in progress.
func (s *scene) campaign(n int) campaign.ID {
	c, err := s.CreateCampaign(s.ctx, campaign.Settings{Name: s.Name(), Schedule: campaign.Schedule{EndAt: start}}.WithDefaults(), contacts(0, n), store.Once{})
	require.NoError(s, err)
	s.move(c.ID, campaign.StatusInProgress)
	return c.ID
}

// move gives a campaign a status, whatever it had.
func (s *scene) move(id campaign.ID, to campaign.Status) *store.SetStatus {
	op := &store.SetStatus{Fence: s.fence, Campaign: id, From: campaign.Statuses, To: to, At: start}
	s.apply(op)
	require.NoError(s, op.Err)
	return op
}

// apply performs operations as one batch.
func (s *scene) apply(ops ...store.Op) *store.Batch {
	s.Helper()
	b := batch(ops...)
	require.NoError(s, s.Apply(s.ctx, b))
	for id, stats := range b.Stats {
		require.True(s, stats.AddsUp(), "%v: %+v", id, stats)
	}
	return b
}

func batch(ops ...store.Op) *store.Batch {
	b := &store.Batch{}
	for _, op := range ops {
		b.Add(op)
	}
	return b
}

// done is apply for operations that must be accepted and change something.
func (s *scene) done(ops ...store.Op) {
	s.Helper()
	s.apply(ops...)
	for _, op := range ops {
		out := store.OutcomeOf(op)
		require.NoError(s, out.Err, "%T", op)
		require.True(s, out.Changed, "%T", op)
	}
}

// refused is apply for operations that must all be refused so.
func (s *scene) refused(want error, ops ...store.Op) {
	s.Helper()
	s.apply(ops...)
	for _, op := range ops {
		require.ErrorIs(s, store.OutcomeOf(op).Err, want, "%T", op)
		require.False(s, store.OutcomeOf(op).Changed, "%T", op)
	}
}

// again is apply for operations that must be accepted and change nothing.
func (s *scene) again(ops ...store.Op) {
	s.Helper()
	s.apply(ops...)
	for _, op := range ops {
		require.NoError(s, store.OutcomeOf(op).Err, "%T", op)
		require.False(s, store.OutcomeOf(op).Changed, "%T", op)
	}
}

func (s *scene) stats(id campaign.ID) campaign.Stats {
	s.Helper()
	c, err := s.Campaign(s.ctx, id)
	require.NoError(s, err)
	require.True(s, c.Stats.AddsUp(), "%+v", c.Stats)
	return c.Stats
}

func (s *scene) call(id campaign.CallID) campaign.Call {
	s.Helper()
	c, err := s.Call(s.ctx, id)
	require.NoError(s, err)
	return c
}

// queued are all queued calls.
func (s *scene) queued(id campaign.ID) []campaign.CallID {
	s.Helper()
	page, err := s.Queued(s.ctx, id, campaign.AnyZone, 0, 1_000_000)
	require.NoError(s, err)
	out := make([]campaign.CallID, len(page))
	for i, w := range page {
		out[i] = w.ID
	}
	return out
}

// The operations, filled in as the tests need them.

func (s *scene) claim(id campaign.ID, a campaign.AttemptID) *store.Claim {
	return &store.Claim{Fence: s.fence, Campaign: id, Attempt: a}
}

func (s *scene) placing(id campaign.ID, a campaign.AttemptID) *store.Placing {
	return &store.Placing{Campaign: id, Attempt: a, Number: 1, Provider: "mock", Placer: 77, At: start}
}

func (s *scene) placed(id campaign.ID, a campaign.AttemptID) *store.Placed {
	return &store.Placed{Fence: s.fence, Campaign: id, Attempt: a, ProviderCallID: "CA" + a.String()}
}

func (s *scene) finish(id campaign.ID, a campaign.AttemptID, next campaign.CallStatus) *store.Finish {
	f := &store.Finish{
		Fence: s.fence, Campaign: id, Attempt: a, Disposition: campaign.DispositionBusy,
		EndedAt: start.Add(time.Minute), Duration: 1500 * time.Millisecond, Day: today, Next: next,
	}
	if next == campaign.CallRetryWait {
		f.NextAttemptAt = start.Add(time.Hour)
	}
	if next == campaign.CallFailed {
		f.Reason = "out_of_attempts"
	}
	return f
}

func (s *scene) cancelCall(id campaign.ID, call campaign.CallID) *store.CancelCall {
	return &store.CancelCall{Fence: s.fence, Campaign: id, Call: call}
}

func (s *scene) giveBack(id campaign.ID, a campaign.AttemptID, next campaign.CallStatus) *store.GiveBack {
	return &store.GiveBack{Fence: s.fence, Campaign: id, Attempt: a, Next: next}
}

func (s *scene) end(id campaign.ID, of campaign.Status, limit int) *store.EndCalls {
	return &store.EndCalls{Fence: s.fence, Campaign: id, Status: of, At: start, Limit: limit}
}

// attempt names a call's claim.
func attempt(id campaign.CallID, claim int) campaign.AttemptID {
	return campaign.NewAttemptID(id, claim)
}
