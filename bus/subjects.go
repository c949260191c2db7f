package bus

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"dialtone/campaign"
)

// Partitions is the number of parts into which campaigns are dealt.  It stands
// in the CALLBACK stream's transform and in every node's leases, so changing it
// takes an empty CALLBACK stream and a stop of all nodes.
const Partitions = 64

// The names of what lives in JetStream.
const (
	streamDial     = "DIAL"
	streamCallback = "CALLBACK"
	streamEvent    = "EVENT"
	bucketLease    = "LEASE"
	streamLease    = "KV_" + bucketLease
	durableCallers = "callers"
)

// The names of the services, which are the roles.
const (
	ServiceCampaigns = "campaigns"
	ServiceScheduler = "scheduler"
	ServiceCallers   = "callers"
)

// LeaseScheduler is the name of the lease whose holder is the scheduler.
const LeaseScheduler = "scheduler"

// LeasePartitions are the names of the leases on partitions.
const (
	leasePartition  = "partition."
	LeasePartitions = leasePartition + "*"
)

// LeasePartition is the name of the lease on a partition.
func LeasePartition(n int) string { return leasePartition + strconv.Itoa(n) }

// ParseLeasePartition is the reverse of LeasePartition; ok is false for every
// other name.
func ParseLeasePartition(name string) (n int, ok bool) {
	digits, ok := strings.CutPrefix(name, leasePartition)
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(digits)
	return n, err == nil && n >= 0 && n < Partitions
}

// LeaseNodes are the names of the leases that say which nodes are there.
const (
	leaseNode  = "node."
	LeaseNodes = leaseNode + "*"
)

// LeaseNode is the name of the lease that says that a node is there.
func LeaseNode(node string) string {
	var name strings.Builder
	name.WriteString(leaseNode)
	for _, c := range []byte(node) {
		if c == '-' || c == '_' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' {
			name.WriteByte(c)
		} else {
			fmt.Fprintf(&name, "=%02X", c)
		}
	}
	return name.String()
}

// ParseLeaseNode is the reverse of LeaseNode; ok is false for every other name.
func ParseLeaseNode(name string) (node string, ok bool) {
	coded, ok := strings.CutPrefix(name, leaseNode)
	if !ok {
		return "", false
	}
	raw, err := url.PathUnescape(strings.ReplaceAll(coded, "=", "%"))
	return raw, err == nil && LeaseNode(raw) == name
}

// PartitionOf is the partition of a campaign: FNV-1a (32 bits) of the id's
// public form, modulo Partitions.  It equals what the server computes for
// {{partition(16,1)}} from the subject.
func PartitionOf(id campaign.ID) int {
	const offset, prime = 2166136261, 16777619
	h := uint32(offset)
	for _, c := range []byte(id.String()) {
		h = (h ^ uint32(c)) * prime
	}
	return int(h % Partitions)
}

// partitionToken is {{partition(64,1)}}.
var partitionToken = "{{partition(" + strconv.Itoa(Partitions) + ",1)}}"

// The subjects bound to the streams, and what becomes of a report's subject on
// its way in.
const (
	subjectsDial     = "dial.*.*"
	subjectsCallback = "callback.*"
	subjectsEvent    = "event.>"
	subjectsLease    = "$KV." + bucketLease + ".>"
)

func transformedCallback() string { return "callback." + partitionToken + ".{{wildcard(1)}}" }

// The account's mapping of commands, from what people ask to what the owner of
// a partition hears.
const commandsAsked = "campaign.*.*"

func commandsMapped() string {
	return "campaigns." + partitionToken + ".{{wildcard(1)}}.{{wildcard(2)}}"
}

// CommandMapping is the account's mapping of commands, which a server that is not
// embedded needs in its configuration.
func CommandMapping() (from, to string) { return commandsAsked, commandsMapped() }

func subjectDial(provider string, id campaign.ID) string {
	return "dial." + token(provider) + "." + id.String()
}

func subjectCallback(id campaign.ID) string { return "callback." + id.String() }

// groupPartition names the groups of reports that travel in one message: all of
// a partition, on the subject of the first.  With hundreds of campaigns a message
// for each of them would be one for nearly every report.
var groupPartition = func() (names [Partitions]string) {
	for n := range names {
		names[n] = durablePartition(n)
	}
	return names
}()

func filterPartition(n int) string { return "callback." + strconv.Itoa(n) + ".*" }

func durablePartition(n int) string { return "partition-" + strconv.Itoa(n) }

// subjectEvent is where an event of a campaign or a provider is told.
func subjectEvent(of string, t campaign.EventType) string { return "event." + of + "." + string(t) }

func filterEvents(id campaign.ID) string { return "event." + id.String() + ".>" }

// eventTypeOf reads the type back from an event's subject.
func eventTypeOf(subject string) campaign.EventType {
	parts := strings.SplitN(subject, ".", 3)
	if len(parts) < 3 {
		return ""
	}
	return campaign.EventType(parts[2])
}

func subjectLease(name string) string { return "$KV." + bucketLease + "." + name }

func subjectCommand(id campaign.ID, action string) string {
	return "campaign." + id.String() + "." + action
}

func subjectOwned(action string) string { return "campaigns.*.*." + action }

// parseOwned reads partition and campaign from a mapped command's subject.
func parseOwned(subject string) (partition int, id campaign.ID, ok bool) {
	parts := strings.Split(subject, ".")
	if len(parts) != 4 {
		return 0, 0, false
	}
	partition, err := strconv.Atoi(parts[1])
	if err != nil {
		return 0, 0, false
	}
	id, err = campaign.ParseID(parts[2])
	return partition, id, err == nil
}

// SubjectRole is the subject of a role's endpoint: scheduler.stats.
func SubjectRole(role, endpoint string) string { return role + "." + endpoint }

// SubjectDemand is where actors tell the scheduler what they could use.
func SubjectDemand() string { return "scheduler.demand" }

// SubjectGrants is where a node hears what it was granted.
func SubjectGrants(node string) string { return "scheduler.grants." + token(node) }

// token makes one subject token of a name that may be anything.
func token(s string) string {
	clean := func(r rune) rune {
		if r <= ' ' || r == '.' || r == '*' || r == '>' || r == 0x7f {
			return '_'
		}
		return r
	}
	if s = strings.Map(clean, s); s == "" {
		return "_"
	}
	return s
}
