package bus_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"dialtone/bus"
	"dialtone/bus/bustest"
	"dialtone/campaign"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"github.com/sourcegraph/conc"
	"github.com/stretchr/testify/require"
)

func all(int) bool { return true }

func serve(t *testing.T, b *bus.Bus, owns func(int) bool, handle func(*bus.Request)) bus.Service {
	t.Helper()
	svc, err := b.ServeCampaigns([]string{"start", "stats", "wake"}, owns, handle)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, svc.Stop()) })
	return svc
}

func TestCommandReachesTheOwner(t *testing.T) {
	b := bustest.Start(t)
	own := bus.PartitionOf(7)
	serve(t, b, func(p int) bool { return p == own }, func(r *bus.Request) {
		go func() { // later, from another goroutine
			var in map[string]int
			_ = json.Unmarshal(r.Body, &in)
			r.Reply(map[string]any{"id": r.Campaign, "action": r.Action, "n": in["n"] + 1})
			r.Fail(errors.New("too late"))
		}()
	})
	serve(t, b, func(p int) bool { return p != own }, func(r *bus.Request) { r.Fail(errors.New("not the owner")) })
	var out struct {
		ID     campaign.ID `json:"id"`
		Action string      `json:"action"`
		N      int         `json:"n"`
	}
	require.NoError(t, b.Command(t.Context(), 7, "start", map[string]int{"n": 1}, &out))
	require.Equal(t, campaign.ID(7), out.ID)
	require.Equal(t, "start", out.Action)
	require.Equal(t, 2, out.N)
	require.NoError(t, b.Command(t.Context(), 7, "stats", nil, nil))
}

func TestCommandRefusedIsTheOwnersError(t *testing.T) {
	b := bustest.Start(t)
	want := &campaign.Error{Code: campaign.CodeConflict, Message: "The campaign is canceled;\nmake another.", Field: "status"}
	serve(t, b, all, func(r *bus.Request) {
		if r.Action == "start" {
			r.Fail(want)
		} else {
			r.Fail(errors.New("out of beans"))
		}
	})
	err := b.Command(t.Context(), 7, "start", nil, nil)
	var got *campaign.Error
	require.ErrorAs(t, err, &got)
	require.Equal(t, want, got)
	require.Equal(t, campaign.CodeInternal, campaign.CodeOf(b.Command(t.Context(), 7, "stats", nil, nil)))

	nc, _ := guest(t, b) // as the nats command line sees it
	m, err := nc.Request("campaign.cmp_7.start", nil, patience)
	require.NoError(t, err)
	require.Equal(t, "conflict", m.Header.Get(micro.ErrorCodeHeader))
	require.Equal(t, "status: The campaign is canceled; make another.", m.Header.Get(micro.ErrorHeader))
}

// All faults of a request arrive, not the first of them only.
func TestCommandRefusedWithSeveralFaults(t *testing.T) {
	b := bustest.Start(t)
	want := campaign.Errors{campaign.Invalid("parameters.a", "Give\na number."), campaign.Invalid("parameters.b", "Leave it out.")}
	roles, err := b.ServeRole("tester", "Refuses", map[string]func([]byte) (any, error){
		"several": func([]byte) (any, error) { return nil, fmt.Errorf("choose: %w", want) },
		"one":     func([]byte) (any, error) { return nil, want[:1] },
	}, false)
	require.NoError(t, err)
	defer func() { require.NoError(t, roles.Stop()) }()
	err = b.Ask(t.Context(), "tester.several", nil, nil)
	var got campaign.Errors
	require.ErrorAs(t, err, &got)
	require.Equal(t, want, got)
	require.Equal(t, want[0], b.Ask(t.Context(), "tester.one", nil, nil))
	serve(t, b, all, func(r *bus.Request) { r.Fail(want) })
	require.Equal(t, want, b.Command(t.Context(), 7, "start", nil, nil))

	nc, _ := guest(t, b) // as the nats command line sees it
	m, err := nc.Request("tester.several", nil, patience)
	require.NoError(t, err)
	require.Equal(t, "invalid", m.Header.Get(micro.ErrorCodeHeader))
	require.Equal(t, "parameters.a: Give a number. (and 1 more)", m.Header.Get(micro.ErrorHeader))
	require.JSONEq(t, `{"code": "invalid", "field": "parameters.a", "message": "Give\na number.", "errors": [
		{"code": "invalid", "field": "parameters.a", "message": "Give\na number."}, {"code": "invalid", "field": "parameters.b", "message": "Leave it out."}]}`, string(m.Data))
}

// What takes longer than a try of Ask's is asked once, and answered.
func TestAskOnceWaits(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t)
	var asked atomic.Int64
	roles, err := b.ServeRole("thinker", "Takes its time", map[string]func([]byte) (any, error){
		"forecast": func([]byte) (any, error) {
			asked.Add(1)
			<-time.After(2500 * time.Millisecond) // longer than a try
			return 42, nil
		},
	}, false)
	require.NoError(t, err)
	defer func() { require.NoError(t, roles.Stop()) }()
	var answer int
	require.NoError(t, b.AskOnce(t.Context(), "thinker.forecast", nil, &answer))
	require.Equal(t, 42, answer)
	require.EqualValues(t, 1, asked.Load())

	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	require.Equal(t, campaign.CodeUnavailable, campaign.CodeOf(b.AskOnce(ctx, "nobody.forecast", nil, nil)))
}

func TestCommandThatNobodyAnswersIsUnavailable(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	err := b.Command(ctx, 7, "start", nil, nil) // no responders
	require.Equal(t, campaign.CodeUnavailable, campaign.CodeOf(err))
	require.Contains(t, err.Error(), "cmp_7")
	require.Positive(t, b.Counters().CommandRetries)

	serve(t, b, func(int) bool { return false }, func(*bus.Request) {})
	ctx, cancel = context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	err = b.Command(ctx, 7, "start", nil, nil) // silence
	require.Equal(t, campaign.CodeUnavailable, campaign.CodeOf(err))
}

// Between two owners nobody answers; the asker does not notice.
func TestCommandIsAskedAgainUntilThereIsAnOwner(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t)
	time.AfterFunc(500*time.Millisecond, func() {
		_, err := b.ServeCampaigns([]string{"start"}, all, func(r *bus.Request) { r.Reply(nil) })
		if err != nil {
			t.Error(err)
		}
	})
	require.NoError(t, b.Command(t.Context(), 7, "start", nil, nil))
	require.Positive(t, b.Counters().CommandRetries)
}

func TestCommandIsAskedAgainWhenTheOwnerWasSilent(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t)
	var owner atomic.Bool
	serve(t, b, func(int) bool { return owner.Swap(true) }, func(r *bus.Request) { r.Reply(nil) })
	start := time.Now()
	require.NoError(t, b.Command(t.Context(), 7, "start", nil, nil))
	require.Less(t, time.Since(start), 5*time.Second)
}

func TestPokeArrivesAndNeedsNoAnswer(t *testing.T) {
	b := bustest.Start(t)
	got := make(chan campaign.ID, 1)
	serve(t, b, all, func(r *bus.Request) { r.Reply("nobody hears this"); got <- r.Campaign })
	b.Poke(9, "wake")
	require.Equal(t, campaign.ID(9), within(t, got, "the poke"))
}

func TestRoleAnswers(t *testing.T) {
	b := bustest.Start(t)
	svc, err := b.ServeRole(bus.ServiceScheduler, "Grants dial tokens.", map[string]func([]byte) (any, error){
		"stats":    func([]byte) (any, error) { return map[string]int{"granted": 3}, nil },
		"strategy": func(body []byte) (any, error) { return nil, campaign.Invalid("name", "no strategy %s", body) },
		"slots":    func([]byte) (any, error) { return nil, bus.ErrNotMine },
	}, false)
	require.NoError(t, err)
	defer func() { require.NoError(t, svc.Stop()) }()
	var stats map[string]int
	require.NoError(t, b.Ask(t.Context(), bus.SubjectRole("scheduler", "stats"), nil, &stats))
	require.Equal(t, 3, stats["granted"])
	err = b.Ask(t.Context(), bus.SubjectRole("scheduler", "strategy"), "x", nil)
	require.Equal(t, campaign.CodeInvalid, campaign.CodeOf(err))
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	err = b.Ask(ctx, bus.SubjectRole("scheduler", "slots"), nil, nil)
	require.Equal(t, campaign.CodeUnavailable, campaign.CodeOf(err))
}

// `nats service ls` asks this.
func TestServicesAreListed(t *testing.T) {
	b := bustest.Start(t, bustest.WithName("node-1"))
	serve(t, b, all, func(r *bus.Request) { r.Reply(nil) })
	for _, role := range []string{bus.ServiceScheduler, bus.ServiceCallers} {
		svc, err := b.ServeRole(role, "A role.", map[string]func([]byte) (any, error){
			"stats": func([]byte) (any, error) { return nil, nil },
		}, role == bus.ServiceCallers)
		require.NoError(t, err)
		defer func() { require.NoError(t, svc.Stop()) }()
	}
	require.NoError(t, b.Command(t.Context(), 7, "start", nil, nil))
	nc, _ := guest(t, b)
	infos := map[string]micro.Info{}
	inbox := make(chan *nats.Msg, 10)
	sub, err := nc.ChanSubscribe("_INBOX.list", inbox)
	require.NoError(t, err)
	defer func() { _ = sub.Unsubscribe() }()
	require.NoError(t, nc.PublishRequest("$SRV.INFO", "_INBOX.list", nil))
	for range 3 {
		var info micro.Info
		require.NoError(t, json.Unmarshal(within(t, inbox, "a service").Data, &info))
		infos[info.Name] = info
		require.Equal(t, "node-1", info.Metadata["node"])
	}
	require.Len(t, infos["campaigns"].Endpoints, 3)
	require.Equal(t, "campaigns.*.*.start", infos["campaigns"].Endpoints[0].Subject)
	require.Empty(t, infos["campaigns"].Endpoints[0].QueueGroup)
	require.Equal(t, "callers.stats", infos["callers"].Endpoints[0].Subject)
	require.NotEmpty(t, infos["callers"].Endpoints[0].QueueGroup)

	require.Eventually(t, func() bool { // a request is counted when it has been answered
		m, err := nc.Request("$SRV.STATS.campaigns", nil, patience)
		if err != nil {
			return false
		}
		var stats micro.Stats
		return json.Unmarshal(m.Data, &stats) == nil && stats.Endpoints[0].NumRequests == 1
	}, patience, time.Millisecond)
}

// The partition that the server's mapping computes is ours.
func TestPartitionIsTheServers(t *testing.T) {
	b := bustest.Start(t)
	nc, _ := guest(t, b)
	heard := make(chan *nats.Msg, 1000)
	sub, err := nc.ChanSubscribe("campaigns.*.*.probe", heard)
	require.NoError(t, err)
	defer func() { _ = sub.Unsubscribe() }()
	require.NoError(t, nc.Flush())
	used := map[int]bool{}
	for n := range 500 {
		id := campaign.ID(n*n*n + 1)
		b.Poke(id, "probe")
		m := within(t, heard, "the mapped command")
		require.Equal(t, bus.SubjectOwned(bus.PartitionOf(id), id, "probe"), m.Subject)
		used[bus.PartitionOf(id)] = true
	}
	require.Len(t, used, bus.Partitions)
}

// What takes its time keeps no request behind it waiting, and the end waits for it.
func TestLaterIsWorkedOutBesideTheRest(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t)
	begun, finish := make(chan struct{}), make(chan struct{})
	roles, err := b.ServeRole("thinker", "Takes its time", map[string]func([]byte) (any, error){
		"ponder": func(body []byte) (any, error) {
			switch string(body) {
			case "slow":
				return bus.Later(func() (any, error) {
					close(begun)
					<-finish
					return 1, nil
				}), nil
			case "refused":
				return bus.Later(func() (any, error) { return nil, campaign.Conflict("No.") }), nil
			}
			return 2, nil
		},
	}, false)
	require.NoError(t, err)
	var slow, quick int
	var asking conc.WaitGroup
	asking.Go(func() { require.NoError(t, b.AskOnce(t.Context(), "thinker.ponder", []byte("slow"), &slow)) })
	<-begun
	require.NoError(t, b.Ask(t.Context(), "thinker.ponder", []byte("quick"), &quick))
	require.Equal(t, 2, quick)
	require.Equal(t, campaign.CodeConflict, campaign.CodeOf(b.Ask(t.Context(), "thinker.ponder", []byte("refused"), nil)))

	stopped := make(chan struct{})
	asking.Go(func() {
		require.NoError(t, roles.Stop())
		close(stopped)
	})
	select {
	case <-stopped:
		require.Fail(t, "it does not wait for what is being worked out")
	case <-time.After(50 * time.Millisecond):
	}
	close(finish)
	asking.Wait()
	require.Equal(t, 1, slow)
	require.NoError(t, roles.Stop())
}

// Who can't answer for a moment says so, and is asked again at once, not after the time
// that an owner has who is there and silent.
func TestCommandIsAskedAgain(t *testing.T) {
	b := bustest.Start(t)
	serve(t, b, func(int) bool { return false }, nil) // another node, which has no say
	var asked atomic.Int32
	serve(t, b, all, func(r *bus.Request) {
		if asked.Add(1) < 3 {
			r.Again()
			r.Reply("too late")
			return
		}
		r.Reply("done")
	})
	var answer string
	start := time.Now()
	require.NoError(t, b.Command(t.Context(), 7, "start", nil, &answer))
	require.Equal(t, "done", answer)
	require.EqualValues(t, 3, asked.Load())
	require.Less(t, time.Since(start), 3500*time.Millisecond) // two silences are 4 s
	require.EqualValues(t, 2, b.Counters().CommandRetries)

	// Who does not know of it, of another version, reads a refusal.
	raw, _ := guest(t, b)
	asked.Store(0)
	m, err := raw.Request("campaign.cmp_7.start", nil, patience)
	require.NoError(t, err)
	require.Contains(t, m.Header.Get("Nats-Service-Error"), "changing hands")
}
