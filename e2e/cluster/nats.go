package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The passwords of a cluster that listens on loopback alone.
const (
	routePassword = "route-drill"
	rolePassword  = "role-drill"
)

// NATS is a cluster of three servers, each of which finds the others through proxies of
// its own, and tells nobody of any other way.
type NATS struct {
	Servers []*NATSServer
}

// NATSServer is one of them.
type NATSServer struct {
	*Process
	client, monitor, route string // where it listens
	store                  string // its folder of streams
	routes                 []*Proxy
	into                   []*Proxy // those of the others that lead here
}

const natsServers = 3

// nowhere is where the servers are told that others listen, so that the only ways between
// them are those in their files.
const nowhere = "127.0.0.1:1"

func newNATS(c *Cluster) (*NATS, error) {
	conf, err := os.ReadFile(c.cfg.NATSConf)
	if err != nil {
		return nil, err
	}
	n := &NATS{}
	for i := range natsServers {
		s := &NATSServer{client: c.port(), monitor: c.port(), route: c.port(), store: c.folder(fmt.Sprintf("nats-%d", i+1))}
		n.Servers = append(n.Servers, s)
	}
	for i, s := range n.Servers {
		var urls []string
		for j, other := range n.Servers {
			if i == j {
				continue
			}
			p, err := c.proxy(fmt.Sprintf("nats-%d to nats-%d", i+1, j+1), to(other.route))
			if err != nil {
				return nil, err
			}
			s.routes, other.into = append(s.routes, p), append(other.into, p)
			urls = append(urls, fmt.Sprintf("nats://route:%s@%s", routePassword, p.Addr()))
		}
		name := fmt.Sprintf("nats-%d", i+1)
		file := filepath.Join(c.cfg.Dir, name+".conf")
		if err := os.WriteFile(file, kept(conf, s.store), 0o600); err != nil {
			return nil, err
		}
		_, monitor, _ := strings.Cut(s.monitor, ":")
		_, client, _ := strings.Cut(s.client, ":")
		s.Process = c.process(name, filepath.Join(c.cfg.Binaries, "nats-server"),
			"-c", file, "-a", "127.0.0.1", "-p", client, "-m", monitor,
			"--cluster", fmt.Sprintf("nats://route:%s@%s", routePassword, s.route), "--cluster_advertise", nowhere, "--no_advertise")
		s.env = []string{"DIALTONE_NATS_NAME=" + name, "DIALTONE_NATS_ROUTES=[" + strings.Join(urls, ", ") + "]", "DIALTONE_NATS_ROUTE_PASSWORD=" + routePassword}
		for _, user := range []string{"ACTORS", "API", "CALLER", "NODE", "PEOPLE", "ADMIN"} {
			s.env = append(s.env, "DIALTONE_NATS_"+user+"_PASSWORD="+rolePassword)
		}
	}
	return n, nil
}

// kept is the file that is shipped, with another folder for the streams: of all that
// differs here it alone can be given neither by the environment nor by a flag.
func kept(conf []byte, store string) []byte {
	return bytes.Replace(conf, []byte(`store_dir: "/data"`), fmt.Appendf(nil, "store_dir: %q", store), 1)
}

// AdminURL is where one of the servers lets the admin in, past all proxies.
func (n *NATS) AdminURL() string {
	urls := make([]string, len(n.Servers))
	for i, s := range n.Servers {
		urls[i] = "nats://admin:" + rolePassword + "@" + s.client
	}
	return strings.Join(urls, ",")
}

// Wipe removes a server's streams; it must be down.
func (s *NATSServer) Wipe() error {
	if s.Running() {
		return fmt.Errorf("wipe %s: it is running", s.Name)
	}
	return os.RemoveAll(s.store)
}

// Isolate cuts the ways between a server and the others, or has them do something else.
func (s *NATSServer) Isolate(m Mode) {
	for _, p := range slices.Concat(s.routes, s.into) {
		p.Set(m)
	}
}

// Hit counts the connections between the server and the others that are affected.
func (s *NATSServer) Hit() (n int) {
	for _, p := range slices.Concat(s.routes, s.into) {
		n += p.Hit()
	}
	return n
}

// jsz is what a server tells of JetStream.
type jsz struct {
	Streams        int `json:"streams"`
	AccountDetails []struct {
		Name    string `json:"name"`
		Streams []struct {
			Name    string    `json:"name"`
			Created time.Time `json:"created"`
		} `json:"stream_detail"`
	} `json:"account_details"`
	MetaCluster struct {
		Leader string `json:"leader"`
	} `json:"meta_cluster"`
}

func (s *NATSServer) jetstream(ctx context.Context) (j jsz, err error) {
	err = getJSON(ctx, "http://"+s.monitor+"/jsz?accounts=1&streams=1", &j)
	return j, err
}

// Streams are those that a server has, by name, with the time at which each was made.
func (n *NATS) Streams(ctx context.Context) (out map[string]time.Time, err error) {
	for _, s := range n.Servers {
		if !s.Running() {
			continue
		}
		var j jsz
		if j, err = s.jetstream(ctx); err != nil {
			continue
		}
		out = map[string]time.Time{}
		for _, a := range j.AccountDetails {
			for _, st := range a.Streams {
				out[st.Name] = st.Created
			}
		}
		return out, nil
	}
	return nil, fmt.Errorf("no NATS server tells of its streams: %w", err)
}

// ready waits until the servers have a leader.
func (n *NATS) ready(ctx context.Context) error {
	return until(ctx, "NATS servers have no leader", func() bool {
		for _, s := range n.Servers {
			if j, err := s.jetstream(ctx); err != nil || j.MetaCluster.Leader == "" {
				return false
			}
			if err := getJSON(ctx, "http://"+s.monitor+"/healthz", nil); err != nil {
				return false
			}
		}
		return true
	})
}

func getJSON(ctx context.Context, url string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", url, resp.Status)
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(into)
}

// until waits for something, as long as ctx lasts.
func until(ctx context.Context, otherwise string, is func() bool) error {
	for !is() {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", otherwise, ctx.Err())
		}
	}
	return nil
}
