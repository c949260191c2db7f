package bus_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"dialtone/bus"
	"dialtone/bus/bustest"
	"dialtone/campaign"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// intruder is a connection with a role's user and none of Dialtone's good manners.
type intruder struct {
	t       *testing.T
	nc      *nats.Conn
	refused chan string
}

func intrude(t *testing.T, s *bustest.Shipped, user string) *intruder {
	t.Helper()
	i := &intruder{t: t, refused: make(chan string, 100)}
	nc, err := nats.Connect(s.URL(user), nats.CustomInboxPrefix("_INBOX_"+user),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { i.refused <- err.Error() }))
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	i.nc = nc
	return i
}

// mayNot asserts that the server refuses, by the name of what it refuses.
func (i *intruder) mayNot(kind, subject string) {
	i.t.Helper()
	select {
	case msg := <-i.refused:
		require.Contains(i.t, strings.ToLower(msg), "permissions violation for "+kind, subject)
		if !strings.HasPrefix(subject, "campaign.") { // which is refused under the name that it is mapped to
			require.Contains(i.t, msg, `"`+subject+`"`)
		}
	case <-time.After(patience):
		require.Fail(i.t, "not refused", "%s %s", kind, subject)
	}
}

func (i *intruder) mayNotPublish(subjects ...string) {
	i.t.Helper()
	for _, s := range subjects {
		require.NoError(i.t, i.nc.Publish(s, []byte("{}")))
		i.mayNot("publish", s)
	}
}

func (i *intruder) mayNotSubscribe(subjects ...string) {
	i.t.Helper()
	for _, s := range subjects {
		sub, err := i.nc.SubscribeSync(s)
		require.NoError(i.t, err)
		i.mayNot("subscription", s)
		_ = sub.Unsubscribe()
	}
}

// witness hears what arrives on subjects, with the admin's user.
func witness(t *testing.T, s *bustest.Shipped, subjects ...string) <-chan *nats.Msg {
	t.Helper()
	nc, err := nats.Connect(s.URL("admin"))
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	heard := make(chan *nats.Msg, 1000)
	for _, subject := range subjects {
		_, err := nc.ChanSubscribe(subject, heard)
		require.NoError(t, err)
	}
	require.NoError(t, nc.Flush())
	return heard
}

// What only actors and people with the nats command line may, and no caller, nor
// (but for what it is there for) an api.
var (
	readingLeases = []string{
		"$JS.API.STREAM.INFO.KV_LEASE", "$JS.API.STREAM.MSG.GET.KV_LEASE",
		"$JS.API.DIRECT.GET.KV_LEASE", "$JS.API.DIRECT.GET.KV_LEASE.$KV.LEASE.scheduler",
		"$JS.API.CONSUMER.CREATE.KV_LEASE", "$JS.API.CONSUMER.CREATE.KV_LEASE.x", "$JS.API.CONSUMER.CREATE.KV_LEASE.x.$KV.LEASE.>",
		"$JS.API.CONSUMER.DURABLE.CREATE.KV_LEASE.x", "$JS.API.CONSUMER.MSG.NEXT.KV_LEASE.x",
	}
	changingStreams = []string{
		"$JS.API.STREAM.CREATE.X", "$JS.API.STREAM.CREATE.DIAL", "$JS.API.STREAM.UPDATE.DIAL", "$JS.API.STREAM.DELETE.DIAL",
		"$JS.API.STREAM.PURGE.DIAL", "$JS.API.STREAM.MSG.DELETE.DIAL", "$JS.API.STREAM.SNAPSHOT.DIAL", "$JS.API.STREAM.RESTORE.X",
		"$JS.API.STREAM.LEADER.STEPDOWN.DIAL", "$JS.API.META.LEADER.STEPDOWN", "$JS.API.STREAM.PURGE.KV_LEASE",
		"$JS.API.CONSUMER.CREATE.DIAL.mine", "$JS.API.CONSUMER.CREATE.DIAL.mine.dial.>", "$JS.API.CONSUMER.DURABLE.CREATE.DIAL.mine",
		"$JS.API.CONSUMER.DELETE.DIAL.callers", "$JS.API.CONSUMER.DELETE.CALLBACK.partition-1", "$JS.API.CONSUMER.PAUSE.DIAL.callers",
		"$JS.API.CONSUMER.RESET.DIAL.callers",
	}
	writing = []string{
		"$KV.LEASE.scheduler", "$KV.LEASE.partition.1", "dial.mock.cmp_7", "event.cmp_7.call.ended", "scheduler.demand", "scheduler.grants.n",
		"$JS.ACK.CALLBACK.partition-1.1.1.1.1.0", "$SYS.REQ.SERVER.PING", "$JS.EVENT.ADVISORY.API",
	}
	commanding = []string{
		"campaign.cmp_7.start", "campaign.cmp_7.cancel", "campaigns.3.cmp_7.start",
		"scheduler.stats", "scheduler.strategy", "scheduler.providers", "scheduler.slots", "scheduler.shadow", "scheduler.forecast",
	}
	listening = []string{
		">", "_INBOX.>", "_INBOX_actors.>", "_INBOX_node.>", "_INBOX_people.>", "$KV.>", "$KV.LEASE.>", "$JS.>", "$SYS.>",
		"campaigns.>", "campaign.*.*", "scheduler.>", "scheduler.grants.*", "dial.>", "callback.>", "event.>",
	}
)

// "A caller with its role's NATS user can't read leases, create streams or publish
// commands: shown by a test of the shipped nats.conf" (issue 6).
func TestACallerMayTakeJobsAndReportOnly(t *testing.T) {
	s := bustest.StartShipped(t)
	a := s.Connect(t, "actors", bus.RoleActors)
	_, err := a.Acquire(t.Context(), bus.LeaseScheduler, "n")
	require.NoError(t, err)
	publishJobs(t, a, job(7, 1))
	heard := witness(t, s, "campaigns.>", "scheduler.>", "dial.>", "event.>", "$KV.>")
	i := intrude(t, s, "caller")
	i.mayNotPublish(slices.Concat(readingLeases, changingStreams, writing, commanding)...)
	i.mayNotPublish("$JS.API.DIRECT.GET.DIAL", "$JS.API.STREAM.MSG.GET.DIAL", "$JS.API.CONSUMER.CREATE.EVENT.x", "$JS.API.CONSUMER.MSG.NEXT.CALLBACK.partition-1")
	i.mayNotSubscribe(append(listening, "_INBOX_api.>")...)
	quiet(t, heard, 100*time.Millisecond, "message")

	// The client's own ways of reading a lease end as badly.
	js, err := jetstream.New(i.nc, jetstream.WithDefaultTimeout(200*time.Millisecond))
	require.NoError(t, err)
	_, err = js.KeyValue(t.Context(), "LEASE")
	require.Error(t, err)
	i.mayNot("publish", "$JS.API.STREAM.INFO.KV_LEASE")
	_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "X", Subjects: []string{"x"}})
	require.Error(t, err)
	i.mayNot("publish", "$JS.API.STREAM.CREATE.X")

	// Nor does the package let it try.
	c := s.Connect(t, "caller", bus.RoleCaller)
	_, err = c.Acquire(t.Context(), bus.LeaseScheduler, "c")
	require.ErrorContains(t, err, "actors")
	require.ErrorContains(t, c.WatchLeases(t.Context(), func(string, string) {}), "actors")

	// Its own work goes on.
	got, _ := consumeJobs(t, c, 10)
	d := within(t, got, "the job")
	require.NoError(t, d.InProgress())
	require.NoError(t, d.Ack())
	publishReports(t, c, report(7, 1))
	reports, _ := consumeReports(t, a, bus.PartitionOf(7))
	require.NoError(t, within(t, reports, "the report").Ack())
}

func TestAnAPIMayHandInAskAndWatchOnly(t *testing.T) {
	s := bustest.StartShipped(t)
	s.Connect(t, "actors", bus.RoleActors)
	i := intrude(t, s, "api")
	i.mayNotPublish(slices.Concat(readingLeases, changingStreams, writing)...)
	i.mayNotPublish("$JS.API.CONSUMER.MSG.NEXT.DIAL.callers", "$JS.API.CONSUMER.MSG.NEXT.CALLBACK.partition-1", "$JS.ACK.DIAL.callers.1.1.1.1.0", "callers.stats")
	i.mayNotSubscribe(append(listening, "_INBOX_caller.>", "callers.stats", "$SRV.PING")...)
}

func TestActorsMayNotActForOthers(t *testing.T) {
	s := bustest.StartShipped(t)
	s.Connect(t, "actors", bus.RoleActors)
	i := intrude(t, s, "actors")
	i.mayNotPublish("callback.cmp_7", "campaign.cmp_7.start", "scheduler.strategy", "$JS.API.CONSUMER.MSG.NEXT.DIAL.callers", "$JS.ACK.DIAL.callers.1.1.1.1.0",
		"$JS.API.STREAM.CREATE.X", "$JS.API.STREAM.DELETE.DIAL", "$JS.API.STREAM.PURGE.CALLBACK", "$JS.API.CONSUMER.DELETE.DIAL.callers")
	i.mayNotSubscribe(">", "_INBOX.>", "_INBOX_api.>", "_INBOX_caller.>", "_INBOX_people.>", "dial.>", "callback.>")
}

func TestPeopleMayLookAndAskOnly(t *testing.T) {
	s := bustest.StartShipped(t)
	a := s.Connect(t, "actors", bus.RoleActors)
	publishJobs(t, a, job(7, 1))
	i := intrude(t, s, "people")
	i.mayNotPublish(slices.Concat(changingStreams, writing)...)
	i.mayNotPublish("callback.cmp_7", "$JS.API.CONSUMER.MSG.NEXT.DIAL.callers", "$JS.ACK.DIAL.callers.1.1.1.1.0")
	i.mayNotSubscribe(">", "_INBOX_api.>", "_INBOX_actors.>", "_INBOX_caller.>", "_INBOX_node.>", "campaigns.>", "dial.>")
}

// Who may do nothing but ask for something can have the answer sent anywhere, for
// NATS does not look at that: to a command's subject, and over a lease.
func TestAnswersSentAstrayDoNoHarm(t *testing.T) {
	s := bustest.StartShipped(t)
	a := s.Connect(t, "actors", bus.RoleActors)
	commands := make(chan *bus.Request, 10)
	_, err := a.ServeCampaigns([]string{"pause"}, all, func(r *bus.Request) { commands <- r })
	require.NoError(t, err)
	asked := make(chan string, 10)
	_, err = a.ServeRole("scheduler", "x", map[string]func([]byte) (any, error){
		"strategy": func(b []byte) (any, error) { asked <- string(b); return nil, nil },
	}, false)
	require.NoError(t, err)
	l, err := a.Acquire(t.Context(), bus.LeasePartition(3), "n")
	require.NoError(t, err)
	heard := witness(t, s, "$KV.>")
	i := intrude(t, s, "caller")
	for _, astray := range []string{"campaign.cmp_7.pause", "scheduler.strategy", "$KV.LEASE.partition.3"} {
		require.NoError(t, i.nc.PublishRequest("$JS.API.STREAM.INFO.DIAL", astray, nil))
	}
	r := within(t, commands, "the answer in a command's place")
	require.False(t, r.Asked(), "which the actor passes over")
	within(t, heard, "the answer in a lease's place")
	require.ErrorIs(t, l.Renew(t.Context()), bus.ErrLost)
	l, err = a.Acquire(t.Context(), bus.LeasePartition(3), "n")
	require.NoError(t, err, "a foreign value must not keep a lease for ever")
	require.NoError(t, l.Renew(t.Context()))
	require.Empty(t, asked)
	require.NoError(t, s.Connect(t, "api", bus.RoleAPI).Ask(t.Context(), "scheduler.strategy", nil, nil))
	require.Equal(t, "", within(t, asked, "the question in earnest"))
}

// Every role does all its work with its own user, and nothing is refused; also when
// everything is gone meanwhile.
func TestRolesWorkWithTheirPermissions(t *testing.T) {
	for _, users := range [][3]string{{"actors", "api", "caller"}, {"node", "node", "node"}} {
		t.Run(users[0], func(t *testing.T) {
			s := bustest.StartShipped(t)
			a := s.Connect(t, users[0], bus.RoleActors)
			p, c := s.Connect(t, users[1], bus.RoleAPI), s.Connect(t, users[2], bus.RoleCaller)
			w := &work{t: t, actors: a, api: p, caller: c}
			w.begin()
			w.round(1)
			s.DeleteStreams(t)
			w.settle()
			w.round(2)
			require.Empty(t, s.Violations())
		})
	}
}

// work is what the roles do, each on a bus of its own.
type work struct {
	t                   *testing.T
	actors, api, caller *bus.Bus
	jobs                <-chan bus.JobDelivery
	reports             <-chan bus.ReportDelivery
	events              watch
	leases              <-chan string
	grants              chan int
}

func (w *work) begin() {
	w.leases = watchLeases(w.t, w.actors)
	w.jobs, _ = consumeJobs(w.t, w.caller, 10)
	w.reports, _ = consumeReports(w.t, w.actors, bus.PartitionOf(7))
	w.events = watchEvents(w.t, w.api, 7, 0)
	svc, err := w.actors.ServeCampaigns([]string{"start"}, all, func(r *bus.Request) { r.Reply(map[string]int{"n": 1}) })
	require.NoError(w.t, err)
	w.t.Cleanup(func() { _ = svc.Stop() })
	for name, b := range map[string]*bus.Bus{"scheduler": w.actors, "callers": w.caller} {
		role, err := b.ServeRole(name, "x", map[string]func([]byte) (any, error){
			"stats": func([]byte) (any, error) { return map[string]int{"n": 2}, nil },
		}, name == "callers")
		require.NoError(w.t, err)
		w.t.Cleanup(func() { _ = role.Stop() })
	}
	w.grants = make(chan int, 100)
	for _, subject := range []string{bus.SubjectDemand(), bus.SubjectGrants("n")} {
		sub, err := bus.Subscribe(w.actors, subject, func(n int) { w.grants <- n })
		require.NoError(w.t, err)
		w.t.Cleanup(sub.Stop)
	}
}

// settle waits until everything is there again.
func (w *work) settle() {
	require.Eventually(w.t, func() bool {
		j, r := make(chan error, 1), make(chan error, 1)
		w.actors.PublishJobs([]campaign.Job{job(7, 100)}, func(err error) { j <- err })
		w.caller.PublishReports([]campaign.Report{report(7, 100)}, func(err error) { r <- err })
		published, reported := <-j, <-r
		return published == nil && reported == nil
	}, patience, 50*time.Millisecond)
	require.NoError(w.t, within(w.t, w.jobs, "the job that tells that all is well").Ack())
	require.NoError(w.t, within(w.t, w.reports, "the report that tells that all is well").Ack())
	within(w.t, w.leases, "the end of a lease")
}

func (w *work) round(n int) {
	t := w.t
	l, err := w.actors.Acquire(t.Context(), bus.LeaseScheduler, fmt.Sprint("n", n))
	require.NoError(t, err)
	require.Equal(t, fmt.Sprint("scheduler=n", n), within(t, w.leases, "the lease"))
	require.NoError(t, l.Renew(t.Context()))

	publishJobs(t, w.actors, job(7, n))
	d := within(t, w.jobs, "the job")
	require.NoError(t, d.InProgress())
	publishReports(t, w.caller, report(7, n))
	require.NoError(t, d.Ack())
	require.NoError(t, w.api.PublishReport(t.Context(), report(7, n+10)))
	for range 2 {
		require.NoError(t, within(t, w.reports, "the report").Ack())
	}
	require.Eventually(t, func() bool { // the watcher may still be looking for its stream
		w.actors.PublishEvents([]campaign.Event{ended(7, 1)})
		select {
		case <-w.events.events:
			return true
		case <-time.After(100 * time.Millisecond):
			return false
		}
	}, patience, time.Millisecond)

	var answer struct{ N int }
	require.NoError(t, w.api.Command(t.Context(), 7, "start", nil, &answer))
	require.Equal(t, 1, answer.N)
	w.api.Poke(7, "start")
	require.NoError(t, w.api.Ask(t.Context(), "scheduler.stats", nil, &answer))
	require.Equal(t, 2, answer.N)
	require.NoError(t, w.actors.Send(bus.SubjectDemand(), 1))
	require.NoError(t, w.actors.Send(bus.SubjectGrants("n"), 2))
	for range 2 {
		within(t, w.grants, "the message between scheduler and node")
	}
	require.NoError(t, l.Release(t.Context()))
	require.Equal(t, "scheduler=", within(t, w.leases, "the release"))
	// Another one, which stands when all is deleted, so that its end is told.
	_, err = w.actors.Acquire(t.Context(), bus.LeasePartition(1), "n")
	require.NoError(t, err)
	require.Equal(t, "partition.1=n", within(t, w.leases, "the second lease"))
	for len(w.events.events) > 0 {
		<-w.events.events
	}
}

// What the README shows people.
func TestPeopleSeeWhatTheyAreShown(t *testing.T) {
	s := bustest.StartShipped(t)
	a, c := s.Connect(t, "actors", bus.RoleActors), s.Connect(t, "caller", bus.RoleCaller)
	w := &work{t: t, actors: a, api: s.Connect(t, "api", bus.RoleAPI), caller: c}
	w.begin()
	publishJobs(t, a, job(8, 1), job(9, 1))
	within(t, w.jobs, "the first job") // keeps it
	nc, err := nats.Connect(s.URL("people"))
	require.NoError(t, err)
	defer nc.Close()

	events, err := nc.SubscribeSync("event.>")
	require.NoError(t, err)
	require.NoError(t, nc.Flush())
	a.PublishEvents([]campaign.Event{ended(7, 1)})
	_, err = events.NextMsg(patience)
	require.NoError(t, err, "nats sub 'event.>'")

	for _, subject := range []string{"campaign.cmp_7.start", "scheduler.stats", "callers.stats"} {
		_, err := nc.Request(subject, nil, patience)
		require.NoError(t, err, "nats req %s", subject)
	}
	require.ElementsMatch(t, []string{"campaigns", "scheduler", "callers"}, services(t, nc, 3), "nats service ls: %v", s.Violations())

	js, err := jetstream.New(nc)
	require.NoError(t, err)
	var names []string
	for info := range js.ListStreams(t.Context()).Info() {
		names = append(names, info.Config.Name)
	}
	require.ElementsMatch(t, []string{"DIAL", "CALLBACK", "EVENT", "KV_LEASE"}, names, "nats stream ls")
	for _, get := range []string{"$JS.API.DIRECT.GET.DIAL", "$JS.API.STREAM.MSG.GET.DIAL"} {
		m, err := nc.Request(get, []byte(`{"seq":1}`), patience)
		require.NoError(t, err)
		require.NotEmpty(t, m.Data, "nats stream view DIAL")
	}
	kv, err := js.KeyValue(t.Context(), "LEASE")
	require.NoError(t, err)
	watcher, err := kv.WatchAll(t.Context())
	require.NoError(t, err)
	require.Nil(t, within(t, watcher.Updates(), "the end of the initial values"))
	_, err = a.Acquire(t.Context(), bus.LeaseScheduler, "n")
	require.NoError(t, err)
	require.Equal(t, "scheduler", within(t, watcher.Updates(), "the lease").Key(), "nats kv watch LEASE")
	require.NoError(t, watcher.Stop())
	require.NoError(t, nc.Flush())
	require.Empty(t, s.Violations())
}

// services are the names of those that answer a ping: of as many as there should be,
// and of one more that answers a moment later.
func services(t *testing.T, nc *nats.Conn, want int) (names []string) {
	inbox := nc.NewInbox()
	sub, err := nc.SubscribeSync(inbox)
	require.NoError(t, err)
	require.NoError(t, nc.PublishRequest("$SRV.PING", inbox, nil))
	for wait := patience; ; {
		if len(names) >= want {
			wait = 300 * time.Millisecond
		}
		m, err := sub.NextMsg(wait)
		if err != nil {
			return names
		}
		name, _, _ := strings.Cut(string(m.Data)[strings.Index(string(m.Data), `"name":"`)+8:], `"`)
		names = append(names, name)
	}
}

// The file says what the embedded server is told, and a node may do exactly what the
// roles may.
func TestShippedConfiguration(t *testing.T) {
	opts := bustest.ShippedOptions(t)
	require.Equal(t, int32(8<<20), opts.MaxPayload)
	require.Equal(t, -1, opts.JetStreamLimits.DefaultMaxConsumers)
	require.Equal(t, 16384, opts.StreamMaxBufferedMsgs)
	require.Equal(t, 8222, opts.HTTPPort)
	require.Equal(t, "nats-1", opts.ServerName)
	require.Equal(t, "SYS", opts.SystemAccount)
	require.Len(t, opts.Routes, 2)
	require.Equal(t, "route", opts.Cluster.Username)
	users := map[string]*server.Permissions{}
	for _, u := range opts.Users {
		require.NotEmpty(t, u.Password)
		users[u.Username] = u.Permissions
	}
	require.Nil(t, users["admin"])
	var publish, subscribe []string
	for _, role := range []string{"actors", "api", "caller"} {
		publish = append(publish, users[role].Publish.Allow...)
		subscribe = append(subscribe, users[role].Subscribe.Allow...)
	}
	ofRoles := func(subjects []string) []string {
		subjects = slices.DeleteFunc(subjects, func(s string) bool { return strings.HasPrefix(s, "_INBOX_") })
		slices.Sort(subjects)
		return slices.Compact(subjects)
	}
	require.Equal(t, ofRoles(publish), ofRoles(users["node"].Publish.Allow))
	require.Equal(t, ofRoles(subscribe), ofRoles(users["node"].Subscribe.Allow))
}

// The file's mapping deals campaigns to the partitions that owners know.
func TestShippedMappingFindsTheOwner(t *testing.T) {
	s := bustest.StartShipped(t)
	a, p := s.Connect(t, "actors", bus.RoleActors), s.Connect(t, "api", bus.RoleAPI)
	var asked atomic.Int64
	owns := func(partition int) bool { return partition == bus.PartitionOf(campaign.ID(asked.Load())) }
	svc, err := a.ServeCampaigns([]string{"start"}, owns, func(r *bus.Request) { r.Reply(nil) })
	require.NoError(t, err)
	defer func() { require.NoError(t, svc.Stop()) }()
	for id := campaign.ID(1); id <= 100; id++ {
		asked.Store(int64(id))
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		require.NoError(t, p.Command(ctx, id, "start", nil, nil), "campaign %v", id)
		cancel()
	}
}

// A password that looks like a number is refused at start, and not taken for another.
func TestAPasswordLikeANumberIsRefused(t *testing.T) {
	for _, bad := range []string{"12345", "4k", "true"} {
		bustest.ShippedOptions(t)
		t.Setenv("DIALTONE_NATS_CALLER_PASSWORD", bad)
		_, err := server.ProcessConfigFile("../nats.conf")
		require.Error(t, err, "password %q", bad)
	}
}

// While passwords are changed, servers may turn away whom they let in before and will let in
// again: that is waited for, however often it happens.
func TestWhoIsShutOutForAWhileComesBack(t *testing.T) {
	s := bustest.StartShipped(t)
	b := s.Connect(t, "node")
	s.SetPassword(t, "node", "another-secret")
	require.Eventually(t, func() bool { return b.Healthy() != nil }, patience, 10*time.Millisecond)
	require.Never(t, func() bool { return strings.Contains(b.Healthy().Error(), "closed") },
		2*time.Second, 10*time.Millisecond, "it is turned away several times")
	s.SetPassword(t, "node", "")
	require.Eventually(t, func() bool { return b.Healthy() == nil }, patience, 10*time.Millisecond)
	publishJobs(t, b, job(7, 1))
}
