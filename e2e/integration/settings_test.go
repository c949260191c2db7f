package integration

import (
	"encoding/json"
	"net"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// settings are what the cluster at hand was started with: the file, with the
// environment and .env put in.
type settings struct {
	t        *testing.T
	Services map[string]struct {
		Environment map[string]string
		Ports       []struct {
			Target    int
			HostIP    string `json:"host_ip"`
			Published string
		}
	}
}

func readSettings(t *testing.T) *settings {
	t.Helper()
	s := &settings{t: t}
	require.NoError(t, json.Unmarshal([]byte(compose(t, "config", "--format", "json")), s))
	return s
}

func (s *settings) env(service, name string) string {
	s.t.Helper()
	value := s.Services[service].Environment[name]
	require.NotEmpty(s.t, value, "$%s of %s", name, service)
	return value
}

func (s *settings) key() string { return s.env("key", "DIALTONE_API_KEY") }

// published is where a service's port is reached from here.
func (s *settings) published(service string, port int) string {
	s.t.Helper()
	for _, p := range s.Services[service].Ports {
		if p.Target == port {
			return net.JoinHostPort(p.HostIP, p.Published)
		}
	}
	require.Fail(s.t, "not published", "port %d of %s", port, service)
	return ""
}

var (
	nodes = []string{"node-1", "node-2", "node-3"}
	mocks = []string{"mock-a", "mock-b"}
	queue = []string{"nats-1", "nats-2", "nats-3"}
)

func (s *settings) nodeURLs() (urls []string) {
	for _, n := range nodes {
		urls = append(urls, "http://"+s.published(n, 8080))
	}
	return urls
}

// mockAccounts are those of deploy/providers.yaml.
var mockAccounts = map[string]string{
	"mock-a": "AC00000000000000000000000000000001", "mock-b": "AC00000000000000000000000000000002",
}

// mockURL has the account and the token: a ledger is full of numbers, and told to
// strangers only so.
func (s *settings) mockURL(mock string) string {
	u := url.URL{
		Scheme: "http", Host: s.published(mock, 8081),
		User: url.UserPassword(mockAccounts[mock], s.env(mock, "MOCKDIALER_TOKEN")),
	}
	return u.String()
}

// natsURLs are those of the servers from here, with the user of people who look.
func (s *settings) natsURLs() string {
	s.t.Helper()
	var urls []string
	for _, n := range queue {
		u := url.URL{
			Scheme: "nats", Host: s.published(n, 4222),
			User: url.UserPassword("people", s.env(n, "DIALTONE_NATS_PEOPLE_PASSWORD")),
		}
		urls = append(urls, u.String())
	}
	return strings.Join(urls, ",")
}
