package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"dialtone/cmd/dialtone/app"
	"dialtone/e2e/judge"
	"dialtone/mockdialer"
)

// trunk is one of several providers.
type trunk struct {
	name string
	mock *mockdialer.Server
	// settings are further lines of the providers file.
	settings string
	channels int
}

// trunks is a rig with several providers, whose calls have the same lengths.
type trunks struct {
	*rig
	of map[string]*trunk
}

// newTrunks starts them.  The mocks themselves take as many calls as they are asked
// for, so that their ledgers would show one too many.
func newTrunks(t *testing.T, mock mockdialer.Config, lines []trunk, change ...func(*app.Config)) *trunks {
	t.Helper()
	dir := t.TempDir()
	r := &rig{t: t}
	http := freeAddr(t)
	r.cfg = app.Config{
		HTTP: http, NATSListen: "127.0.0.1:-1", Data: filepath.Join(dir, "data"), Roles: app.Roles,
		Providers: filepath.Join(dir, "providers.yaml"), DefaultRegion: "US", Logger: testLogger(t),
	}
	for _, c := range change {
		c(&r.cfg)
	}
	tr := &trunks{rig: r, of: map[string]*trunk{}}
	for i := range lines {
		l := &lines[i]
		l.mock = startMock(t, mock)
		mock.Seed++
		tr.of[l.name] = l
	}
	r.mock = lines[0].mock
	tr.configure(lines)
	r.client = client{t, "http://" + http}
	r.start()
	t.Cleanup(r.stop)
	return tr
}

// configure writes the providers file.
func (tr *trunks) configure(lines []trunk) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "callback_base_url: http://%s\nproviders:\n", tr.cfg.HTTP)
	for _, l := range lines {
		fmt.Fprintf(&b, "  - name: %s\n    dialect: twilio\n    base_url: %s\n    account: %s\n    token: {value: %s}\n    from: \"+12025550100\"\n    channels: %d\n%s",
			l.name, l.mock.URL(), mockdialer.DefaultAccount, mockdialer.DefaultToken, l.channels, l.settings)
	}
	require.NoError(tr.t, os.WriteFile(tr.cfg.Providers, b.Bytes(), 0o600))
}

// ledger is that of all providers, in the order received.
func (tr *trunks) ledger() ledger {
	var each []ledger
	for name := range tr.of {
		each = append(each, tr.ledgerOf(name))
	}
	return judge.Merge(each...)
}

// ledgerOf reads it in this process, since a provider that is down tells nobody.
func (tr *trunks) ledgerOf(name string) ledger { return judge.Of(tr.of[name].mock) }

// faults are how often each fault came to pass, at all providers.
func (tr *trunks) faults() map[mockdialer.Fault]int64 {
	out := map[mockdialer.Fault]int64{}
	for _, l := range tr.of {
		for f, n := range l.mock.Summary().Faults {
			out[f] += n
		}
	}
	return out
}
