package e2e

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"dialtone/bus/bustest"
	"dialtone/campaign"
	"dialtone/cmd/dialtone/app"
	"dialtone/internal/load"
	"dialtone/mockdialer"
	"dialtone/provider"
	"dialtone/store/storetest/pgtest"
)

// apart is Dialtone with a process for each role, on the shipped nats.conf, each as
// its role's user.
type apart struct {
	client
	nats *bustest.Shipped
	mock *mockdialer.Server
}

func newApart(t *testing.T) *apart {
	t.Helper()
	a := &apart{nats: bustest.StartShipped(t)}
	dir, http := t.TempDir(), freeAddr(t)
	a.client = client{t, "http://" + http}
	mock := mockdialer.Config{Seed: 7}
	calls("50ms-450ms", someFail)(&rig{t: t}, &mock)
	a.mock = startMock(t, mock)
	providers := filepath.Join(dir, "providers.yaml")
	require.NoError(t, os.WriteFile(providers, providersFile(http, a.mock.URL(), provider.Limits{}), 0o600))
	database := pgtest.URL(t)
	var starting sync.WaitGroup
	// One that can't start must not leave the others waiting for it.
	patience, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	start := func(role app.Role, http string) {
		name := string(role)
		running, err := app.Start(patience, app.Config{
			HTTP: http, NATS: a.nats.URL(name), Data: filepath.Join(dir, name), Roles: []app.Role{role},
			Database: database, Providers: providers, DefaultRegion: "US", Logger: testLogger(t).With("node", name),
		})
		if assert.NoError(t, err, name) {
			t.Cleanup(func() {
				ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
				defer cancel()
				assert.NoError(t, running.Stop(ctx), name)
			})
		}
	}
	// Those who can't make streams are first, and wait.
	starting.Go(func() { start(app.RoleAPI, http) })
	starting.Go(func() { start(app.RoleCaller, "") })
	pause(t, 300*time.Millisecond)
	start(app.RoleActors, "")
	starting.Wait()
	require.False(t, t.Failed())
	return a
}

// A campaign runs over three processes, each with the permissions of its role alone;
// nothing is refused, and nothing lost, when all of JetStream is deleted meanwhile.
func TestNothingLostWithTheRolesApart(t *testing.T) {
	a := newApart(t)
	numbers := berlin(0, 400)
	id := a.load(settings{"max_concurrent_calls": 40, "retry": settings{"max_attempts": 3, "delay": "300ms"}}, numbers)
	heard := a.listen(id)
	a.command(id, "start")
	a.until(id, time.Minute, func(c campaignJSON) bool { return c.Stats.Completed > 50 })
	a.command(id, "pause")
	a.command(id, "resume")
	a.explain("/v1/campaigns/" + id)
	for _, path := range []string{"/v1/scheduler", "/v1/scheduler/slots", "/v1/scheduler/shadow", "/v1/providers", "/v1/campaigns/" + id + "/forecast"} {
		status, answer := a.ask(http.MethodGet, path, "", nil)
		require.NotEqual(t, http.StatusServiceUnavailable, status, "%s: %s", path, answer)
	}
	a.nats.DeleteStreams(t)
	patience := 2 * time.Minute // to settle what the streams took with them
	if load.Raced {
		patience *= raceSlack
	}
	c := a.until(id, patience, ended)
	l := readLedger(t, a.mock.URL())
	assert.Equal(t, campaign.StatusCompleted, c.Status)
	assertAgree(t, c, l)
	assertEveryNumber(t, l, numbers, 3)
	assertNeverTwice(t, l)
	require.Eventually(t, func() bool { return strings.Contains(heard(), "campaign.completed") }, 10*time.Second, 20*time.Millisecond,
		"the events go on after their stream was deleted")
	require.Empty(t, a.nats.Violations())
}

// listen reads a campaign's event stream until the test ends.
func (a *apart) listen(id string) (heard func() string) {
	req, err := http.NewRequestWithContext(a.t.Context(), http.MethodGet, a.base+"/v1/campaigns/"+id+"/events", nil)
	require.NoError(a.t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(a.t, err)
	require.Equal(a.t, http.StatusOK, resp.StatusCode)
	var mu sync.Mutex
	var text strings.Builder
	var reading sync.WaitGroup
	reading.Go(func() {
		lines := bufio.NewScanner(resp.Body)
		for lines.Scan() {
			mu.Lock()
			fmt.Fprintln(&text, lines.Text())
			mu.Unlock()
		}
	})
	a.t.Cleanup(func() { resp.Body.Close(); reading.Wait() })
	return func() string { mu.Lock(); defer mu.Unlock(); return text.String() }
}
