package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"
)

// healthPatience is how long the answer may take.
const healthPatience = 2 * time.Second

// health asks the one that listens at an address on this machine.  An address for
// all interfaces is asked for on loopback.
func health(ctx context.Context, listens string) error {
	host, port, err := net.SplitHostPort(listens)
	if err != nil {
		return fmt.Errorf("--http: %q is no address; write it like 127.0.0.1:8081", listens)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	ctx, cancel := context.WithTimeout(ctx, healthPatience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/healthz", nil)
	if err != nil {
		return fmt.Errorf("ask for health: %w", err)
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("ask for health: %w", err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("ask for health: %s", answer.Status)
	}
	return nil
}
