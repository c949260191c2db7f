package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dialtone/api"
)

func TestHealthTellsWhatIsMissing(t *testing.T) {
	var missing []api.Missing
	server := httptest.NewServer(api.NewFront("test", func() []api.Missing { return missing }))
	defer server.Close()
	check := func(args ...string) (int, string) {
		var out, errs bytes.Buffer
		code := run(append([]string{"health"}, args...), &out, &errs)
		require.Empty(t, errs.String())
		return code, out.String()
	}
	missing = []api.Missing{{Part: "store", Reason: "connection\nrefused"}, {Part: "nats", Reason: "no servers"}}
	code, out := check("--url", server.URL)
	require.Equal(t, 1, code)
	require.Equal(t, "store: connection refused\nnats: no servers\n", out)

	// In a container it is told by the same variable as serve.
	t.Setenv("DIALTONE_HTTP", strings.TrimPrefix(server.URL, "http://"))
	code, out = check()
	require.Equal(t, 1, code)
	require.Contains(t, out, "no servers")

	ready := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" {
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	code, out = check("--url", ready.URL+"/somewhere")
	require.Equal(t, 1, code)
	require.Contains(t, out, "418")
	code, out = check("--url", ready.URL+"/")
	require.Zero(t, code)
	require.Equal(t, "ready\n", out)
	ready.Close()
	code, out = check("--url", ready.URL)
	require.Equal(t, 1, code)
	require.Contains(t, out, "http: ")
	require.Equal(t, 1, strings.Count(out, "\n"))
}

func TestLocalAddress(t *testing.T) {
	for listen, want := range map[string]string{
		"0.0.0.0:8080": "127.0.0.1:8080", ":8080": "127.0.0.1:8080", "[::]:80": "[::1]:80",
		"127.0.0.1:1": "127.0.0.1:1", "node-1:8080": "node-1:8080", "10.0.0.7:9": "10.0.0.7:9",
	} {
		require.Equal(t, want, local(listen), listen)
	}
}
