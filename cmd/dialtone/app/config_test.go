package app

import (
	"testing"

	"github.com/stretchr/testify/assert"
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
