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
	"dialtone/store"
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

// TestStartTellsOfCallsThatAreUpElsewhere: a provider was taken out of the file while
// the service was down, and calls may be up there.
func TestStartTellsOfCallsThatAreUpElsewhere(t *testing.T) {
	data, log := t.TempDir(), new(strings.Builder)
	db, err := OpenDatabase(t.Context(), data, "")
	require.NoError(t, err)
	epochs, err := db.RaiseEpochs(t.Context(), "before", map[int]int64{1: 0})
	require.NoError(t, err)
	for _, name := range []string{"gone", "gone", "a"} {
		c, err := db.CreateCall(t.Context(), store.NewCall{Contact: campaign.Contact{Phone: "+12125550147"}}, store.Once{})
		require.NoError(t, err)
		b, at := &store.Batch{}, campaign.NewAttemptID(c.ID, 1)
		b.Add(&store.Claim{Fence: store.Fence{Partition: 1, Epoch: epochs[1]}, Campaign: campaign.Single, Attempt: at})
		b.Add(&store.Placing{Campaign: campaign.Single, Attempt: at, Number: 1, Provider: name, Placer: 7, At: time.Now()})
		require.NoError(t, db.Apply(t.Context(), b))
	}
	require.NoError(t, db.Close())

	a := &App{cfg: Config{Data: data, Providers: filepath.Join(t.TempDir(), "providers.yaml")}, log: slog.New(slog.NewTextHandler(log, nil))}
	require.NoError(t, os.WriteFile(a.cfg.Providers, []byte(head+entry("a")), 0o600))
	a.store, err = OpenDatabase(t.Context(), data, "")
	require.NoError(t, err)
	defer a.store.Close()
	require.NoError(t, a.openProviders(t.Context()))
	require.NoError(t, a.warnOfStrangers(t.Context()))
	require.Equal(t, 1, strings.Count(log.String(), "\n"), log)
	require.Contains(t, log.String(), `level=WARN msg="calls may be up at a provider that is not configured: put it back until they are over, or they end as lost" provider=gone attempts=2`)
	require.NoError(t, a.Stop(t.Context()))
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
