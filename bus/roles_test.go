package bus_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"dialtone/bus"
	"dialtone/bus/bustest"
	"dialtone/campaign"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

func withRoles(roles ...bus.Role) bustest.Option {
	return func(c *bus.Config) { c.Roles = roles }
}

// linesOf has a bus write its log where the test can read it.
func linesOf(buf *safeBuffer) bustest.Option {
	return func(c *bus.Config) { c.Logger = slog.New(slog.NewTextHandler(buf, nil)) }
}

type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// stranger is a connection to a server without any Bus.
func stranger(t *testing.T, url string) jetstream.JetStream {
	nc, err := nats.Connect(url)
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	return js
}

func TestOthersWaitForTheActorsAndSayWhatFor(t *testing.T) {
	for _, role := range []bus.Role{bus.RoleAPI, bus.RoleCaller} {
		t.Run(string(role), func(t *testing.T) {
			srv := bustest.StartServer(t)
			var said safeBuffer
			opened := make(chan *bus.Bus, 1)
			var opening sync.WaitGroup
			opening.Go(func() { opened <- srv.Connect(t, withRoles(role), linesOf(&said)) })
			require.Eventually(t, func() bool {
				return strings.Contains(said.String(), "role actors") && strings.Contains(said.String(), "stream CALLBACK")
			}, patience, 10*time.Millisecond)
			quiet(t, opened, 300*time.Millisecond, "bus, without any stream")
			js := stranger(t, srv.URL())
			_, err := js.Stream(t.Context(), "CALLBACK")
			require.ErrorIs(t, err, jetstream.ErrStreamNotFound, "who waits makes nothing")
			srv.Connect(t, withRoles(bus.RoleActors))
			b := within(t, opened, "the bus")
			opening.Wait()
			require.NoError(t, b.Healthy())
		})
	}
}

func TestAWaitInVainTellsWhatIsMissing(t *testing.T) {
	srv := bustest.StartServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var said safeBuffer
	cfg := bus.Config{URL: srv.URL(), Roles: []bus.Role{bus.RoleCaller}}
	linesOf(&said)(&cfg)
	opened := make(chan error, 1)
	var opening sync.WaitGroup
	opening.Go(func() { _, err := bus.Open(ctx, cfg); opened <- err })
	require.Eventually(t, func() bool { return strings.Contains(said.String(), "role actors") }, patience, 10*time.Millisecond, "it waits")
	cancel()
	err := within(t, opened, "the end of the wait")
	opening.Wait()
	require.ErrorContains(t, err, "stream DIAL")
	require.ErrorContains(t, err, "role actors")
	require.NotContains(t, err.Error(), "\n")
}

// Who uses a stream may not be able to make it, and who can may not be using it.
func TestIdleActorsMissWhatIsGone(t *testing.T) {
	t.Parallel()
	srv := bustest.StartServer(t)
	a := srv.Connect(t, withRoles(bus.RoleActors))
	js := stranger(t, srv.URL())
	for _, name := range []string{"DIAL", "CALLBACK", "EVENT", "KV_LEASE"} {
		require.NoError(t, js.DeleteStream(t.Context(), name))
		requireSoon(t, name, func() bool { _, err := js.Stream(t.Context(), name); return err == nil })
	}
	for stream, consumer := range map[string]string{"DIAL": "callers", "CALLBACK": "partition-63"} {
		requireSoon(t, consumer, func() bool { _, err := js.Consumer(t.Context(), stream, consumer); return err == nil })
		require.NoError(t, js.DeleteConsumer(t.Context(), stream, consumer))
		requireSoon(t, consumer, func() bool { _, err := js.Consumer(t.Context(), stream, consumer); return err == nil })
	}
	require.Positive(t, a.Counters().Repairs)
}

func requireSoon(t *testing.T, what string, there func() bool) {
	t.Helper()
	require.Eventually(t, there, patience, 20*time.Millisecond, "%s is not there again within %v", what, patience)
}

// A process that may not make streams waits for those who may, and goes on with what
// they made.
func TestOthersGoOnWhenTheActorsAreBack(t *testing.T) {
	t.Parallel()
	srv := bustest.StartServer(t)
	a := srv.Connect(t, withRoles(bus.RoleActors))
	c := srv.Connect(t, withRoles(bus.RoleCaller))
	p := srv.Connect(t, withRoles(bus.RoleAPI))
	got, _ := consumeJobs(t, c, 10)
	events := watchEvents(t, p, 7, 0)
	require.NoError(t, a.Close(t.Context()))
	js := stranger(t, srv.URL())
	for _, name := range []string{"DIAL", "CALLBACK", "EVENT", "KV_LEASE"} {
		require.NoError(t, js.DeleteStream(t.Context(), name))
	}
	require.Error(t, p.PublishReport(t.Context(), report(7, 1)))
	for _, b := range []*bus.Bus{c, p} {
		// It is told by the first look that comes after all of them were deleted.
		require.Eventually(t, func() bool {
			err := b.Healthy()
			return err != nil && strings.Contains(err.Error(), "stream CALLBACK")
		}, patience, 10*time.Millisecond)
	}

	a = srv.Connect(t, withRoles(bus.RoleActors))
	require.Eventually(t, func() bool { return p.PublishReport(t.Context(), report(7, 1)) == nil }, patience, 50*time.Millisecond)
	publishJobs(t, a, job(7, 1))
	require.NoError(t, within(t, got, "the job").Ack())
	require.Eventually(t, func() bool {
		a.PublishEvents([]campaign.Event{ended(7, 1)})
		select {
		case <-events.events:
			return true
		case <-time.After(50 * time.Millisecond):
			return false
		}
	}, patience, time.Millisecond)
	for _, b := range []*bus.Bus{c, p} {
		require.Eventually(t, func() bool { return b.Healthy() == nil }, patience, 10*time.Millisecond)
	}
}

// What one node makes again, the others watch anew.
func TestAllNodesHearThatTheLeasesAreGone(t *testing.T) {
	t.Parallel()
	srv := bustest.StartServer(t)
	var heard []<-chan string
	var nodes []*bus.Bus
	for _, name := range []string{"a", "b", "c"} {
		b := srv.Connect(t, bustest.WithName(name), withRoles(bus.RoleActors), bustest.WithLeaseTTL(time.Minute))
		nodes, heard = append(nodes, b), append(heard, watchLeases(t, b))
	}
	_, err := nodes[0].Acquire(t.Context(), bus.LeaseScheduler, "a")
	require.NoError(t, err)
	for i := range nodes {
		require.Equal(t, "scheduler=a", within(t, heard[i], "the lease"))
	}
	require.NoError(t, stranger(t, srv.URL()).DeleteStream(t.Context(), "KV_LEASE"))
	for i := range nodes {
		require.Equal(t, "scheduler=", within(t, heard[i], "the end of the lease"), "node %d", i)
	}
	_, err = nodes[1].Acquire(t.Context(), bus.LeaseScheduler, "b")
	require.NoError(t, err)
	for i := range nodes {
		require.Equal(t, "scheduler=b", within(t, heard[i], "the new lease"), "node %d", i)
	}
}

func TestLeaseTTLGoesByTheServer(t *testing.T) {
	asItIs := func(c *bus.Config) { c.LeaseTTL = 0 }
	require.Equal(t, 5*time.Second, bustest.Start(t, asItIs).LeaseTTL(), "embedded")
	require.Equal(t, 5*time.Second, bustest.StartServer(t).Connect(t, asItIs).LeaseTTL(), "a server apart")
	require.Equal(t, 3*time.Second, bustest.StartServer(t).Connect(t, bustest.WithLeaseTTL(3*time.Second)).LeaseTTL(), "as configured")
	// That a cluster has 15 s is asserted by the tests that have one.
}

// The user of the first URL counts for all, with a password from wherever it comes,
// and nothing that is said shows it.
func TestCredentials(t *testing.T) {
	s := bustest.StartShipped(t)
	at := s.Addr()
	for name, cfg := range map[string]bus.Config{
		"in the first URL":  {URL: "nats://actors:secret-of-actors@127.0.0.1:1,nats://" + at},
		"in the second URL": {URL: "nats://127.0.0.1:1,nats://actors:secret-of-actors@" + at},
		"beside the URL":    {URL: "nats://actors@" + at, Password: "secret-of-actors"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg.Roles = []bus.Role{bus.RoleActors}
			b, err := bus.Open(t.Context(), cfg)
			require.NoError(t, err)
			require.NotContains(t, b.ClientURL(), "secret")
			require.NoError(t, b.Close(t.Context()))
		})
	}
	for name, cfg := range map[string]bus.Config{
		"wrong password": {URL: "nats://actors:secret-of-nobody@" + at},
		"no password":    {URL: "nats://actors@" + at},
		"no user":        {URL: "nats://" + at},
		"password alone": {URL: "nats://" + at, Password: "secret-of-actors"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := bus.Open(t.Context(), cfg)
			require.Error(t, err)
			require.NotContains(t, err.Error(), "secret")
		})
	}
	require.Empty(t, s.Violations())
}

// Two processes of the same user hear their own answers only; those of other users
// may not even ask to listen, as the permissions show.
func TestAnswersArriveOnTheUsersInbox(t *testing.T) {
	s := bustest.StartShipped(t)
	s.Connect(t, "actors", bus.RoleActors)
	heard := witness(t, s, "$JS.API.STREAM.INFO.>")
	s.Connect(t, "caller", bus.RoleCaller)
	var m *nats.Msg
	for end := time.Now().Add(patience); m == nil || strings.HasPrefix(m.Reply, "_INBOX_actors.") && time.Now().Before(end); {
		m = within(t, heard, "the look for a stream") // the actors take one every second
	}
	require.Regexp(t, `^_INBOX_caller\.`, m.Reply)
}

func TestUnknownRole(t *testing.T) {
	_, err := bus.Open(t.Context(), bus.Config{URL: "nats://127.0.0.1:1", Roles: []bus.Role{"cook"}})
	require.ErrorContains(t, err, "cook")
}
