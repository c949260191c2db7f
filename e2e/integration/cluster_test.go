package integration

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/e2e/judge"
)

// needCluster skips a test where there is no cluster to try.
func needCluster(t *testing.T) {
	t.Helper()
	if os.Getenv("DIALTONE_INTEGRATION") == "" {
		t.Skip("this needs the cluster of docker-compose.yml; run it with: make integration")
	}
}

// What a container may do is little, and nobody else's machine reaches it.
func TestContainersAreFenced(t *testing.T) {
	needCluster(t)
	for _, c := range containers(t) {
		for port, bound := range c.NetworkSettings.Ports {
			for _, b := range bound {
				assert.Equal(t, "127.0.0.1", b.HostIp, "%s publishes %s", c.Name, port)
			}
		}
		assert.False(t, c.HostConfig.Privileged, c.Name)
		assert.NotEmpty(t, c.HostConfig.RestartPolicy.Name, c.Name)
	}
	for _, c := range containers(t, append(append([]string{"key"}, nodes...), mocks...)...) {
		assert.True(t, c.HostConfig.ReadonlyRootfs, "%s can change its image", c.Name)
		assert.Equal(t, "65532:65532", c.Config.User, c.Name)
		assert.Equal(t, []string{"ALL"}, c.HostConfig.CapDrop, c.Name)
		assert.Contains(t, c.HostConfig.SecurityOpt, "no-new-privileges:true", c.Name)
	}
	healthy(t, append(append(append([]string{"postgres"}, nodes...), mocks...), queue...)...)
}

// Without the key nobody is let in, and what the containers print has no secret.
func TestSecretsAreKept(t *testing.T) {
	needCluster(t)
	s := readSettings(t)
	a := newAPI(s)
	a.key = "another-key-than-that-of-the-cluster"
	status, answer, err := a.try("GET", "/v1/campaigns", "", "", nil)
	require.NoError(t, err)
	require.Equal(t, 401, status, "%s", answer)
	printed := compose(t, "logs", "--no-color")
	for _, secret := range []string{s.key(), s.env("postgres", "POSTGRES_PASSWORD"), s.env("mock-a", "MOCKDIALER_TOKEN"), s.env("mock-b", "MOCKDIALER_TOKEN")} {
		assert.NotContains(t, printed, secret)
	}
}

// TestPromisesWhateverFails makes the parts of the cluster fail, one after the other,
// while campaigns run and both providers have faults of their own, and then judges by
// the providers' ledgers: NothingLost, NeverTwice, WithinLimit, InHours, RetriesFirst,
// StopMeansStop, statistics that are those of the ledgers, and no long silence.
func TestPromisesWhateverFails(t *testing.T) {
	needCluster(t)
	began := time.Now()
	s := newSite(t)
	for _, stream := range streams {
		require.Equal(t, 3, s.queues.info(stream).Config.Replicas, "copies of %s", stream)
	}
	s.queues.replicated()

	broad := s.start(judge.Campaign{Name: "broad", MaxConcurrentCalls: 30, MaxAttempts: 3, RetryDelay: 2 * time.Second}, 400, nil)
	s.start(judge.Campaign{Name: "narrow", MaxConcurrentCalls: 4, MaxAttempts: 2, RetryDelay: time.Second}, 200, nil)
	hours, closing := s.closing()
	halted := s.start(judge.Campaign{Name: "halted", MaxConcurrentCalls: 10, MaxAttempts: 3, RetryDelay: time.Second}, 200, nil)

	for i, f := range faults(broad) {
		ok := t.Run(f.name, func(t *testing.T) {
			s.hand(t)
			if i > 1 { // its node may be among those that are killed first
				s.fail(f, broad)
				return
			}
			s.halt(halted, func() { s.fail(f, broad) })
		})
		s.hand(t)
		require.True(t, ok, "after this nothing is as it should be")
	}
	t.Run("callers apart", func(t *testing.T) { s.hand(t); s.callersApart(broad) })
	s.hand(t)

	e := s.end()
	own := e.Ledger().Only(hours.Numbers)
	assert.NotEmpty(t, own.Within(judge.Span{From: s.since, To: closing.From}), "the campaign with hours dialled before they ended")
	assert.NotEmpty(t, own.Within(judge.Span{From: closing.To, To: time.Now()}), "and after they began again")
	verdicts := append(e.Judge(), s.retriesFirst(e.Ledger()))
	t.Logf("%d faults, %.0f s\n%s\n%s", len(e.Faults), time.Since(began).Seconds(), history(e), verdicts)
	for _, v := range verdicts {
		assert.True(t, v.Held(), "%s", v)
	}
	if !verdicts.Held() {
		s.trace(verdicts)
	}
}

// history tells of each fault when it began, how long it lasted, and for how long nobody
// was dialled after it began.
func history(e *judge.Evidence) string {
	longest := make(map[string]time.Duration)
	for _, g := range e.Gaps() {
		longest[g.After] = max(longest[g.After], g.Length())
	}
	var b strings.Builder
	for _, f := range e.Faults {
		fmt.Fprintf(&b, "%s %5.1f s, %4.1f s without a call: %s\n",
			f.From.UTC().Format(time.TimeOnly), f.To.Sub(f.From).Seconds(), longest[f.Name].Seconds(), f.Name)
	}
	return b.String()
}

// hand gives the site to a test within the test, whose failures are its own.
func (s *site) hand(t *testing.T) {
	s.t, s.settings.t, s.api.t, s.queues.t = t, t, t, t
}

// closing starts a campaign whose hours end one or two minutes from now, for a minute.
// The zone is one in which it is about noon, so that no window meets midnight.
func (s *site) closing() (*running, judge.Span) {
	s.t.Helper()
	now := time.Now().UTC()
	offset := 12 - now.Hour()
	name := fmt.Sprintf("Etc/GMT%+d", -offset) // written the other way round
	zone, err := time.LoadLocation(name)
	require.NoError(s.t, err)
	from := now.In(zone).Truncate(time.Minute).Add(2 * time.Minute)
	shut := judge.Span{From: from, To: from.Add(time.Minute)}
	hours := &judge.Hours{Zone: zone, Windows: []judge.Window{
		{Start: "09:00", End: shut.From.Format("15:04")}, {Start: shut.To.Format("15:04"), End: "23:00"},
	}}
	var windows []map[string]any
	for _, w := range hours.Windows {
		windows = append(windows, map[string]any{
			"days": []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}, "start": w.Start, "end": w.End,
		})
	}
	schedule := map[string]any{"time_zone": name, "windows": windows}
	r := s.start(judge.Campaign{Name: "hours", MaxConcurrentCalls: 4, MaxAttempts: 2, RetryDelay: time.Second, Hours: hours},
		230, map[string]any{"schedule": schedule})
	return r, shut
}

// halt pauses a campaign while something happens.
func (s *site) halt(r *running, do func()) {
	s.t.Helper()
	s.supply(r, 50)
	s.api.command(r.id, "pause", campaign.StatusPaused)
	stop := judge.Stop{Campaign: r.Name, Span: judge.Span{From: time.Now()}}
	do()
	stop.To = time.Now()
	s.api.command(r.id, "resume", campaign.StatusInProgress)
	s.evidence.Stops = append(s.evidence.Stops, stop)
}

// callersApart takes the nodes' callers away and lets two processes of their own dial.
func (s *site) callersApart(r *running) {
	s.t.Helper()
	s.supply(r, 200)
	s.keepLogs()
	began := time.Now()
	dockerWith(s.t, []string{"DIALTONE_NODE_ROLES=api,actors"},
		"compose", "--profile", "callers", "up", "--detach", "--wait", "--scale", "caller=2")
	for _, c := range containers(s.t, "caller") {
		require.True(s.t, c.State.Running, c.Name)
	}
	require.Len(s.t, containers(s.t, "caller"), 2)
	s.happened("all nodes are made anew, with other roles", began)
	s.goesOn(r)
}
