package caller_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/actors/caller"
	"dialtone/campaign"
	"dialtone/provider"
)

// settling makes the job of an attempt one that settles it.
func settling(j campaign.Job, providerCallID string) campaign.Job {
	j.Kind, j.ProviderCallID, j.PlacingAt = campaign.JobSettle, providerCallID, time.Now().UTC().Truncate(time.Microsecond)
	return j
}

var errAway = errors.New("the provider is away")

// ended is the provider's view of a call that was answered.
func ended(id string) provider.Call {
	return provider.Call{
		ProviderCallID: id, Ended: true, Disposition: campaign.DispositionBusy, Duration: 3 * time.Second,
		EndedAt: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), Detail: "486",
	}
}

func endedReport(id string) campaign.Report {
	return campaign.Report{
		Kind: campaign.ReportEnded, ProviderCallID: id, Disposition: campaign.DispositionBusy, Duration: 3 * time.Second,
		At: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), Detail: "486",
	}
}

// same asserts that a report says the same, wherever it does not say when.
func (st *stage) same(t *testing.T, want campaign.Report, j campaign.Job) {
	t.Helper()
	got := st.report(j)
	want.Campaign, want.Attempt, want.Provider = j.Campaign, j.Attempt, j.Provider
	if want.At.IsZero() {
		want.At = got.At
	}
	require.Equal(t, want, got)
}

func TestSettleByID(t *testing.T) {
	st := newStage(t)
	cases := map[string]struct {
		call provider.Call
		err  error
		want campaign.Report
	}{
		"up":      {provider.Call{ProviderCallID: "CA7"}, nil, campaign.Report{Kind: campaign.ReportPlaced, ProviderCallID: "CA7"}},
		"ended":   {ended("CA7"), nil, endedReport("CA7")},
		"unknown": {provider.Call{}, provider.ErrUnknownCall, campaign.Report{Kind: campaign.ReportEnded, ProviderCallID: "CA7", Disposition: campaign.DispositionLost, Detail: "the provider does not know the call any more"}},
		"away":    {provider.Call{}, errAway, campaign.Report{Kind: campaign.ReportAmbiguous, Detail: errAway.Error()}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			job := settling(st.claimed(1)[0], "CA7")
			st.phone.fetch = func(id string) (provider.Call, error) {
				require.Equal(t, "CA7", id)
				return c.call, c.err
			}
			st.publish(job)
			st.same(t, c.want, job)
		})
	}
	st.acknowledged()
	require.Empty(t, st.phone.dials())
	require.Equal(t, caller.Stats{Settled: int64(len(cases))}, st.caller.Stats())
}

func TestSettleByNumber(t *testing.T) {
	st := newStage(t)
	cases := map[string]struct {
		calls []provider.Call
		err   error
		want  campaign.Report
	}{
		"up":           {[]provider.Call{{ProviderCallID: "CA7"}}, nil, campaign.Report{Kind: campaign.ReportPlaced, ProviderCallID: "CA7"}},
		"ended":        {[]provider.Call{ended("CA7")}, nil, endedReport("CA7")},
		"not dialled":  {nil, nil, campaign.Report{Kind: campaign.ReportGivenBack, Reason: campaign.GivenBackNotDialled}},
		"another's":    {[]provider.Call{{ProviderCallID: "other"}}, nil, campaign.Report{Kind: campaign.ReportGivenBack, Reason: campaign.GivenBackNotDialled}},
		"beside other": {[]provider.Call{{ProviderCallID: "other"}, {ProviderCallID: "CA7"}}, nil, campaign.Report{Kind: campaign.ReportPlaced, ProviderCallID: "CA7"}},
		"another from": {[]provider.Call{{ProviderCallID: "CA6", From: "+12025550109"}}, nil, campaign.Report{Kind: campaign.ReportPlaced, ProviderCallID: "CA6"}},
		"its own from": {[]provider.Call{{ProviderCallID: "CA6", From: "+12025550109"}, {ProviderCallID: "CA7", From: "+12025550100"}, {ProviderCallID: "CA8", From: "+12025550100"}}, nil, campaign.Report{Kind: campaign.ReportPlaced, ProviderCallID: "CA7"}},
		"away":         {nil, errAway, campaign.Report{Kind: campaign.ReportAmbiguous, Detail: errAway.Error()}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			first := st.claimed(1)[0]
			st.placed(first, "other")
			job := st.claimedTo(campaign.Contact{Phone: first.To})[0]
			st.placing(job)
			job = settling(job, "")
			st.phone.find = func() ([]provider.Call, error) { return c.calls, c.err }
			st.publish(job)
			st.same(t, c.want, job)
			require.Equal(t, job.PlacingAt.Add(-30*time.Second), st.phone.since, "the provider's clock may be behind")
			require.Empty(t, st.phone.from, "of any caller id")
		})
	}
	st.acknowledged()
	require.Empty(t, st.phone.dials())
	require.Equal(t, int64(len(cases)), st.caller.Stats().Settled)
}

// TestSettleWithoutACallerID: where neither call nor campaign named one, no call is
// likelier than the first.
func TestSettleWithoutACallerID(t *testing.T) {
	st := newStage(t)
	job := st.claimed(1)[0]
	st.placing(job)
	job = settling(job, "")
	job.From = ""
	st.phone.find = func() ([]provider.Call, error) {
		return []provider.Call{{ProviderCallID: "CA6", From: "+12025550109"}, {ProviderCallID: "CA7"}}, nil
	}
	st.publish(job)
	st.same(t, campaign.Report{Kind: campaign.ReportPlaced, ProviderCallID: "CA6"}, job)
}

// TestSettleFindsItsOwn: that the call is known as this very attempt's is no
// reason to pass it over.
func TestSettleFindsItsOwn(t *testing.T) {
	st := newStage(t)
	job := st.claimed(1)[0]
	st.placed(job, "CA7")
	job = settling(job, "")
	st.phone.find = func() ([]provider.Call, error) { return []provider.Call{{ProviderCallID: "CA7"}}, nil }
	st.publish(job)
	st.same(t, campaign.Report{Kind: campaign.ReportPlaced, ProviderCallID: "CA7"}, job)
}

func TestSettleWithoutTheProvider(t *testing.T) {
	st := newStage(t)
	job := settling(st.claimed(1)[0], "CA7")
	job.Provider = "gone"
	st.publish(job)
	st.same(t, campaign.Report{Kind: campaign.ReportAmbiguous, Detail: `provider "gone" is not configured`}, job)
}

// TestSettleWithoutTheStore: without it nobody knows whose a call is.
func TestSettleWithoutTheStore(t *testing.T) {
	st := newStage(t, func(c *caller.Config) { c.Attempts = forgetful{} })
	job := settling(st.claimed(1)[0], "")
	st.phone.find = func() ([]provider.Call, error) { return []provider.Call{{ProviderCallID: "CA7"}}, nil }
	st.publish(job)
	st.same(t, campaign.Report{Kind: campaign.ReportAmbiguous, Detail: errForgot.Error()}, job)
}
