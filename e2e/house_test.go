package e2e

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// floors are the packages from the ground up: a package imports only packages of
// its own line or of lines above it.
var floors = [][]string{
	{"internal/flow", "internal/load"},
	{"campaign", "campaign/hours", "campaign/machine", "campaign/phone", "campaign/route"},
	{"internal/yamlfile"},
	{"provider", "provider/breaker", "provider/twilio", "provider/dialect", "provider/registry", "provider/providertest"},
	{"store", "store/internal/code", "store/ledger", "store/internal/refuse", "store/postgres", "store/sqlite", "store/storetest", "store/storetest/pgtest"},
	{"bus", "bus/bustest"},
	{"actors", "actors/book", "actors/clerk", "actors/ownership", "actors/scheduler", "actors/scheduler/strategy", "actors/scheduler/pace", "actors/scheduler/sim", "actors/scheduler/sim/scenario", "actors/caller"},
	{"actors/simulation"},
	{"mockdialer"},
	{"api", "api/ingest"},
	{"cmd/dialtone/app"},
	{"cmd/dialtone/plot"},
	{"cmd/dialtone", "cmd/mockdialer"},
	{"e2e/judge", "e2e/cluster"},
	{"e2e", "e2e/integration"},
}

// never are imports that the floors would allow and the design forbids, to a package
// or, where it has no entry of its own, to all under the same folder.
var never = map[string][]string{
	"api":        {"actors"},
	"store":      {"bus", "provider"},
	"bus":        {"store"},
	"mockdialer": {"store", "bus", "actors"},
	"actors":     {"store/postgres", "store/sqlite", "mockdialer", "api"},
	"campaign":   {"campaign/hours", "campaign/machine", "campaign/phone", "campaign/route"},

	"actors/ownership":              {"campaign", "provider", "store", "bus"},
	"actors/scheduler/pace":         {"provider", "store", "bus"},
	"actors/scheduler/sim":          {"provider", "store", "bus"},
	"actors/scheduler/sim/scenario": {"provider", "store", "bus"},
	"actors/scheduler/strategy":     {"provider", "store", "bus", "campaign/hours", "campaign/machine", "campaign/phone", "campaign/route"},

	"campaign/machine": {"campaign/phone"},
	"campaign/hours":   {"campaign/machine", "campaign/phone", "campaign/route"},
	"campaign/phone":   {"campaign/machine"},
}

// onlyIn are outside packages that belong to one of ours alone.
var onlyIn = map[string]string{
	"github.com/nats-io/":      "bus",
	"github.com/jackc/pgx":     "store",
	"modernc.org/":             "store",
	"github.com/pressly/goose": "store",
	"github.com/danielgtaylor": "api",
	"github.com/nyaruka":       "campaign/phone",
	"github.com/alecthomas":    "cmd",
	"gonum.org/":               "cmd/dialtone/plot",
	"github.com/goccy/go-yaml": "internal/yamlfile",
}

type pkg struct {
	ImportPath string
	Imports    []string
}

// TestHouseImports holds the design's rule of who may import whom.
func TestHouseImports(t *testing.T) {
	for _, p := range packages(t) {
		own := strings.TrimPrefix(p.ImportPath, "dialtone/")
		floor := floorOf(own)
		require.GreaterOrEqual(t, floor, 0, "%s has no floor in the house: add it", own)
		for _, imported := range p.Imports {
			checkImport(t, own, floor, imported)
		}
	}
}

func checkImport(t *testing.T, own string, floor int, imported string) {
	t.Helper()
	if name, ours := strings.CutPrefix(imported, "dialtone/"); ours {
		if floorOf(name) > floor {
			t.Errorf("%s imports %s, which stands on a higher floor", own, name)
		}
		forbidden, ofItsOwn := never[own]
		if !ofItsOwn {
			forbidden = never[top(own)]
		}
		for _, n := range forbidden {
			if name == n || (n == top(n) && top(name) == n && top(own) != n) {
				t.Errorf("%s imports %s, which the design forbids", own, name)
			}
		}
		return
	}
	for prefix, owner := range onlyIn {
		if strings.HasPrefix(imported, prefix) && own != owner && !strings.HasPrefix(own, owner+"/") {
			t.Errorf("%s imports %s, which belongs to %s", own, imported, owner)
		}
	}
}

// pure packages need the standard library only: the domain and its machine, and what
// decides who is next.
var pure = []string{
	"campaign", "campaign/hours", "campaign/machine", "campaign/route",
	"actors/ownership", "actors/scheduler/pace", "actors/scheduler/sim", "actors/scheduler/strategy",
}

func TestHousePure(t *testing.T) {
	for _, p := range packages(t) {
		if !slices.Contains(pure, strings.TrimPrefix(p.ImportPath, "dialtone/")) {
			continue
		}
		for _, imported := range p.Imports {
			if strings.Contains(strings.Split(imported, "/")[0], ".") {
				t.Errorf("%s imports %s", p.ImportPath, imported)
			}
		}
	}
}

func top(name string) string { first, _, _ := strings.Cut(name, "/"); return first }

func floorOf(name string) int {
	return slices.IndexFunc(floors, func(names []string) bool { return slices.Contains(names, name) })
}

func packages(t *testing.T) (out []pkg) {
	t.Helper()
	text, err := exec.Command("go", "list", "-json=ImportPath,Imports", "dialtone/...").Output()
	require.NoError(t, err)
	d := json.NewDecoder(strings.NewReader(string(text)))
	for {
		var p pkg
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return out
		}
		require.NoError(t, err)
		out = append(out, p)
	}
}
