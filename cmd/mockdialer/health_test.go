package main

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dialtone/mockdialer"
)

// The check of a container's health: by the very address at which the server listens.
func TestHealthAsksTheOneThatListens(t *testing.T) {
	server, err := mockdialer.New(mockdialer.Config{Addr: "0.0.0.0:0", Token: "s3cret"})
	require.NoError(t, err)
	require.NoError(t, server.Start(t.Context()))
	_, port, err := net.SplitHostPort(strings.TrimPrefix(server.URL(), "http://"))
	require.NoError(t, err)
	check := func(listens string) (int, string) {
		var errs strings.Builder
		return run(t.Context(), []string{"--health", "--http", listens}, io.Discard, &errs), errs.String()
	}
	for _, listens := range []string{"0.0.0.0:" + port, ":" + port, "127.0.0.1:" + port, "localhost:" + port} {
		code, errs := check(listens)
		require.Zero(t, code, "%s: %s", listens, errs)
	}
	require.NoError(t, server.Stop(t.Context()))
	code, errs := check("0.0.0.0:" + port)
	require.Equal(t, 1, code, "it has stopped")
	require.Contains(t, errs, "refused")
	code, errs = check("8081")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "--http")
}

func TestHealthIsNotAnyAnswer(t *testing.T) {
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	require.ErrorContains(t, health(t.Context(), other.Listener.Addr().String()), "404")
}
