package integration

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"dialtone/bus"
	"dialtone/campaign"
)

// streams are all that the nodes keep in JetStream; KV_LEASE is the bucket of leases.
var streams = []string{"DIAL", "CALLBACK", "EVENT", "KV_LEASE"}

// queues looks into the NATS cluster as an operator with the nats command does.
type queues struct {
	t  *testing.T
	js jetstream.JetStream
}

func connect(s *settings) *queues {
	s.t.Helper()
	// What the servers tell of each other are addresses inside their network.
	nc, err := nats.Connect(s.natsURLs(), nats.IgnoreDiscoveredServers(), nats.MaxReconnects(-1), nats.ReconnectWait(200*time.Millisecond))
	require.NoError(s.t, err)
	s.t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	require.NoError(s.t, err)
	return &queues{s.t, js}
}

// info is how a stream is, once its servers agree on it.
func (q *queues) info(stream string) (info *jetstream.StreamInfo) {
	q.t.Helper()
	eventually(q.t, patience, func() (bool, string) {
		found, err := q.js.Stream(q.t.Context(), stream)
		if err != nil {
			return false, "stream " + stream + ": " + err.Error()
		}
		info = found.CachedInfo()
		if info.Cluster == nil || info.Cluster.Leader == "" {
			return false, "stream " + stream + " has no leader"
		}
		return true, ""
	})
	return info
}

// leader is the server that leads a stream.
func (q *queues) leader(stream string) string { return q.info(stream).Cluster.Leader }

// replicated waits until every stream has all its copies, and they are up to date.
func (q *queues) replicated() {
	q.t.Helper()
	eventually(q.t, patience, func() (bool, string) {
		for _, stream := range streams {
			info := q.info(stream)
			current := 1
			for _, r := range info.Cluster.Replicas {
				if r.Current && !r.Offline {
					current++
				}
			}
			if current != info.Config.Replicas {
				return false, "stream " + stream + " lacks a copy"
			}
		}
		return true, ""
	})
}

// owner is the node that has a campaign's partition.
func (q *queues) owner(id campaign.ID) (service string) {
	q.t.Helper()
	eventually(q.t, patience, func() (bool, string) {
		name := bus.LeasePartition(bus.PartitionOf(id))
		kv, err := q.js.KeyValue(q.t.Context(), "LEASE")
		if err != nil {
			return false, "bucket LEASE: " + err.Error()
		}
		entry, err := kv.Get(q.t.Context(), name)
		if err != nil {
			return false, "lease " + name + ": " + err.Error()
		}
		var lease struct {
			Holder string `json:"holder"`
		}
		require.NoError(q.t, json.Unmarshal(entry.Value(), &lease))
		service = serviceOf(q.t, lease.Holder)
		return true, ""
	})
	return service
}

// told lists the events of a campaign's call, as they stand in the stream.
func (q *queues) told(id campaign.ID, call string) (events []string) {
	q.t.Helper()
	ctx, cancel := context.WithTimeout(q.t.Context(), patience)
	defer cancel()
	all, err := q.js.OrderedConsumer(ctx, "EVENT", jetstream.OrderedConsumerConfig{FilterSubjects: []string{"event." + id.String() + ".>"}})
	require.NoError(q.t, err)
	for {
		batch, err := all.FetchNoWait(500)
		require.NoError(q.t, err)
		n := 0
		for m := range batch.Messages() {
			n++
			if strings.Contains(string(m.Data()), `"`+call+`"`) {
				events = append(events, string(m.Data()))
			}
		}
		if n == 0 {
			return events
		}
	}
}
