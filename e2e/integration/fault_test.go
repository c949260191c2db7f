package integration

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/require"
)

// fault is something that happens to a part of the cluster.
type fault struct {
	name string
	// inject does it, sees to it that it happened, and returns what undoes it, and the
	// services that are to be well again then.
	inject func(*site) (undo func(), hit []string)
	// survivable says that campaigns go on while it lasts; else they do after it.
	survivable bool
	hold       time.Duration // how long it lasts at least
}

// faults has those of the campaign whose owner is hit.
func faults(r *running) []fault {
	owner := func(s *site) string { return s.queues.owner(r.id) }
	return []fault{
		{name: "the campaign's node is killed", inject: killed(owner), survivable: true},
		{name: "the scheduler's leader is killed", inject: killed(func(s *site) string { return s.api.leader() }), survivable: true},
		{name: "the campaign's node hangs", inject: hanging(owner), survivable: true, hold: 20 * time.Second},
		{name: "the campaign's node loses the network", inject: cutOff(owner), survivable: true},
		{name: "the NATS server that leads DIAL is killed", inject: killed(func(s *site) string { return s.queues.leader("DIAL") }), survivable: true},
		{name: "the NATS server that leads CALLBACK ends by itself", inject: ended(func(s *site) string { return s.queues.leader("CALLBACK") }), survivable: true},
		{name: "all NATS servers are killed", inject: allKilled(queue), hold: 3 * time.Second},
		{name: "PostgreSQL is restarted", inject: restarted("postgres")},
		{name: "PostgreSQL hangs", inject: hanging(func(*site) string { return "postgres" }), hold: 10 * time.Second},
		{name: "a provider is killed", inject: bereft("mock-a", "mock-b", r), survivable: true},
		{name: "every node is restarted, one after the other", inject: rolled},
	}
}

// killed ends a container as a crash does, and starts it again.
func killed(which func(*site) string) func(*site) (func(), []string) {
	return func(s *site) (func(), []string) { return allKilled([]string{which(s)})(s) }
}

func allKilled(services []string) func(*site) (func(), []string) {
	return func(s *site) (func(), []string) {
		s.t.Helper()
		compose(s.t, append([]string{"kill"}, services...)...)
		for _, c := range containers(s.t, services...) {
			require.False(s.t, c.State.Running, c.Name)
			require.Equal(s.t, 128+9, c.State.ExitCode, c.Name)
		}
		return func() { compose(s.t, append([]string{"start"}, services...)...) }, services
	}
}

// bereft kills a mock while another carries calls of a campaign as well, which is away
// itself now and then: a campaign with all of its slots at one that is gone waits until
// those calls are settled.
func bereft(mock, other string, r *running) func(*site) (func(), []string) {
	return func(s *site) (func(), []string) {
		s.t.Helper()
		from := time.Now()
		eventually(s.t, patience, func() (bool, string) {
			s.read()
			n := s.carried(other, r, from)
			return n >= few, fmt.Sprintf("%d calls of %s placed by %s, of %d", n, r.Name, other, few)
		})
		return allKilled([]string{mock})(s)
	}
}

// ended has the first process of a container end by itself, and leaves it to Docker to
// start the container again: nobody does that for one who was killed by name.
func ended(which func(*site) string) func(*site) (func(), []string) {
	return func(s *site) (func(), []string) {
		s.t.Helper()
		service := which(s)
		before := inspect(s.t, service)
		compose(s.t, "exec", "-T", service, "kill", "-TERM", "1")
		return func() {
			eventually(s.t, patience, func() (bool, string) {
				return inspect(s.t, service).RestartCount == before.RestartCount+1, service + " was not started again"
			})
		}, []string{service}
	}
}

// hanging freezes every process of a container.
func hanging(which func(*site) string) func(*site) (func(), []string) {
	return func(s *site) (func(), []string) {
		s.t.Helper()
		service := which(s)
		compose(s.t, "pause", service)
		require.True(s.t, inspect(s.t, service).State.Paused)
		return func() {
			require.True(s.t, inspect(s.t, service).State.Paused, "it hung all the time")
			compose(s.t, "unpause", service)
		}, []string{service}
	}
}

// cutOff takes a container off the network, with its connections.
func cutOff(which func(*site) string) func(*site) (func(), []string) {
	return func(s *site) (func(), []string) {
		s.t.Helper()
		service := which(s)
		before := inspect(s.t, service)
		require.Len(s.t, before.NetworkSettings.Networks, 1)
		for network := range before.NetworkSettings.Networks {
			docker(s.t, "network", "disconnect", network, before.ID)
			require.Empty(s.t, inspect(s.t, service).NetworkSettings.Networks)
			return func() {
				docker(s.t, "network", "connect", "--alias", service, "--alias", "api", network, before.ID)
				require.Len(s.t, inspect(s.t, service).NetworkSettings.Networks, 1)
			}, []string{service}
		}
		return nil, nil
	}
}

// restarted stops a container in good order and starts it again.
func restarted(service string) func(*site) (func(), []string) {
	return func(s *site) (func(), []string) {
		s.t.Helper()
		before := inspect(s.t, service).State.StartedAt
		compose(s.t, "restart", service)
		require.True(s.t, inspect(s.t, service).State.StartedAt.After(before), "%s was restarted", service)
		return func() {}, []string{service}
	}
}

// rolled is how a cluster is upgraded: each node stops in good order, starts, and is
// well again before the next one stops.
func rolled(s *site) (undo func(), hit []string) {
	s.t.Helper()
	for _, n := range nodes {
		restarted(n)(s)
		healthy(s.t, n)
	}
	return func() {}, nodes
}
