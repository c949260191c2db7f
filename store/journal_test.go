package store

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"dialtone/campaign"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is an Applier that does as it is told.
type fake struct {
	fail    func(b *Batch) error
	batches [][]Op // as they take effect
	at      []time.Time
	hold    chan struct{}
}

func (f *fake) Apply(ctx context.Context, b *Batch) error {
	if f.hold != nil {
		select {
		case <-f.hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if f.fail != nil {
		if err := f.fail(b); err != nil {
			return err
		}
	}
	f.batches = append(f.batches, flat(b))
	f.at = append(f.at, time.Now())
	b.Stats = map[campaign.ID]campaign.Stats{1: {Total: len(f.batches)}}
	return nil
}

// flat is a batch's operations in the order in which they take effect.
func flat(b *Batch) (out []Op) {
	for _, op := range b.SetStatus {
		out = append(out, op)
	}
	for _, op := range b.Placed {
		out = append(out, op)
	}
	for _, op := range b.Ambiguous {
		out = append(out, op)
	}
	for _, op := range b.Finish {
		out = append(out, op)
	}
	for _, op := range b.GiveBack {
		out = append(out, op)
	}
	for _, op := range b.CancelCall {
		out = append(out, op)
	}
	for _, op := range b.Claim {
		out = append(out, op)
	}
	for _, op := range b.Placing {
		out = append(out, op)
	}
	for _, op := range b.EndCalls {
		out = append(out, op)
	}
	return out
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func started(t *testing.T, a Applier, cfg JournalConfig) *Journal {
	if cfg.Logger == nil {
		cfg.Logger = quiet()
	}
	j := NewJournal(a, cfg)
	require.NoError(t, j.Start(t.Context()))
	t.Cleanup(func() { require.NoError(t, j.Stop(context.Background())) })
	return j
}

func claims(from, n int) []Op {
	out := make([]Op, n)
	for i := range out {
		out[i] = &Claim{Campaign: 1, Attempt: campaign.NewAttemptID(campaign.CallID(from+i), 1)}
	}
	return out
}

func ignore(map[campaign.ID]campaign.Stats, error) {}

func TestJournalGathers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		j := started(t, f, JournalConfig{})
		time.Sleep(time.Second) // idle
		began := time.Now()
		require.NoError(t, j.Do(t.Context(), claims(1, 1)...))
		require.Equal(t, leastGather, time.Since(began), "a lone operation hardly waits for company")

		began = time.Now()
		j.Submit(claims(1, 300), ignore)
		require.NoError(t, j.Do(t.Context(), claims(301, 300)...))
		require.Zero(t, time.Since(began), "enough waits for nobody")
		require.Len(t, f.batches[1], 600)

		j.Submit(claims(1, 3), ignore)
		time.Sleep(time.Millisecond)
		began = time.Now()
		require.NoError(t, j.Do(t.Context(), claims(4, 2)...))
		require.Equal(t, time.Millisecond, time.Since(began), "where much comes: Gather, from the first of them on")
		require.Len(t, f.batches[2], 5)
		require.Equal(t, JournalStats{Batches: 3, Ops: 606}, j.Stats())
	})
}

// What nobody waits for is kept for company, and goes with the first that somebody waits
// for.
func TestJournalLingers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		j := started(t, f, JournalConfig{Linger: 7 * time.Millisecond})
		time.Sleep(time.Second) // idle
		for _, op := range []Op{&Finish{}, &Placed{}, &Ambiguous{}} {
			began := time.Now()
			require.NoError(t, j.Do(t.Context(), op))
			require.Equal(t, 7*time.Millisecond, time.Since(began), "%T", op)
			time.Sleep(time.Second)
		}
		for _, op := range []Op{&Claim{}, &Placing{}, &SetStatus{}, &EndCalls{}, &CancelCall{}, &GiveBack{}} {
			j.Submit([]Op{&Finish{Campaign: 99, Attempt: campaign.NewAttemptID(99, 1)}}, ignore)
			time.Sleep(time.Millisecond)
			began := time.Now()
			require.NoError(t, j.Do(t.Context(), op))
			require.Less(t, time.Since(began), time.Millisecond, "%T", op)
			require.Len(t, f.batches[len(f.batches)-1], 2)
			time.Sleep(time.Second)
		}
		j.Submit([]Op{&Finish{}}, ignore)
		began := time.Now()
		j.Submit(claims(1, 600), ignore)
		synctest.Wait()
		require.Zero(t, time.Since(began))
		require.Len(t, f.batches[len(f.batches)-1], 601, "enough waits for nobody")
		j.Submit([]Op{&Finish{}}, ignore)
		require.NoError(t, j.Stop(t.Context()))
		require.Zero(t, time.Since(began), "nor does the end")
	})
}

func TestJournalGathersWhileItWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{hold: make(chan struct{})}
		j := started(t, f, JournalConfig{MaxOps: 10})
		j.Submit(claims(1, 1), ignore)
		time.Sleep(time.Second)
		var sizes []int
		for i := range 8 {
			j.Submit(claims(10+3*i, 3), func(stats map[campaign.ID]campaign.Stats, err error) {
				require.NoError(t, err)
				sizes = append(sizes, stats[1].Total)
			})
		}
		time.Sleep(time.Second)
		require.Equal(t, 24, j.Stats().Waiting)
		close(f.hold)
		began := time.Now()
		synctest.Wait()
		require.Zero(t, time.Since(began), "they waited long enough")
		lens := []int{}
		for _, b := range f.batches {
			lens = append(lens, len(b))
		}
		require.Equal(t, []int{1, 10, 10, 4}, lens, "MaxOps cuts even a submission")
		require.Equal(t, []int{2, 2, 2, 3, 3, 3, 4, 4}, sizes, "answered when the last part is committed")
	})
}

// TestJournalKeepsTheOrder holds the journal to its invariant: in the order in
// which batches take effect, the operations on a call stand as submitted, and so
// does a change of a campaign's status among the campaign's operations.
func TestJournalKeepsTheOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := &fake{}
		j := NewJournal(f, JournalConfig{Gather: time.Nanosecond, MaxOps: rapid.IntRange(1, 12).Draw(rt, "most"), Logger: quiet()})
		var submitted []Op
		answered := 0
		all := rapid.IntRange(0, 8).Draw(rt, "submissions")
		for range all {
			ops := rapid.SliceOfN(rapid.Custom(drawOp), 0, 8).Draw(rt, "ops")
			submitted = append(submitted, ops...)
			j.Submit(ops, func(_ map[campaign.ID]campaign.Stats, err error) {
				require.NoError(rt, err)
				answered++
			})
		}
		require.NoError(rt, j.Start(context.Background()))
		require.NoError(rt, j.Stop(context.Background()))
		require.Equal(rt, all, answered)
		effect := slices.Concat(f.batches...)
		require.Len(rt, effect, len(submitted))
		at := map[Op]int{}
		for i, op := range effect {
			at[op] = i
		}
		for i, a := range submitted {
			for _, b := range submitted[i+1:] {
				if depends(a, b) {
					require.Less(rt, at[a], at[b], "%T before %T", a, b)
				}
			}
		}
	})
}

// depends reports whether the order of two operations makes a difference.
func depends(a, b Op) bool {
	ra, ca, la := place(a)
	rb, cb, lb := place(b)
	switch {
	case ca != cb:
		return false
	case ra == rankStatus || rb == rankStatus || ra == rankEnd || rb == rankEnd:
		return true
	}
	return la == lb
}

func drawOp(t *rapid.T) Op {
	in := campaign.ID(rapid.IntRange(1, 2).Draw(t, "campaign"))
	a := campaign.NewAttemptID(campaign.CallID(int(in)*10+rapid.IntRange(1, 4).Draw(t, "call")), 1)
	switch rank(rapid.IntRange(int(rankStatus), int(rankEnd)).Draw(t, "kind")) {
	case rankStatus:
		return &SetStatus{Campaign: in}
	case rankPlaced:
		return &Placed{Campaign: in, Attempt: a}
	case rankAmbiguous:
		return &Ambiguous{Campaign: in, Attempt: a}
	case rankFinish:
		return &Finish{Campaign: in, Attempt: a}
	case rankGiveBack:
		return &GiveBack{Campaign: in, Attempt: a}
	case rankCancelCall:
		return &CancelCall{Campaign: in, Call: a.Call()}
	case rankClaim:
		return &Claim{Campaign: in, Attempt: a}
	case rankPlacing:
		return &Placing{Campaign: in, Attempt: a}
	}
	return &EndCalls{Campaign: in}
}

func TestJournalOutlastsADatabaseThatIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		failures := 0
		var tried []*Batch
		f := &fake{fail: func(b *Batch) error {
			tried = append(tried, b)
			if failures++; failures <= 20 {
				return AsTransient(errors.New("connection refused"))
			}
			return nil
		}}
		j := started(t, f, JournalConfig{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		began := time.Now()
		require.NoError(t, j.Do(t.Context(), claims(1, 3)...))
		require.Equal(t, 21, failures, "the fault happened")
		for _, b := range tried {
			require.Same(t, tried[0], b)
		}
		require.Greater(t, time.Since(began), 10*time.Second)
		require.Less(t, time.Since(began), 25*time.Second, "the pause is capped")
		require.Equal(t, 1, strings.Count(log.String(), "trying again"), "said once")
		require.Equal(t, 1, strings.Count(log.String(), "can be written to again"))
		require.EqualValues(t, 20, j.Stats().Retries)
	})
}

func TestJournalSparesTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		poison := errors.New("invalid byte sequence")
		bad := &Ambiguous{Campaign: 1, Attempt: campaign.NewAttemptID(99, 1), Detail: "bad"}
		f := &fake{fail: func(b *Batch) error {
			if slices.Contains(b.Ambiguous, bad) {
				return poison
			}
			return nil
		}}
		j := started(t, f, JournalConfig{MaxOps: 6})
		var got []error
		note := func(_ map[campaign.ID]campaign.Stats, err error) { got = append(got, err) }
		j.Submit(claims(1, 2), note)
		j.Submit(append([]Op{bad}, claims(20, 10)...), note) // it ends on a later batch
		j.Submit(claims(3, 2), note)
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, []error{nil, poison, nil}, got)
		require.Len(t, slices.Concat(f.batches...), 4, "nothing of a submission that failed follows")
	})
}

func TestJournalStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []error
		note := func(_ map[campaign.ID]campaign.Stats, err error) { got = append(got, err) }

		never := NewJournal(&fake{}, JournalConfig{Logger: quiet()})
		never.Submit(claims(1, 1), note)
		require.NoError(t, never.Stop(t.Context()))
		require.NoError(t, never.Stop(t.Context()))
		require.ErrorIs(t, never.Start(t.Context()), ErrStopped)
		require.Equal(t, []error{ErrStopped}, got)

		got = nil
		f := &fake{}
		j := NewJournal(f, JournalConfig{Logger: quiet()})
		j.Submit(claims(1, 1), note) // before Start
		ctx, cancel := context.WithCancel(t.Context())
		require.NoError(t, j.Start(ctx))
		require.Error(t, j.Start(ctx))
		cancel() // is not the end
		time.Sleep(time.Second)
		for i := range 100 {
			j.Submit(claims(i*10, 10), note)
		}
		require.NoError(t, j.Stop(t.Context()))
		require.Len(t, got, 101)
		require.NoError(t, errors.Join(got...), "what was submitted is written")
		require.NoError(t, j.Stop(t.Context()))
		require.ErrorIs(t, j.Do(t.Context(), claims(1, 1)...), ErrStopped)
	})
}

func TestJournalBreaksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{fail: func(*Batch) error { return AsTransient(errors.New("away")) }}
		j := NewJournal(f, JournalConfig{Logger: quiet(), MaxOps: 5})
		require.NoError(t, j.Start(t.Context()))
		var got []error
		for i := range 10 {
			j.Submit(claims(i*10, 3), func(_ map[campaign.ID]campaign.Stats, err error) { got = append(got, err) })
		}
		time.Sleep(time.Second)
		j.Submit(claims(1000, 1), func(_ map[campaign.ID]campaign.Stats, err error) { got = append(got, err) })
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		require.ErrorIs(t, j.Stop(ctx), context.DeadlineExceeded)
		require.Equal(t, time.Minute, time.Since(began))
		require.Len(t, got, 11, "everybody is told")
		for _, err := range got {
			require.ErrorIs(t, err, ErrStopped)
		}
	})
}

func TestJournalDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{hold: make(chan struct{})}
		j := started(t, f, JournalConfig{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, j.Do(ctx, claims(1, 1)...), context.DeadlineExceeded)
		close(f.hold)
		require.NoError(t, j.Do(t.Context()), "nothing is quickly done")
	})
}

func BenchmarkSubmit(b *testing.B) {
	j := NewJournal(&fake{}, JournalConfig{})
	ops := claims(1, 20)
	b.ReportAllocs()
	for b.Loop() {
		j.Submit(ops, ignore)
		if len(j.waiting) > 1000 {
			j.take()
		}
	}
}
