package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"dialtone/actors/scheduler/strategy"
)

// shown is a command in a document, and what it is said to print.
var shown = regexp.MustCompile("(?s)```console\n\\$ dialtone ([^\n]*)\n(.*?)```\n")

const fairnessPage = "docs/fairness.md"

// What the page on fairness shows comes from the commands on it.  With -update they
// write it, and draw its plots.
func TestFairnessPageShowsWhatRunsGive(t *testing.T) {
	t.Chdir("../..")
	page, err := os.ReadFile(fairnessPage)
	require.NoError(t, err)
	fresh := shown.ReplaceAllFunc(page, func(block []byte) []byte {
		command := string(shown.FindSubmatch(block)[1])
		return []byte("```console\n$ dialtone " + command + "\n" + played(t, strings.Fields(command)) + "```\n")
	})
	if *update {
		require.NoError(t, os.WriteFile(fairnessPage, fresh, 0o644))
		return
	}
	require.Equal(t, string(page), string(fresh), "run make plots")
}

// played runs a command of the page; without -update it draws elsewhere.
func played(t *testing.T, args []string) string {
	for i := range args {
		args[i] = strings.Trim(args[i], "'") // as a shell does
		if i > 0 && args[i-1] == "--plot" {
			if !*update {
				require.FileExists(t, args[i], "run make plots")
				args[i] = filepath.Join(t.TempDir(), filepath.Base(args[i]))
			}
		}
	}
	var out, errs bytes.Buffer
	require.Zero(t, run(args, &out, &errs), errs.String())
	return out.String()
}

// The page has a section for each strategy, and names each parameter.
func TestFairnessPageIsComplete(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("../..", fairnessPage))
	require.NoError(t, err)
	for _, k := range strategy.Kinds() {
		require.Contains(t, string(page), "\n## "+k.Name+"\n")
		if k.Name != "round_robin" {
			require.Regexp(t, "simulate -s "+k.Name+" (.* )?-s round_robin --plot", string(page))
		}
		for _, p := range k.Parameters {
			require.Contains(t, string(page), "| `"+p.Name+"` |", k.Name)
		}
	}
}

// The table of settings has every flag of serve.
func TestReadmeNamesEveryFlag(t *testing.T) {
	page, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	parser, err := kong.New(&commands{})
	require.NoError(t, err)
	parsed, err := parser.Parse([]string{"serve"})
	require.NoError(t, err)
	for _, f := range parsed.Selected().Flags {
		require.Regexp(t, "(?m)^\\| .*`--"+f.Name+"[` ]", string(page))
	}
}
