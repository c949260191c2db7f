package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write what the commands print to testdata")

func simulated(t *testing.T, args ...string) (out, errs string, code int) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(append([]string{"simulate"}, args...), &o, &e)
	return o.String(), e.String(), code
}

func TestSimulatePrintsAComparison(t *testing.T) {
	out, errs, code := simulated(t, "-s", "fair", "-s", "round_robin", "testdata/two.yaml")
	require.Zero(t, code, errs)
	again, _, _ := simulated(t, "-s", "fair", "-s", "round_robin", "testdata/two.yaml")
	require.Equal(t, out, again, "the seed decides")
	if *update {
		require.NoError(t, os.WriteFile("testdata/two.txt", []byte(out), 0o644))
	}
	want, err := os.ReadFile("testdata/two.txt")
	require.NoError(t, err)
	require.Equal(t, string(want), out)
	other, _, _ := simulated(t, "-s", "fair", "-s", "round_robin", "--seed", "2", "testdata/two.yaml")
	require.NotEqual(t, out, other)
}

func TestManyLinesAreSummedUp(t *testing.T) {
	var b strings.Builder
	b.WriteString("duration: 1h\ncapacity: {channels: 20}\ncampaigns:\n")
	for i := range manyLines + 1 {
		b.WriteString("  - {name: c" + strings.Repeat("x", i) + ", numbers: 100, call_length: 5s}\n")
	}
	path := filepath.Join(t.TempDir(), "many.yaml")
	require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o600))
	out, errs, code := simulated(t, path)
	require.Zero(t, code, errs)
	require.Contains(t, out, "90 %")
	require.NotContains(t, out, "cx")
}

func TestSimulateAsJSON(t *testing.T) {
	out, errs, code := simulated(t, "--json", "testdata/two.yaml")
	require.Zero(t, code, errs)
	var got struct {
		Results []struct {
			Strategy  string
			Campaigns []struct{ Name string }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(out), &got))
	require.Equal(t, "fair", got.Results[0].Strategy)
	require.Equal(t, "short 2", got.Results[0].Campaigns[1].Name)
}

func TestSimulateDraws(t *testing.T) {
	dir := t.TempDir()
	for name, begin := range map[string]string{"a.svg": "<?xml", "b.png": "\x89PNG"} {
		path := filepath.Join(dir, name)
		_, errs, code := simulated(t, "-s", "fair", "-s", "round_robin", "--plot", path, "testdata/two.yaml")
		require.Zero(t, code, errs)
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(string(text), begin))
		if name == "a.svg" {
			for _, words := range []string{"Two sorts of calls", ">fair<", ">round_robin<", ">short<", "longest wait"} {
				require.Contains(t, string(text), words)
			}
		}
	}
}

func TestSimulateFaults(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	require.NoError(t, os.WriteFile(bad, []byte("duration: 1h\ncampaigns:\n  - {name: a, numbers: 1, call_length: soon}\n"), 0o600))
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"none.yaml"}, "none.yaml: no such file"},
		{[]string{bad}, "bad.yaml: campaigns[0].call_length: line 3: Write a length"},
		{[]string{"-s", "lottery", "testdata/two.yaml"}, `There is no strategy "lottery"; take one of`},
		{[]string{"-s", "round_robin:turns=2", "testdata/two.yaml"}, "parameters.turns"},
		{[]string{"-s", "fair:x", "testdata/two.yaml"}, `"x" is no parameter; write KEY=VALUE`},
		{[]string{"--set", "turns=2", "testdata/two.yaml"}, "parameters.turns"},
		{[]string{"--parameters", "{", "testdata/two.yaml"}, "--parameters: give a JSON object"},
		{[]string{"--plot", "a.pdf", "testdata/two.yaml"}, `drawn as .svg or .png, not as ".pdf"`},
	} {
		out, errs, code := simulated(t, c.args...)
		require.Equal(t, 1, code)
		require.Empty(t, out)
		require.Contains(t, errs, c.want)
		require.Equal(t, 1, strings.Count(errs, "\n"), errs)
	}
}
