package caller_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/actors/caller"
	"dialtone/campaign"
	"dialtone/provider"
)

// hanging makes the job of an attempt one that hangs its call up.
func hanging(j campaign.Job, providerCallID string) campaign.Job {
	j.Kind, j.ProviderCallID = campaign.JobHangUp, providerCallID
	return j
}

func TestHangUp(t *testing.T) {
	st := newStage(t)
	lost := campaign.Report{Kind: campaign.ReportEnded, ProviderCallID: "CA7", Disposition: campaign.DispositionLost, Detail: "the provider does not know the call any more"}
	for name, c := range map[string]struct {
		hangUp, fetch error
		call          provider.Call
		want          campaign.Report
	}{
		"ended":              {nil, nil, ended("CA7"), endedReport("CA7")},
		"unknown":            {provider.ErrUnknownCall, nil, provider.Call{}, lost},
		"unknown afterwards": {nil, provider.ErrUnknownCall, provider.Call{}, lost},
	} {
		t.Run(name, func(t *testing.T) {
			job := hanging(st.claimed(1)[0], "CA7")
			st.phone.hangUp = func(string) error { return c.hangUp }
			st.phone.fetch = func(id string) (provider.Call, error) {
				require.Equal(t, "CA7", id)
				return c.call, c.fetch
			}
			st.publish(job)
			st.same(t, c.want, job)
		})
	}
	st.acknowledged()
	require.Equal(t, slices.Repeat([]string{"CA7"}, 3), st.phone.hung)
	require.Equal(t, caller.Stats{HungUp: 2}, st.caller.Stats())
}

// TestHangUpSilently: what is not told at once the callback tells, and a job that
// nobody can do is not done for ever.
func TestHangUpSilently(t *testing.T) {
	st := newStage(t)
	st.phone.hangUp = func(string) error { return nil }
	st.phone.fetch = func(id string) (provider.Call, error) {
		if id == "CA8" {
			return provider.Call{}, errAway
		}
		return provider.Call{ProviderCallID: id}, nil
	}
	jobs := st.claimed(4)
	gone := hanging(jobs[2], "CA9")
	gone.Provider = "gone"
	st.publish(hanging(jobs[0], "CA7"), hanging(jobs[1], "CA8"), gone, hanging(jobs[3], ""))
	st.acknowledged()
	st.quiet(50 * time.Millisecond)
	require.ElementsMatch(t, []string{"CA7", "CA8"}, st.phone.hung)
}

// TestHangUpIsTriedAgain: the provider does not answer once, and then it does.
func TestHangUpIsTriedAgain(t *testing.T) {
	st := newStage(t, func(c *caller.Config) { c.HangUpPause = 10 * time.Millisecond })
	tries := 0
	st.phone.hangUp = func(string) error {
		if tries++; tries == 1 {
			return errAway
		}
		return nil
	}
	st.phone.fetch = func(id string) (provider.Call, error) { return ended(id), nil }
	job := hanging(st.claimed(1)[0], "CA7")
	st.publish(job)
	st.same(t, endedReport("CA7"), job)
	st.acknowledged()
	require.Equal(t, 2, tries)
}

// TestHangUpIsGivenUp: a provider that never answers is not asked for ever.
func TestHangUpIsGivenUp(t *testing.T) {
	st := newStage(t, func(c *caller.Config) { c.HangUpPause = 10 * time.Millisecond })
	st.phone.hangUp = func(string) error { return errAway }
	st.publish(hanging(st.claimed(1)[0], "CA7"))
	eventually(t, "the job is out of the queue", func() bool { return waitingJobs(t, st.bus) == 0 })
	require.Len(t, st.phone.hung, 5)
	st.quiet(50 * time.Millisecond)
}
