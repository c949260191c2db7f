package integration

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// root is the folder of docker-compose.yml.
const root = "../.."

// docker runs the docker command and returns what it prints.
func docker(t *testing.T, args ...string) string {
	t.Helper()
	return dockerWith(t, nil, args...)
}

// dockerWith adds variables to the environment.
func dockerWith(t *testing.T, env []string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "docker", args...)
	cmd.Dir = root
	cmd.Env = append(cmd.Environ(), env...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	require.NoError(t, err, "docker %s: %s", strings.Join(args, " "), errs.String())
	return strings.TrimSpace(string(out))
}

func compose(t *testing.T, args ...string) string {
	t.Helper()
	return docker(t, append([]string{"compose"}, args...)...)
}

// container is what docker inspect tells.
type container struct {
	ID    string `json:"Id"`
	Name  string
	State struct {
		Running, Paused, OOMKilled bool
		ExitCode                   int
		StartedAt                  time.Time
		Health                     *struct{ Status string }
	}
	RestartCount int
	Config       struct{ User, Image string }
	HostConfig   struct {
		ReadonlyRootfs bool
		Privileged     bool
		CapDrop        []string
		SecurityOpt    []string
		RestartPolicy  struct{ Name string }
	}
	NetworkSettings struct {
		Networks map[string]struct{ Aliases []string }
		Ports    map[string][]struct{ HostIp, HostPort string }
	}
}

// inspect looks at the one container of a service.
func inspect(t *testing.T, service string) container {
	t.Helper()
	all := containers(t, service)
	require.Len(t, all, 1, "containers of %s", service)
	return all[0]
}

// containers looks at all containers of the services, of every service where none is
// named.
func containers(t *testing.T, services ...string) (all []container) {
	t.Helper()
	ids := strings.Fields(compose(t, append([]string{"ps", "-aq"}, services...)...))
	require.NotEmpty(t, ids, "no container of %v: is the cluster up?", services)
	require.NoError(t, json.Unmarshal([]byte(docker(t, append([]string{"inspect"}, ids...)...)), &all))
	return all
}

// healthy waits until the services' checks say so.
func healthy(t *testing.T, services ...string) {
	t.Helper()
	eventually(t, patience, func() (bool, string) {
		for _, c := range containers(t, services...) {
			if c.State.Health == nil || c.State.Health.Status != "healthy" {
				return false, c.Name + " is not healthy"
			}
		}
		return true, ""
	})
}

// eventually polls what can't signal; missing says what has not come to pass.
func eventually(t *testing.T, within time.Duration, holds func() (ok bool, missing string)) {
	t.Helper()
	deadline := time.Now().Add(within)
	for {
		ok, missing := holds()
		if ok {
			return
		}
		require.True(t, time.Now().Before(deadline), "after %v: %s", within, missing)
		pause(t, 200*time.Millisecond)
	}
}

func pause(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
		t.Fatal(t.Context().Err())
	}
}
