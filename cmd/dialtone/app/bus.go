package app

import (
	"fmt"
	"os"
	"strings"

	"dialtone/bus"
)

// busConfig is what the bus is to do here.
func (a *App) busConfig() (bus.Config, error) {
	cfg := bus.Config{
		URL: a.cfg.NATS, StoreDir: a.folder.file("nats"), Listen: a.cfg.NATSListen,
		Name: a.folder.node, Replicas: a.cfg.NATSReplicas, LeaseTTL: a.cfg.LeaseTTL,
		Logger: a.log.With("part", "bus"),
	}
	for _, r := range a.cfg.Roles {
		cfg.Roles = append(cfg.Roles, bus.Role(r))
	}
	if a.cfg.NATSPasswordFile != "" {
		secret, err := os.ReadFile(a.cfg.NATSPasswordFile)
		if err != nil {
			return cfg, fmt.Errorf("read the NATS password: %w", err)
		}
		line, _, _ := strings.Cut(string(secret), "\n")
		cfg.Password = strings.TrimSpace(line)
	}
	return cfg, nil
}
