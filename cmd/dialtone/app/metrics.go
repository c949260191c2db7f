package app

import (
	"context"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"dialtone/actors/scheduler"
	"dialtone/api"
	"dialtone/provider/breaker"
)

// collector reads the parts' own counters when somebody asks for metrics.
type collector struct{ a *App }

func (a *App) collector() prometheus.Collector { return collector{a} }

var (
	descTransactions = desc("store_transactions_total", "Write transactions committed.")
	descBatches      = desc("journal_batches_total", "Batches that the journal has committed.")
	descOps          = desc("journal_operations_total", "Operations that the journal has committed.")
	descPartitions   = desc("partitions_owned", "Partitions that this node owns.")
	descUnreadable   = desc("campaigns_unreadable", "Campaigns of this node that stand still since they can't be read from the database.")
	descAttempts     = desc("caller_attempts_total", "What came of dial jobs, by result.", "result")
	descHeld         = desc("provider_calls", "Calls up at a provider, or being placed there.", "provider")
	descChannels     = desc("provider_channels", "Calls that a provider may have up now; 0 is no limit.", "provider")
	descRate         = desc("provider_calls_per_second", "Calls per second that a provider is given now; 0 is no limit.", "provider")
	descBreaker      = desc("provider_breaker_state", "1 for the state in which a provider's breaker is.", "provider", "state")
	descEnabled      = desc("provider_enabled", "1 where a provider gets calls, 0 where it is drained or removed.", "provider")
	descFailures     = desc("provider_failures_total", "Requests that a provider failed, since this node leads.", "provider")
	descBuild        = desc("build_info", "Always 1; which version this process is.", "version")
	descReady        = desc("ready", "1 where /readyz answers 200.")
	descMissing      = desc("missing", "1 for each part that keeps this process from being ready.", "part")
	descSpent        = desc("journal_commit_seconds_total", "Time that the journal's batches took to be committed.")
	descStalled      = desc("journal_stalled_seconds", "How long the journal has been trying to commit the batch in hand.")
	descWaiting      = desc("journal_waiting_operations", "Operations that wait for the next batch.")
	descRetries      = desc("journal_retries_total", "Batches tried again, since the database was away.")
	descRefused      = desc("journal_refused_total", "Batches that the database refused for good.")
	descEnded        = desc("attempts_ended_total", "Attempts whose end this node has committed, by how they ended.", "disposition")
	descLeader       = desc("scheduler_leader", "1 on the node whose scheduler leads.")
	descGranting     = desc("scheduler_granting", "1 where the leader knows all that it must to grant; on that node alone.")
	descSlots        = desc("slots", "Dial tokens in use, by what is known of their calls; on the leader alone.", "evidence")
	descAmbiguous    = desc("slots_oldest_ambiguous_seconds", "Age of the longest open question whether a call was dialled; on the leader alone.")
	descQueue        = desc("queue_messages", "Messages in a work queue that are not done; on the leader alone.", "queue")
	descOldest       = desc("queue_oldest_seconds", "Age of the oldest message in a work queue; on the leader alone.", "queue")
	descTrouble      = desc("bus_trouble_total", "What went wrong with NATS, by kind.", "kind")
	descBus          = desc("bus_messages_total", "Messages of the work queues, by queue and what happened.", "queue", "what")
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("dialtone_"+name, help, labels, nil)
}

// Describe sends nothing: which metrics there are depends on the roles.
func (c collector) Describe(chan<- *prometheus.Desc) {}

func (c collector) Collect(ch chan<- prometheus.Metric) {
	count := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	ctx, cancel := context.WithTimeout(context.Background(), collectPatience)
	defer cancel()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(descBuild, 1, Version)
	c.collectReady(ctx, gauge)
	c.collectLeader(ctx, gauge)
	j := c.a.journal.Stats()
	count(descSpent, j.Spent.Seconds())
	count(descRetries, float64(j.Retries))
	count(descRefused, float64(j.Refused))
	gauge(descStalled, j.Stalled.Seconds())
	gauge(descWaiting, float64(j.Waiting))
	count(descTransactions, float64(c.a.store.Transactions()))
	count(descBatches, float64(j.Batches))
	count(descOps, float64(j.Ops))
	b := c.a.bus.Counters()
	count(descBus, float64(b.JobsPublished), "dial", "published")
	count(descBus, float64(b.JobsDelivered), "dial", "delivered")
	count(descBus, float64(b.ReportsPublished), "callback", "published")
	count(descBus, float64(b.ReportsDelivered), "callback", "delivered")
	count(descBus, float64(b.Redelivered), "all", "redelivered")
	count(descTrouble, float64(b.PublishFailures), "publish_failed")
	count(descTrouble, float64(b.Undecodable), "undecodable")
	count(descTrouble, float64(b.EventsDropped), "events_dropped")
	count(descTrouble, float64(b.Reconnects), "reconnected")
	count(descTrouble, float64(b.Repairs), "streams_made_again")
	count(descTrouble, float64(b.SlowConsumers), "slow_consumer")
	if node := c.a.node.Load(); node != nil {
		gauge(descPartitions, float64(node.Owned()))
		unread, asleep := node.Troubles()
		gauge(descUnreadable, float64(len(unread)+len(asleep)))
		for d, n := range c.a.ended.all() {
			count(descEnded, float64(n), string(d))
		}
	}
	if leader := c.a.scheduler.Load(); leader != nil {
		collectProviders(ch, leader.Health())
	}
	if caller := c.a.caller.Load(); caller != nil {
		s := caller.Stats()
		count(descAttempts, float64(s.Placed), "placed")
		count(descAttempts, float64(s.Refused), "refused")
		count(descAttempts, float64(s.GivenBack), "given_back")
		count(descAttempts, float64(s.Ambiguous), "ambiguous")
		count(descAttempts, float64(s.Taken), "taken")
		count(descAttempts, float64(s.Settled), "settled")
		count(descAttempts, float64(s.HungUp), "hung_up")
	}
}

// collectPatience is how long a scrape may take that has to ask others.
const collectPatience = 3 * time.Second

type gauger func(d *prometheus.Desc, v float64, labels ...string)

func (c collector) collectReady(ctx context.Context, gauge gauger) {
	missing := c.a.missing(ctx)
	gauge(descReady, oneIf(len(missing) == 0))
	for _, part := range []string{partService, partStore, partNATS, partLeases, partCampaigns} {
		gauge(descMissing, oneIf(slices.ContainsFunc(missing, func(m api.Missing) bool { return m.Part == part })), part)
	}
}

// collectLeader tells what only the leader tells, so that it stands once among all nodes.
func (c collector) collectLeader(ctx context.Context, gauge gauger) {
	candidate := c.a.scheduler.Load()
	if candidate == nil {
		return
	}
	asking, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	g, leads := candidate.Gauges(asking)
	gauge(descLeader, oneIf(leads))
	if !leads {
		return
	}
	gauge(descGranting, oneIf(g.Granting))
	for evidence, n := range g.Slots {
		gauge(descSlots, float64(n), string(evidence))
	}
	gauge(descAmbiguous, g.OldestAmbiguous.Seconds())
	backlogs, err := c.a.bus.Backlogs(asking)
	if err != nil {
		c.a.log.Debug("how full the queues are is not known", "error", err)
	}
	for _, b := range backlogs {
		gauge(descQueue, float64(b.Messages), b.Queue)
		age := time.Duration(0)
		if !b.Oldest.IsZero() {
			age = max(0, time.Since(b.Oldest))
		}
		gauge(descOldest, age.Seconds(), b.Queue)
	}
}

// collectProviders tells how the providers are, where this node leads the scheduler.
func collectProviders(ch chan<- prometheus.Metric, providers []scheduler.ProviderStatus) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for _, p := range providers {
		gauge(descHeld, float64(p.Held), p.Provider)
		gauge(descChannels, float64(p.ChannelsNow), p.Provider)
		gauge(descRate, p.CallsPerSecondNow, p.Provider)
		for _, s := range []breaker.State{breaker.Closed, breaker.Open, breaker.HalfOpen} {
			gauge(descBreaker, oneIf(p.Breaker == s), p.Provider, string(s))
		}
		gauge(descEnabled, oneIf(p.State == scheduler.ProviderEnabled), p.Provider)
		ch <- prometheus.MustNewConstMetric(descFailures, prometheus.CounterValue, float64(p.Failures), p.Provider)
	}
}

func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
