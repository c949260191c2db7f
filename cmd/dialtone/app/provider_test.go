package app

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/provider"
)

const head = "callback_base_url: http://127.0.0.1:1/dialtone/\nproviders:\n"

// entry is a provider of the file, with more lines.
func entry(name string, lines ...string) string {
	return "  - name: " + name + "\n    dialect: twilio\n    base_url: http://127.0.0.1:2\n    account: AC1\n    token: {value: t0ken}\n" +
		strings.Join(append(lines, ""), "\n")
}

// running is a service with a providers file that can be changed.
type running struct {
	*App
	t    *testing.T
	file string
	log  *strings.Builder
}

func start(t *testing.T, file string) *running {
	t.Helper()
	r := &running{t: t, file: filepath.Join(t.TempDir(), "providers.yaml"), log: new(strings.Builder)}
	r.write(file)
	var err error
	r.App, err = Start(t.Context(), Config{
		HTTP: "127.0.0.1:0", NATSListen: "127.0.0.1:-1", Data: t.TempDir(), Roles: Roles, Providers: r.file,
		Logger: slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		require.NoError(t, r.Stop(ctx))
	})
	return r
}

func (r *running) write(file string) {
	r.t.Helper()
	require.NoError(r.t, os.WriteFile(r.file, []byte(file), 0o600))
}

func TestReload(t *testing.T) {
	r := start(t, head+entry("a")+entry("b"))
	require.Equal(t, "http://127.0.0.1:1/dialtone", r.providers.CallbackBaseURL())
	a, b := r.providers.Lookup("a"), r.providers.Lookup("b")

	r.write(head + entry("c", "    channels: 7") + entry("a", "    priority: 2"))
	require.NoError(t, r.Reload())
	require.Equal(t, []string{"a", "c"}, r.providers.Table().Names())
	require.Equal(t, map[string]provider.Limits{"a": {}, "c": {Channels: 7}}, r.providers.Limits())
	require.Same(t, a, r.providers.Lookup("a"))
	require.Same(t, b, r.providers.Lookup("b"), "calls may be up with it")
	require.NoError(t, r.Reload(), "nothing has changed")
}

// A file with faults changes nothing, and each fault is told with its line and field:
// the reader's, the adapter's and the running service's.
func TestReloadOfABadFile(t *testing.T) {
	r := start(t, head+entry("a"))
	table := r.providers.Table()
	r.write(head + entry("b", "    twiml: \"{{\"", "    chanels: 7") + strings.Replace(entry("a"), "AC1", "AC2", 1))
	err := r.Reload()
	var fe *provider.FileError
	require.ErrorAs(t, err, &fe)
	require.Equal(t, r.file, fe.Path)
	for _, part := range []string{
		"providers[0].chanels: line 9: There is no such key", "providers[0].twiml: line 8: Close every {{",
		`providers[1].account: line 13: Calls may be up with "a" as it was`,
	} {
		require.ErrorContains(t, err, part)
	}
	require.NotContains(t, err.Error(), "t0ken")
	require.Same(t, table, r.providers.Table())
	require.Nil(t, r.providers.Lookup("b"))

	require.NoError(t, os.Remove(r.file))
	require.ErrorIs(t, r.Reload(), os.ErrNotExist)
	require.Same(t, table, r.providers.Table())
}

func TestReloadWithoutAFile(t *testing.T) {
	require.Equal(t, campaign.CodeInvalid, campaign.CodeOf((&App{}).Reload()))
}

func TestABadFileKeepsTheServiceFromStarting(t *testing.T) {
	file := filepath.Join(t.TempDir(), "providers.yaml")
	require.NoError(t, os.WriteFile(file, []byte(head+entry("a", "    twiml: \"{{\"")), 0o600))
	_, err := Start(t.Context(), Config{
		HTTP: "127.0.0.1:0", NATSListen: "127.0.0.1:-1", Data: t.TempDir(), Roles: Roles, Providers: file, Logger: slog.New(slog.DiscardHandler),
	})
	require.ErrorContains(t, err, file+": providers[0].twiml: line 8: Close every {{")
}
