package app

import (
	"github.com/prometheus/client_golang/prometheus"

	"dialtone/actors/scheduler"
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
	descAttempts     = desc("caller_attempts_total", "What came of dial jobs, by result.", "result")
	descHeld         = desc("provider_calls", "Calls up at a provider, or being placed there.", "provider")
	descChannels     = desc("provider_channels", "Calls that a provider may have up now; 0 is no limit.", "provider")
	descRate         = desc("provider_calls_per_second", "Calls per second that a provider is given now; 0 is no limit.", "provider")
	descBreaker      = desc("provider_breaker_state", "1 for the state in which a provider's breaker is.", "provider", "state")
	descEnabled      = desc("provider_enabled", "1 where a provider gets calls, 0 where it is drained or removed.", "provider")
	descFailures     = desc("provider_failures_total", "Requests that a provider failed, since this node leads.", "provider")
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
	j := c.a.journal.Stats()
	count(descTransactions, float64(c.a.store.Transactions()))
	count(descBatches, float64(j.Batches))
	count(descOps, float64(j.Ops))
	b := c.a.bus.Counters()
	count(descBus, float64(b.JobsPublished), "dial", "published")
	count(descBus, float64(b.JobsDelivered), "dial", "delivered")
	count(descBus, float64(b.ReportsPublished), "callback", "published")
	count(descBus, float64(b.ReportsDelivered), "callback", "delivered")
	count(descBus, float64(b.Redelivered), "all", "redelivered")
	if node := c.a.node.Load(); node != nil {
		ch <- prometheus.MustNewConstMetric(descPartitions, prometheus.GaugeValue, float64(node.Owned()))
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
