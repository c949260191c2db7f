package cluster

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/sourcegraph/conc/pool"

	"dialtone/mockdialer"
	"dialtone/provider"
	"dialtone/store/storetest/pgtest"
)

// Config says how large it is.
type Config struct {
	Dir      string // of everything it writes; short, as a Unix socket stands in it
	Binaries string // folder of dialtone and nats-server, as Build makes them
	NATSConf string // the file that is shipped
	Nodes    int
	Callers  int // processes that are callers alone
	Trunks   []Trunk
	// Flags are further ones of every process of Dialtone.
	Flags []string
}

// Trunk is a provider: what it is like, and what the service is told of it.
type Trunk struct {
	Name   string
	Limits provider.Limits
	Mock   mockdialer.Config
	// Settings are further lines of the providers file.
	Settings string
}

// Cluster is all of it.
type Cluster struct {
	NATS     *NATS
	Postgres *Postgres
	Nodes    []*Node // with all roles
	Callers  []*Node
	Front    *Front
	Mocks    map[string]*mockdialer.Server // by the provider's name

	cfg     Config
	next    int // port
	stops   []func()
	proxies []*Proxy
}

// Build makes the programs, in a folder.
func Build(ctx context.Context, dir string) error {
	out, err := exec.CommandContext(ctx, "go", "build", "-o", dir+"/", "dialtone/cmd/dialtone", "github.com/nats-io/nats-server/v2").CombinedOutput()
	if err != nil {
		return fmt.Errorf("build: %w: %s", err, out)
	}
	return nil
}

// Start starts everything, and returns when every process is ready.  After an error
// nothing runs.
func Start(ctx context.Context, cfg Config) (_ *Cluster, err error) {
	c := &Cluster{cfg: cfg, Mocks: map[string]*mockdialer.Server{}, next: firstPort + rand.IntN(lastPort-firstPort)}
	defer func() {
		if err != nil {
			c.Close()
		}
	}()
	if err := os.MkdirAll(filepath.Join(cfg.Dir, "log"), 0o755); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	for _, step := range []func(context.Context) error{c.startPostgres, c.startNATS, c.startMocks, c.startFront, c.startNodes} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return c, c.Ready(ctx)
}

// startPatience is how long all of it may take to be ready.
const startPatience = 2 * time.Minute

// Close ends everything, the last first.
func (c *Cluster) Close() {
	for i := len(c.stops) - 1; i >= 0; i-- {
		c.stops[i]()
	}
	c.stops = nil
}

func (c *Cluster) onClose(f func()) { c.stops = append(c.stops, f) }

// The ports lie below those that the kernel gives to connections: one of these could take
// the port of a process that is down.
const (
	firstPort = 11_000
	lastPort  = 31_000
)

// port is an address that nobody listens on.
func (c *Cluster) port() string {
	for {
		if c.next++; c.next > lastPort {
			c.next = firstPort
		}
		addr := fmt.Sprintf("127.0.0.1:%d", c.next)
		if l, err := net.Listen("tcp", addr); err == nil {
			_ = l.Close() // it was only to see
			return addr
		}
	}
}

func (c *Cluster) folder(name string) string { return filepath.Join(c.cfg.Dir, name) }

// process is one that ends with the cluster.
func (c *Cluster) process(name, path string, args ...string) *Process {
	p := &Process{Name: name, path: path, args: args, log: filepath.Join(c.cfg.Dir, "log", name+".log")}
	c.onClose(func() {
		if p.Running() {
			_ = p.Kill() // or it ended in this moment
		}
	})
	return p
}

func (c *Cluster) proxy(name string, target func() string) (*Proxy, error) {
	p, err := NewProxy(name, c.port(), target)
	if err == nil {
		c.proxies = append(c.proxies, p)
		c.onClose(p.Close)
	}
	return p, err
}

func (c *Cluster) startPostgres(context.Context) (err error) {
	if c.Postgres, err = newPostgres(c); err != nil {
		return err
	}
	c.onClose(func() { c.Postgres.Stop(pgtest.Immediate) })
	return c.Postgres.Start()
}

func (c *Cluster) startNATS(ctx context.Context) (err error) {
	if c.NATS, err = newNATS(c); err != nil {
		return err
	}
	for _, s := range c.NATS.Servers {
		if err := s.Start(); err != nil {
			return err
		}
	}
	return c.NATS.ready(ctx)
}

func (c *Cluster) startMocks(ctx context.Context) error {
	for _, t := range c.cfg.Trunks {
		mock, err := mockdialer.New(t.Mock)
		if err != nil {
			return err
		}
		if err := mock.Start(ctx); err != nil {
			return err
		}
		c.Mocks[t.Name] = mock
		c.onClose(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			_ = mock.Stop(ctx) // callbacks that nobody takes any more are broken off
		})
	}
	return nil
}

func (c *Cluster) startFront(context.Context) (err error) {
	backends := make([]string, c.cfg.Nodes)
	for i := range backends {
		backends[i] = c.port()
		c.Nodes = append(c.Nodes, &Node{listen: backends[i]})
	}
	if c.Front, err = NewFront(c.port(), backends); err != nil {
		return err
	}
	c.proxies = append(c.proxies, c.Front.Proxy)
	c.onClose(c.Front.Close)
	return nil
}

// URL is where users and providers reach the API.
func (c *Cluster) URL() string { return "http://" + c.Front.Addr() }

func (c *Cluster) startNodes(ctx context.Context) error {
	for i, n := range c.Nodes {
		if err := c.prepare(n, fmt.Sprintf("node-%d", i+1), "node", "api,actors,caller"); err != nil {
			return err
		}
	}
	for i := range c.cfg.Callers {
		n := &Node{listen: c.port()}
		if err := c.prepare(n, fmt.Sprintf("caller-%d", i+1), "caller", "caller"); err != nil {
			return err
		}
		c.Callers = append(c.Callers, n)
	}
	for _, n := range c.all() {
		if err := n.Start(); err != nil {
			return err
		}
	}
	return nil
}

// Ready waits until every node is.
func (c *Cluster) Ready(ctx context.Context) error {
	waiting := pool.New().WithErrors()
	for _, n := range c.all() {
		waiting.Go(func() error { return n.Ready(ctx) })
	}
	return waiting.Wait()
}

// Processes are all but PostgreSQL's.
func (c *Cluster) Processes() (out []*Process) {
	for _, s := range c.NATS.Servers {
		out = append(out, s.Process)
	}
	for _, n := range c.all() {
		out = append(out, n.Process)
	}
	return out
}

// Leader is the node that leads the scheduler; nil while nobody does.
func (c *Cluster) Leader(ctx context.Context) *Node {
	var now struct {
		Leader string `json:"leader"`
		Ready  bool   `json:"ready"`
	}
	if err := getJSON(ctx, c.URL()+"/v1/scheduler", &now); err != nil || !now.Ready {
		return nil
	}
	for _, n := range c.Nodes {
		if n.ID() == now.Leader {
			return n
		}
	}
	return nil
}

// Node is a process of Dialtone, with its own ways to everything.
type Node struct {
	*Process
	NATS      []*Proxy // one for each server
	Postgres  *Proxy
	Providers map[string]*Proxy

	listen string
	data   string
}

// prepare makes a node's proxies, its providers file and its command line.
func (c *Cluster) prepare(n *Node, name, user, roles string) error {
	n.data, n.Providers = c.folder(name), map[string]*Proxy{}
	var urls []string
	for i, s := range c.NATS.Servers {
		p, err := c.proxy(fmt.Sprintf("%s to nats-%d", name, i+1), to(s.client))
		if err != nil {
			return err
		}
		n.NATS = append(n.NATS, p)
		urls = append(urls, fmt.Sprintf("nats://%s:%s@%s", user, rolePassword, p.Addr()))
	}
	var err error
	if n.Postgres, err = c.proxy(name+" to postgres", to(c.Postgres.listen)); err != nil {
		return err
	}
	for _, t := range c.cfg.Trunks {
		upstream := strings.TrimPrefix(c.Mocks[t.Name].URL(), "http://")
		if n.Providers[t.Name], err = c.proxy(name+" to "+t.Name, to(upstream)); err != nil {
			return err
		}
	}
	file := filepath.Join(c.cfg.Dir, name+".yaml")
	if err := os.WriteFile(file, c.providersFile(n), 0o600); err != nil {
		return err
	}
	n.Process = c.process(name, filepath.Join(c.cfg.Binaries, "dialtone"), append([]string{
		"serve", "--http", n.listen, "--data", n.data, "--roles", roles, "--providers", file,
		"--nats", strings.Join(urls, ","), "--nats-replicas", fmt.Sprint(natsServers),
		"--database", "postgres://postgres@" + n.Postgres.Addr() + "/postgres?sslmode=disable",
	}, c.cfg.Flags...)...)
	return nil
}

func (c *Cluster) providersFile(n *Node) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "callback_base_url: %s\nproviders:\n", c.URL())
	for _, t := range c.cfg.Trunks {
		fmt.Fprintf(&b, "  - name: %s\n    dialect: twilio\n    base_url: http://%s\n    account: %s\n    token: {value: %s}\n    from: \"+12025550100\"\n    channels: %d\n    calls_per_second: %v\n%s",
			t.Name, n.Providers[t.Name].Addr(), cmp.Or(t.Mock.Account, mockdialer.DefaultAccount), cmp.Or(t.Mock.Token, mockdialer.DefaultToken), t.Limits.Channels, t.Limits.CallsPerSecond, t.Settings)
	}
	return b.Bytes()
}

// ID is the node's name for itself; "" before its first start.
func (n *Node) ID() string {
	name, _ := os.ReadFile(filepath.Join(n.data, "node"))
	return strings.TrimSpace(string(name))
}

// Ready waits until it says that it is; one that is down never is.
func (n *Node) Ready(ctx context.Context) error {
	var last error
	err := until(ctx, n.Name+" is not ready", func() bool {
		last = getJSON(ctx, "http://"+n.listen+"/readyz", nil)
		return last == nil
	})
	if err != nil {
		return errors.Join(err, last)
	}
	return nil
}
