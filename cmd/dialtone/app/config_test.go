package app

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"dialtone/bus"
)

func TestTheMockProviderNeedsSomebodyToCallBack(t *testing.T) {
	cfg := Config{HTTP: "127.0.0.1:0", NATSListen: "127.0.0.1:-1", Data: "x", Roles: Roles}
	assert.NoError(t, cfg.Validate())
	cfg.Roles = []Role{RoleActors, RoleCaller}
	assert.ErrorContains(t, cfg.Validate(), "--providers")
	cfg.CallbackBaseURL = "http://127.0.0.1:8080"
	assert.NoError(t, cfg.Validate())
	cfg.CallbackBaseURL, cfg.Providers = "", "providers.yaml"
	assert.NoError(t, cfg.Validate())
}

func TestEveryFaultOfTheConfigurationIsTold(t *testing.T) {
	err := Config{HTTP: "8080", NATSListen: "x", Roles: []Role{"cook"}, Database: "mysql://a:secret@b", DefaultRegion: "XX"}.Validate()
	for _, flag := range []string{"--http", "--nats-listen", "--roles", "--data", "--database", "--default-region"} {
		assert.ErrorContains(t, err, flag)
	}
	assert.NotContains(t, err.Error(), "secret")
}

func TestWhatIsSaidOfNATSMustFit(t *testing.T) {
	cfg := Config{HTTP: "127.0.0.1:0", NATSListen: "127.0.0.1:-1", Data: "x", Roles: Roles}
	cfg.NATSReplicas, cfg.LeaseTTL, cfg.NATSPasswordFile = 3, 1500*time.Millisecond, "secret"
	for _, flag := range []string{"--nats-replicas", "--lease-ttl", "--nats-password-file"} {
		assert.ErrorContains(t, cfg.Validate(), flag)
	}
	cfg.NATS, cfg.LeaseTTL = "nats://node@a:4222,nats://b:4222", 10*time.Second
	assert.NoError(t, cfg.Validate())
	cfg.NATSReplicas = 2
	assert.ErrorContains(t, cfg.Validate(), "1, 3 or 5")
}

func TestBusConfig(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	require.NoError(t, os.WriteFile(secret, []byte(" s3cret \n# of the caller\n"), 0o600))
	a := &App{log: slog.New(slog.DiscardHandler), folder: &folder{path: dir, node: "n1"}, cfg: Config{
		NATS: "nats://caller@a:4222", NATSPasswordFile: secret, NATSReplicas: 3, LeaseTTL: 7 * time.Second, Roles: []Role{RoleCaller},
	}}
	cfg, err := a.busConfig()
	require.NoError(t, err)
	assert.Equal(t, "s3cret", cfg.Password)
	assert.Equal(t, []bus.Role{bus.RoleCaller}, cfg.Roles)
	assert.Equal(t, 3, cfg.Replicas)
	assert.Equal(t, 7*time.Second, cfg.LeaseTTL)
	assert.NoError(t, cfg.Validate())
	a.cfg.NATSPasswordFile = filepath.Join(dir, "none")
	_, err = a.busConfig()
	assert.ErrorContains(t, err, "none")
}
