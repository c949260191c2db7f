package caller_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/actors/caller"
	"dialtone/campaign"
	"dialtone/provider"
	"dialtone/store"
)

func TestPlaceIsReportedAndAcknowledged(t *testing.T) {
	st := newStage(t)
	job := st.claimed(1)[0]
	began := time.Now()
	st.publish(job)

	r := st.report(job)
	require.Equal(t, campaign.ReportPlaced, r.Kind)
	require.Equal(t, "CA1", r.ProviderCallID)
	require.Equal(t, "mock", r.Provider)
	require.WithinDuration(t, began, r.At, time.Since(began))
	require.Equal(t, []provider.Request{{
		To: job.To, From: job.From, Variables: []byte(`{"n":1}`),
		CallbackURL: fmt.Sprintf("http://us/callbacks/mock/%v/%v", job.Campaign, job.Attempt),
	}}, st.phone.dialed)
	attempts, err := st.db.AttemptsTo(t.Context(), job.To, began.Add(-time.Minute))
	require.NoError(t, err)
	require.Len(t, attempts, 1)
	require.Equal(t, job.Attempt, attempts[0].ID)
	require.Equal(t, campaign.AttemptPlacing, attempts[0].State, "the owner writes that it is placed")
	st.acknowledged()
	require.Equal(t, caller.Stats{Placed: 1}, st.caller.Stats())

	var told caller.Stats
	require.NoError(t, st.bus.Ask(t.Context(), "callers.stats", nil, &told))
	require.Equal(t, st.caller.Stats(), told)
}

// TestPlaceFaults: what each fault of the port means for the number.
func TestPlaceFaults(t *testing.T) {
	st := newStage(t)
	for name, c := range map[string]struct {
		err  error
		want campaign.Report
	}{
		"refused":        {&provider.PlaceError{Fault: provider.Refused, Detail: "21211"}, campaign.Report{Kind: campaign.ReportRefused, Detail: "21211"}},
		"throttled":      {&provider.PlaceError{Fault: provider.Throttled, Detail: "429", RetryAfter: 3 * time.Second}, campaign.Report{Kind: campaign.ReportGivenBack, Reason: campaign.GivenBackThrottled, Detail: "429", RetryAfter: 3 * time.Second}},
		"unreachable":    {&provider.PlaceError{Fault: provider.Unreachable, Detail: "refused"}, campaign.Report{Kind: campaign.ReportGivenBack, Reason: campaign.GivenBackUnreachable, Detail: "refused"}},
		"full":           {&provider.PlaceError{Fault: provider.Full, Detail: "10004", RetryAfter: 5 * time.Second}, campaign.Report{Kind: campaign.ReportGivenBack, Reason: campaign.GivenBackFull, Detail: "10004", RetryAfter: 5 * time.Second}},
		"barred":         {&provider.PlaceError{Fault: provider.Barred, Detail: "20003"}, campaign.Report{Kind: campaign.ReportGivenBack, Reason: campaign.GivenBackBarred, Detail: "20003"}},
		"misconfigured":  {&provider.PlaceError{Fault: provider.Misconfigured, Detail: "13214"}, campaign.Report{Kind: campaign.ReportGivenBack, Reason: campaign.GivenBackProvider, Detail: "13214"}},
		"ambiguous":      {&provider.PlaceError{Fault: provider.Ambiguous, Detail: "502"}, campaign.Report{Kind: campaign.ReportAmbiguous, Detail: "502"}},
		"unanswered":     {&provider.PlaceError{Fault: provider.Ambiguous, Detail: "no answer", Unanswered: true}, campaign.Report{Kind: campaign.ReportAmbiguous, Reason: campaign.AmbiguousUnanswered, Detail: "no answer"}},
		"wrapped":        {fmt.Errorf("place: %w", &provider.PlaceError{Fault: provider.Refused, Detail: "21211"}), campaign.Report{Kind: campaign.ReportRefused, Detail: "21211"}},
		"unheard of":     {&provider.PlaceError{Fault: "melted", Detail: "?"}, campaign.Report{Kind: campaign.ReportAmbiguous, Detail: "?"}},
		"not the port's": {errors.New("a nil map"), campaign.Report{Kind: campaign.ReportAmbiguous, Reason: campaign.AmbiguousUnanswered, Detail: "a nil map"}},
	} {
		t.Run(name, func(t *testing.T) {
			job := st.claimed(1)[0]
			st.phone.answer(func(provider.Request) (provider.Placement, error) { return provider.Placement{}, c.err })
			st.publish(job)
			got := st.report(job)
			c.want.Campaign, c.want.Attempt, c.want.Provider, c.want.At = job.Campaign, job.Attempt, "mock", got.At
			require.Equal(t, c.want, got)
		})
	}
	st.acknowledged()
	require.Equal(t, caller.Stats{Refused: 2, GivenBack: 5, Ambiguous: 4}, st.caller.Stats())
}

// TestGivenBackUndialled: what is not dialled, and says why.  InHours: a job that
// waited too long is among it.
func TestGivenBackUndialled(t *testing.T) {
	st := newStage(t)
	for reason, change := range map[string]func(*campaign.Job){
		campaign.GivenBackExpired: func(j *campaign.Job) { j.NotAfter = time.Now().Add(-time.Millisecond).UTC() },
		campaign.GivenBackUnknown: func(j *campaign.Job) { j.Provider = "gone" },
		campaign.GivenBackStopped: func(j *campaign.Job) {
			st.move(j.Campaign, campaign.StatusInProgress, campaign.StatusPaused)
		},
	} {
		t.Run(reason, func(t *testing.T) {
			job := st.claimed(1)[0]
			change(&job)
			st.publish(job)
			r := st.report(job)
			require.Equal(t, campaign.ReportGivenBack, r.Kind)
			require.Equal(t, reason, r.Reason)
			attempts, err := st.db.AttemptsTo(t.Context(), job.To, time.Time{})
			require.NoError(t, err)
			require.Empty(t, attempts, "no placing was written")
		})
	}
	st.acknowledged()
	require.Empty(t, st.phone.dials())
	require.Equal(t, caller.Stats{GivenBack: 3}, st.caller.Stats())
}

func TestJobWithoutNotAfterIsDialled(t *testing.T) {
	st := newStage(t)
	job := st.claimed(1)[0]
	job.NotAfter = time.Time{}
	st.publish(job)
	require.Equal(t, campaign.ReportPlaced, st.report(job).Kind)
}

// TestNeverTwice: of many deliveries of a job one dials, whatever the others find.
func TestNeverTwice(t *testing.T) {
	st := newStage(t)
	jobs := st.claimed(5)
	for range 4 {
		st.publish(jobs...)
	}
	placed, taken := 0, 0
	for range 20 {
		switch r := within(t, st.heard, "a report"); r.Kind {
		case campaign.ReportPlaced:
			placed++
		case campaign.ReportTaken:
			taken++
		default:
			require.Fail(t, "unexpected", "%+v", r)
		}
	}
	require.Equal(t, 5, placed)
	require.Equal(t, 15, taken)
	for _, j := range jobs {
		require.Equal(t, 1, st.phone.dials()[j.To])
	}
	st.acknowledged()
	require.Equal(t, caller.Stats{Placed: 5, Taken: 15}, st.caller.Stats())
}

// TestNeverTwiceAfterCallerKilled: it had written placing, and nobody knows what
// it did then.
func TestNeverTwiceAfterCallerKilled(t *testing.T) {
	st := newStage(t)
	job := st.claimed(1)[0]
	st.placing(job)
	st.publish(job)
	require.Equal(t, campaign.ReportTaken, st.report(job).Kind)
	st.acknowledged()
	require.Empty(t, st.phone.dials())
}

// TestStaleJobIsDropped: its claim was given back, or its call has ended; nobody
// waits for a report.
func TestStaleJobIsDropped(t *testing.T) {
	st := newStage(t)
	job := st.claimed(1)[0]
	st.write(&store.GiveBack{
		Fence: st.fence(job.Campaign), Campaign: job.Campaign, Attempt: job.Attempt,
		Unplaced: true, Next: campaign.CallQueued,
	})
	st.publish(job)
	st.acknowledged()
	st.quiet(50 * time.Millisecond)
	require.Empty(t, st.phone.dials())
	require.Equal(t, caller.Stats{}, st.caller.Stats())
}

func TestJobOfAnUnknownKindIsDropped(t *testing.T) {
	st := newStage(t)
	job := st.claimed(1)[0]
	job.Kind = "sing"
	st.publish(job)
	st.acknowledged()
	require.Empty(t, st.phone.dials())
}

// TestJournalRefuses: a job whose placing can't be written is not dialled, and
// comes again.  More of them than a caller holds at a time, so that none may keep
// its place.
func TestJournalRefuses(t *testing.T) {
	st := newStage(t, func(c *caller.Config) { c.Workers = 2 })
	st.gate.fail(errors.New("the disk is full"))
	jobs := st.claimed(20)
	st.publish(jobs...)
	eventually(t, "all were tried in vain", func() bool { _, failed := st.gate.counts(); return failed >= len(jobs) })
	require.Empty(t, st.phone.dials(), "nobody is dialled without placing")
	require.Equal(t, caller.Stats{}, st.caller.Stats())

	st.gate.fail(nil)
	for _, r := range st.reports(len(jobs)) {
		require.Equal(t, campaign.ReportPlaced, r.Kind)
	}
	require.NotZero(t, st.bus.Counters().Redelivered)
	require.Len(t, st.phone.dials(), len(jobs))
	st.acknowledged()
}

// TestLateIsUnsent: between placing and the request the process stood still for so
// long that the owner may be settling the attempt.
func TestLateIsUnsent(t *testing.T) {
	const sendWithin = 50 * time.Millisecond
	st := newStage(t, func(c *caller.Config) { c.SendWithin = sendWithin })
	job := st.claimed(1)[0]
	st.gate.close()
	st.publish(job)
	eventually(t, "placing is asked for", func() bool { held, _ := st.gate.counts(); return held == 1 })
	<-time.After(2 * sendWithin)
	st.gate.open()
	r := st.report(job)
	require.Equal(t, campaign.ReportGivenBack, r.Kind)
	require.Equal(t, campaign.GivenBackUnsent, r.Reason)
	require.Empty(t, st.phone.dials())
	st.acknowledged()
}

// InHours: the hours are over by the time that placing is written, and nobody is
// called.
func TestInHoursLateIsUnsent(t *testing.T) {
	st := newStage(t)
	job := st.claimed(1)[0]
	job.NotAfter = time.Now().Add(5 * time.Second).UTC() // it must be taken before
	st.gate.close()
	st.publish(job)
	eventually(t, "placing is asked for", func() bool { held, _ := st.gate.counts(); return held == 1 })
	<-time.After(time.Until(job.NotAfter) + 10*time.Millisecond)
	st.gate.open()
	r := st.report(job)
	require.Equal(t, campaign.ReportGivenBack, r.Kind)
	require.Equal(t, campaign.GivenBackUnsent, r.Reason, "who says so had written placing")
	require.Empty(t, st.phone.dials())
	st.acknowledged()
}

// TestRequestEndsInTime: the machine's patience counts on it.
func TestRequestEndsInTime(t *testing.T) {
	st := newStage(t, func(c *caller.Config) { c.RequestTimeout = 100 * time.Millisecond })
	st.phone.stall()
	job := st.claimed(1)[0]
	st.publish(job)
	within(t, st.phone.begun, "the request")
	require.Equal(t, campaign.ReportAmbiguous, st.report(job).Kind)
}

// TestHandsAreBounded: when every worker hangs, the journal goes on, and no more
// jobs are taken than there are hands.
func TestHandsAreBounded(t *testing.T) {
	st := newStage(t, func(c *caller.Config) { c.Workers = 2 })
	st.phone.stall()
	jobs := st.claimed(40)
	st.publish(jobs...)
	for range 2 {
		within(t, st.phone.begun, "a request")
	}
	eventually(t, "all hands are full", func() bool { return st.placings(jobs) == 4 })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for range 3 {
		require.NoError(t, st.journal.Do(ctx, &store.Claim{Campaign: jobs[0].Campaign, Attempt: jobs[0].Attempt}))
	}
	require.Equal(t, 4, st.placings(jobs))
	require.Len(t, st.phone.dials(), 2)

	st.phone.release()
	for _, r := range st.reports(len(jobs)) {
		require.Equal(t, campaign.ReportPlaced, r.Kind)
	}
	st.acknowledged()
}

// placings counts the attempts that have a row.
func (st *stage) placings(jobs []campaign.Job) (n int) {
	for _, j := range jobs {
		attempts, err := st.db.AttemptsTo(st.t.Context(), j.To, time.Time{})
		require.NoError(st.t, err)
		n += len(attempts)
	}
	return n
}
