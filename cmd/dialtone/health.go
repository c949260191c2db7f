package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"dialtone/api"
)

// health is the health check of a container, and of people.
type health struct {
	URL  string `name:"url" placeholder:"URL" help:"Where the service is; by default where --http of serve has it on this machine."`
	HTTP string `name:"http" default:"127.0.0.1:8080" env:"DIALTONE_HTTP" help:"What serve was given."`
}

// healthPatience is longer than a service needs that can't reach its database.
const healthPatience = 4 * time.Second

// Run succeeds when the service is ready.
func (h *health) Run(ctx context.Context, out io.Writer) error {
	base := strings.TrimRight(h.URL, "/")
	if base == "" {
		base = "http://" + local(h.HTTP)
	}
	missing, err := askReady(ctx, base+"/readyz")
	if err != nil {
		missing = []api.Missing{{Part: "http", Reason: err.Error()}}
	}
	for _, m := range missing {
		fmt.Fprintf(out, "%s: %s\n", m.Part, strings.Join(strings.Fields(m.Reason), " "))
	}
	if len(missing) > 0 {
		return errSaid
	}
	fmt.Fprintln(out, "ready")
	return nil
}

// askReady asks /readyz what is missing.
func askReady(ctx context.Context, url string) ([]api.Missing, error) {
	ctx, cancel := context.WithTimeout(ctx, healthPatience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		return nil, nil
	}
	var said api.ReadyProblem
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&said); err != nil || len(said.Missing) == 0 {
		return nil, fmt.Errorf("%s answers %s, which is not how Dialtone does", url, resp.Status)
	}
	return said.Missing, nil
}

// local is the address by which this machine reaches what listens on hostport: who
// listens on all addresses is asked on loopback.
func local(hostport string) string {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		return hostport
	}
	if host == "" {
		return net.JoinHostPort("127.0.0.1", port)
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
		if ip.Is4() {
			return net.JoinHostPort("127.0.0.1", port)
		}
		return net.JoinHostPort("::1", port)
	}
	return hostport
}
