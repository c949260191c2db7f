package e2e

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"dialtone/bus/bustest"
	"dialtone/e2e/judge"
	"dialtone/mockdialer"
	"dialtone/provider"
	"dialtone/store/storetest/pgtest"
)

// fleet is several processes on one NATS server and one database: one that answers
// the API, to which the provider calls back, and nodes that dial, any of which may
// lead.  The mock provider is in the test's process, and has no limits of its own.
type fleet struct {
	client
	t        *testing.T
	dir      string
	args     []string // of serve, for all
	database string
	mock     *mockdialer.Server
	nodes    map[string]*process // by name
}

// takeover is how long a fleet may take over what one of it owned: the time of a lease
// where NATS is one server, and as long again.
const takeover = 2 * 5 * time.Second

// takenIn asserts that something was taken over in time, but for what this process stood
// still meanwhile.
func (f *fleet) takenIn(since time.Time, what string) (took time.Duration) {
	f.t.Helper()
	now := time.Now()
	_, stall := stalls.within(judge.Span{From: since, To: now})
	took = now.Sub(since)
	assert.Less(f.t, took, takeover+stall, "%s", what)
	return took
}

func newFleet(t *testing.T, nodes int, limits provider.Limits, mock mockdialer.Config) *fleet {
	t.Helper()
	http := freeAddr(t)
	f := &fleet{
		client: client{t, "http://" + http}, t: t, dir: t.TempDir(), database: pgtest.URL(t), nodes: make(map[string]*process),
	}
	f.mock = startMock(t, mock)
	providers := filepath.Join(f.dir, "providers.yaml")
	require.NoError(t, os.WriteFile(providers, providersFile(http, f.mock.URL(), limits), 0o600))
	f.args = []string{"serve", "--nats", bustest.StartServer(t).URL(), "--database", f.database, "--providers", providers, "--log-level", "warn"}
	f.serve("api", http, "api")
	for range nodes {
		f.join()
	}
	answers(t, f.base+"/readyz", 20*time.Second)
	return f
}

func (f *fleet) serve(folder, http, roles string) *process {
	f.t.Helper()
	return launch(f.t, "dialtone", append(slices.Clone(f.args), "--http", http, "--data", filepath.Join(f.dir, folder), "--roles", roles)...)
}

// join starts one more node, and returns its name.
func (f *fleet) join() string {
	f.t.Helper()
	folder := fmt.Sprint("node-", len(f.nodes))
	p := f.serve(folder, freeAddr(f.t), "actors,caller")
	name := nodeName(f.t, filepath.Join(f.dir, folder, "node"))
	f.nodes[name] = p
	return name
}

// nodeName is what a node calls itself, which it writes down at its start.
func nodeName(t *testing.T, file string) string {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; pause(t, 20*time.Millisecond) {
		if name, err := os.ReadFile(file); err == nil && len(name) > 0 {
			return strings.TrimSpace(string(name))
		}
		require.True(t, time.Now().Before(deadline), "no name in %s", file)
	}
}

// leading is what the leader tells of itself.
type leading struct {
	Leader  string `json:"leader"`
	Term    uint64 `json:"term"`
	Ready   bool   `json:"ready"`
	Granted uint64 `json:"granted"`
	Nodes   []struct {
		Node       string `json:"node"`
		Partitions int    `json:"partitions"`
	} `json:"nodes"`
}

// leader waits for a ready leader of a term beyond the one given.
func (f *fleet) leader(beyond uint64) (l leading) {
	f.t.Helper()
	for deadline := time.Now().Add(60 * time.Second); ; pause(f.t, 50*time.Millisecond) {
		if status, body := f.ask("GET", "/v1/scheduler", "", nil); status == 200 {
			require.NoError(f.t, json.Unmarshal(body, &l))
			if l.Ready && l.Term > beyond {
				return l
			}
		}
		require.True(f.t, time.Now().Before(deadline), "no leader with a term beyond %d: %+v", beyond, l)
	}
}

// follower is the node that does not lead whose campaigns hold the fewest slots: the
// others' go on when it stands still, and their jobs get into its hands.
func (f *fleet) follower(l leading) (p *process) {
	f.t.Helper()
	held := make(map[string]int)
	for _, s := range f.slots() {
		held[s.Node]++
	}
	least := math.MaxInt
	for name, node := range f.nodes {
		if name != l.Leader && held[name] < least {
			p, least = node, held[name]
		}
	}
	require.NotNil(f.t, p, "there is no other node")
	return p
}

type slotJSON struct {
	Node     string  `json:"node"`
	Age      float64 `json:"age_seconds"`
	Evidence string  `json:"evidence"`
}

func (f *fleet) slots() []slotJSON {
	f.t.Helper()
	var answer struct {
		Slots []slotJSON `json:"slots"`
	}
	f.do("GET", "/v1/scheduler/slots?limit=1000", nil, &answer)
	return answer.Slots
}

// stuck is how many slots are held by calls that the provider has not been asked for,
// and were granted that long ago or longer.
func (f *fleet) stuck(since time.Duration) (n int) {
	f.t.Helper()
	for _, s := range f.slots() {
		if s.Age >= since.Seconds() && s.Evidence != "placed" {
			n++
		}
	}
	return n
}

// freeze has a process stand still.
func (p *process) freeze() {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(syscall.SIGSTOP))
	require.Eventually(p.t, p.frozen, 10*time.Second, 5*time.Millisecond)
}

func (p *process) thaw() { require.NoError(p.t, p.cmd.Process.Signal(syscall.SIGCONT)) }

// frozen asks the kernel.
func (p *process) frozen() bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	require.NoError(p.t, err)
	_, rest, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(rest, "T")
}
