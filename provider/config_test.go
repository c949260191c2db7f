package provider

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dialtone/campaign"
)

func TestReadFile(t *testing.T) {
	t.Setenv("DIALTONE_TEST_TOKEN", "t0ken")
	f, err := ReadFile("testdata/full.yaml")
	require.NoError(t, err)
	require.Equal(t, "http://127.0.0.1:8080", f.CallbackBaseURL)
	require.Len(t, f.Providers, 1)
	got := f.Providers[0]
	require.Equal(t, "t0ken", got.Token.Reveal())
	got.Token = Secret{}
	require.Equal(t, Spec{
		Name: "mock-a", Dialect: "twilio", BaseURL: "http://127.0.0.1:8081",
		Account: "AC00000000000000000000000000000001",
		From:    "+12025550100", // unquoted, YAML would take it for a number
		Twiml:   "<Response><Say>{{message}}</Say></Response>\n",
		Timeout: 8 * time.Second,
		Limits:  Limits{Channels: 500, CallsPerSecond: 12.5},
	}, got)
	require.NotContains(t, fmt.Sprintf("%+v %#v %v", f, f, f.Providers), "t0ken")
}

func TestReadFileMissing(t *testing.T) {
	_, err := ReadFile(filepath.Join(t.TempDir(), "none.yaml"))
	require.ErrorIs(t, err, os.ErrNotExist)
	var fe *FileError
	require.False(t, errors.As(err, &fe))
}

// with is a good file with more lines for its provider.
func with(lines ...string) string {
	return "callback_base_url: http://127.0.0.1:8080\nproviders:\n  - name: a\n    dialect: twilio\n" +
		"    base_url: http://127.0.0.1:8081\n    account: AC1\n    token: {value: t0ken}\n    " + strings.Join(lines, "\n    ") + "\n"
}

func TestParseTokens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(path, []byte("t0ken\n"), 0o600))
	t.Setenv("DIALTONE_TEST_TOKEN", "t0ken")
	for _, token := range []string{"{value: t0ken}", "{file: " + path + "}", "{env: DIALTONE_TEST_TOKEN}", "\n      env: DIALTONE_TEST_TOKEN"} {
		f, err := Parse([]byte(strings.Replace(with(), "{value: t0ken}", token, 1)))
		require.NoError(t, err)
		require.Equal(t, "t0ken", f.Providers[0].Token.Reveal())
	}
}

func TestParseFaults(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "line 1: Write one YAML document"},
		{"no YAML", "a: b: c\n", "This is not YAML"},
		{"a tab", "providers:\n\t- name: a\n", "line 2: This is not YAML"},
		{"a list", "- a\n", "line 1: Write keys and values here."},
		{"unknown key", with("chanels: 5"), "providers[0].chanels: line 8: There is no such key; take one of name,"},
		{"key given twice", with("name: b"), "line 8: This is not YAML"},
		{"unknown key at the top", "callback: x\n" + with(), "callback: line 1: There is no such key"},
		{"no URL", strings.Replace(with(), "http://127.0.0.1:8080", "localhost:8080", 1), "callback_base_url: line 1: Give an absolute URL"},
		{"another scheme", strings.Replace(with(), "http://127.0.0.1:8080", "ftp://x", 1), "callback_base_url: line 1: Give a URL with http or https."},
		{"a query", strings.Replace(with(), "8081", "8081/?a=1", 1), "providers[0].base_url: line 5: Give the URL without a query"},
		{"name", strings.Replace(with(), "name: a", "name: a.b", 1), "providers[0].name: line 3:"},
		{"caller id", with("from: 555-0100"), "providers[0].from: line 8: Write the caller id in E.164"},
		{"both scripts", with("twiml: <Response/>", "url: https://x.example"), "providers[0].url: line 9: Give the script as twiml or as url"},
		{"script's URL", with("url: /script"), "providers[0].url: line 8: Give an absolute URL"},
		{"script too long", with("twiml: " + strings.Repeat("x", LimitScript+1)), "providers[0].twiml: line 8: The script has 4001 characters"},
		{"timeout", with("timeout: 10"), "providers[0].timeout: line 8: Write a duration"},
		{"channels", with("channels: -1"), "providers[0].channels: line 8: Write a whole number"},
		{"channels in words", with("channels: many"), "providers[0].channels: line 8: Write a whole number"},
		{"rate", with("calls_per_second: .nan"), "providers[0].calls_per_second: line 8: Write a number"},
		{"token unset", strings.Replace(with(), "value: t0ken", "env: DIALTONE_TEST_UNSET", 1), "providers[0].token.env: line 7: The environment variable DIALTONE_TEST_UNSET is not set, or empty."},
		{"token file", strings.Replace(with(), "value: t0ken", "file: /no/such/file", 1), "providers[0].token.file: line 7: The token's file can't be read: open /no/such/file"},
		{"token twice", strings.Replace(with(), "value: t0ken", "value: t0ken, env: A", 1), "providers[0].token: line 7: Give exactly one of"},
		{"token of a kind", strings.Replace(with(), "value: t0ken", "vault: t0ken", 1), "providers[0].token.vault: line 7: There is no such key"},
		{"token bare", strings.Replace(with(), "{value: t0ken}", "t0ken", 1), "providers[0].token: line 7: Write {env: NAME}"},
		{"no provider", "callback_base_url: http://x\nproviders: []\n", "providers: line 2: Write a list with one provider here."},
		{"provider is a text", "callback_base_url: http://x\nproviders: [a]\n", "providers[0]: line 2: Write keys and values here."},
		{"routing by prefix", with(`prefixes: ["+1"]`), "providers[0].prefixes: line 8: Routing between providers is not supported yet"},
		{"routing by weight", with("weight: 1"), "Routing between providers is not supported yet"},
		{"routing by priority", with("priority: 1"), "Routing between providers is not supported yet"},
		{"two providers", with() + "  - name: b\n    dialect: twilio\n    base_url: http://x\n    account: A\n    token: {value: x}\n", "providers: line 2: There are 2 providers, and routing between several is not supported yet"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse([]byte(c.text))
			var fe *FileError
			require.ErrorAs(t, err, &fe)
			require.Contains(t, err.Error(), c.want)
			require.NotContains(t, err.Error(), "\n")
			require.NotContains(t, err.Error(), "t0ken", "a fault never shows the token")
		})
	}
}

func TestParseTellsAllFaults(t *testing.T) {
	_, err := Parse([]byte("callback_base_url: here\nproviders:\n  - dialect: ''\n    chanels: 5\n    channels: x\n"))
	var fe *FileError
	require.ErrorAs(t, err, &fe)
	require.Equal(t, campaign.CodeInvalid, campaign.CodeOf(err))
	var fields []string
	for _, f := range fe.Faults {
		fields = append(fields, f.Field)
	}
	require.ElementsMatch(t, []string{
		"callback_base_url", "providers[0].chanels", "providers[0].channels", "providers[0].name",
		"providers[0].dialect", "providers[0].base_url", "providers[0].account", "providers[0].token",
	}, fields)
}

// Whatever a file holds, reading it ends with a file or with its faults.
func TestParseNeverPanics(t *testing.T) {
	pieces := []string{"a", ":", " ", "\n", "  ", "- ", "{", "}", "[", "]", "&x", "*x", "<<", "!!str", "|", "'", "\"", "#",
		"providers", "callback_base_url", "token", "name", "env", "null", "1", "~", "---", "\t", "?"}
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 30).Draw(t, "pieces"), "")
		_, err := Parse([]byte(text))
		if err == nil {
			t.Fatalf("%q is taken for a file", text)
		}
	})
}
