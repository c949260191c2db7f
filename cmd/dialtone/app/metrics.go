package app

import (
	"github.com/prometheus/client_golang/prometheus"
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
	if c.a.node != nil {
		ch <- prometheus.MustNewConstMetric(descPartitions, prometheus.GaugeValue, float64(c.a.node.Owned()))
	}
	if c.a.caller != nil {
		s := c.a.caller.Stats()
		count(descAttempts, float64(s.Placed), "placed")
		count(descAttempts, float64(s.Refused), "refused")
		count(descAttempts, float64(s.GivenBack), "given_back")
		count(descAttempts, float64(s.Ambiguous), "ambiguous")
		count(descAttempts, float64(s.Taken), "taken")
		count(descAttempts, float64(s.Settled), "settled")
		count(descAttempts, float64(s.HungUp), "hung_up")
	}
}
