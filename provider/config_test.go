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
	"dialtone/campaign/route"
)

func TestReadFile(t *testing.T) {
	t.Setenv("DIALTONE_TEST_TOKEN", "t0ken")
	f, err := ReadFile("testdata/full.yaml")
	require.NoError(t, err)
	require.Equal(t, "http://127.0.0.1:8080", f.CallbackBaseURL)
	require.Len(t, f.Providers, 2)
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
		Route: route.Provider{
			Name: "mock-a", Priority: 2, Weight: 0.5, Prefixes: []string{"+1", "+44"},
			Prices: map[string]float64{"": 0.02, "+44": 0.008, "+4420": 0},
		},
		FromByPrefix: map[string]string{"+44": "+442079460958", "+1": "+12025550101"},
	}, got)
	require.Equal(t, route.Provider{Name: "mock-b"}, f.Providers[1].Route, "what is left open is for the table to fill")
	require.Nil(t, f.Providers[1].FromByPrefix)
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

// second is another provider, of the same name.
const second = "  - name: a\n    dialect: twilio\n    base_url: http://x\n    account: A\n    token: {value: x}\n"

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
		{"a campaign's name", strings.Replace(with(), "name: a", "name: cmp_9", 1), `providers[0].name: line 3: Give it a name that is no campaign's id, unlike "cmp_9": its events would pass for that campaign's.`},
		{"caller id", with("from: 555-0100"), "providers[0].from: line 8: Write the caller id in E.164"},
		{"both scripts", with("twiml: <Response/>", "url: https://x.example"), "providers[0].url: line 9: Give the script as twiml or as url"},
		{"script's URL", with("url: /script"), "providers[0].url: line 8: Give an absolute URL"},
		{"script too long", with("twiml: " + strings.Repeat("x", LimitScript+1)), "providers[0].twiml: line 8: The script has 4001 characters"},
		{"timeout", with("timeout: 10"), "providers[0].timeout: line 8: Write a duration"},
		{"timeout too long", with("timeout: 10001ms"), `providers[0].timeout: line 8: Write a duration above 0s and up to 10s, like 10s, not "10001ms".`},
		{"channels", with("channels: -1"), "providers[0].channels: line 8: Write a whole number"},
		{"channels in words", with("channels: many"), "providers[0].channels: line 8: Write a whole number"},
		{"rate", with("calls_per_second: .nan"), "providers[0].calls_per_second: line 8: Write a number"},
		{"token unset", strings.Replace(with(), "value: t0ken", "env: DIALTONE_TEST_UNSET", 1), "providers[0].token.env: line 7: The environment variable DIALTONE_TEST_UNSET is not set, or empty."},
		{"token file", strings.Replace(with(), "value: t0ken", "file: /no/such/file", 1), "providers[0].token.file: line 7: The token's file can't be read: open /no/such/file"},
		{"token twice", strings.Replace(with(), "value: t0ken", "value: t0ken, env: A", 1), "providers[0].token: line 7: Give exactly one of"},
		{"token of a kind", strings.Replace(with(), "value: t0ken", "vault: t0ken", 1), "providers[0].token.vault: line 7: There is no such key"},
		{"token bare", strings.Replace(with(), "{value: t0ken}", "t0ken", 1), "providers[0].token: line 7: Write {env: NAME}"},
		{"no provider", "callback_base_url: http://x\nproviders: []\n", "providers: line 2: Write a list with one provider or more here."},
		{"provider is a text", "callback_base_url: http://x\nproviders: [a]\n", "providers[0]: line 2: Write keys and values here."},
		{"priority", with("priority: 0"), "providers[0].priority: line 8: Write a whole number from 1 to 1000."},
		{"priority too low", with("priority: 1001"), "providers[0].priority: line 8: Write a whole number from 1 to 1000."},
		{"weight", with("weight: 0"), "providers[0].weight: line 8: Write a number from 0.001 to 1000000."},
		{"prefix", with(`prefixes: ["+1", "44"]`), `providers[0].prefixes[1]: line 8: Write the beginning of numbers in E.164, like "+44", not "44".`},
		{"prefix on its line", with("prefixes:", `  - "+1"`, `  - "+0"`), "providers[0].prefixes[1]: line 10:"},
		{"prefix twice", with(`prefixes: ["+1", "+44", "+1"]`), `providers[0].prefixes[2]: line 8: Write the prefix "+1" once.`},
		{"prefix alone", with(`prefixes: "+1"`), "providers[0].prefixes: line 8: Write a list here"},
		{"no prefix", with("prefixes: []"), "providers[0].prefixes: line 8: Write the prefixes that it serves, or take this line out"},
		{"too many prefixes", with("prefixes: [" + strings.Repeat(`"+1", `, campaign.LimitPrefixes) + `"+1"]`), "providers[0].prefixes: line 8: There are 1001 prefixes; the most is 1000."},
		{"price", with("prices:", `  default: 0.1`, `  "+44": cheap`), "providers[0].prices.+44: line 10: Write a number from 0 to 1000000."},
		{"price below 0", with(`prices: {"+44": -1}`), "providers[0].prices.+44: line 8: Write a number from 0 to 1000000."},
		{"price of what", with(`prices: {any: 1}`), `providers[0].prices.any: line 8: Write the beginning of numbers in E.164, like "+44", or default for any other, not "any".`},
		{"price of everything", with("prices: 0.1"), "providers[0].prices: line 8: Write a value for each prefix"},
		{"caller id by prefix", with("from_by_prefix:", `  "+44": 020 7946 0958`), "providers[0].from_by_prefix.+44: line 9: Write the caller id in E.164"},
		{"caller id of what", with(`from_by_prefix: {GB: "+442079460958"}`), `providers[0].from_by_prefix.GB: line 8: Write the beginning of numbers in E.164, like "+44", not "GB".`},
		{"no caller id", with(`from_by_prefix: {"+44": ""}`), "providers[0].from_by_prefix.+44: line 8: This must not be empty."},
		{"a name twice", with() + second, `providers[1].name: line 9: There is a provider "a" already`},
		{"the second's fault", with() + second + "    chanels: 5\n", "providers[1].chanels: line 14: There is no such key"},
		{"too many", with() + strings.Repeat(second, campaign.LimitProviders), "providers: line 2: There are 101 providers; the most is 100."},
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

// What an adapter finds wrong is told with the rest, each key's fault once.
func TestParseTellsTheChecksFaults(t *testing.T) {
	check := func(s Spec) error {
		if s.Name == "b" {
			return campaign.Invalid("account", "Give an account of letters.")
		}
		return campaign.Errors{campaign.Invalid("account", "No."), campaign.Invalid("token", "No token."), campaign.Invalid("twiml", "Close it.")}
	}
	text := "callback_base_url: http://x\nproviders:\n  - name: a\n    dialect: d\n    base_url: http://x\n    twiml: '{{'\n    token:\n      env: \n" +
		strings.Replace(second, "name: a", "name: b", 1)
	_, err := Parse([]byte(text), check, func(Spec) error { return nil })
	require.EqualError(t, err, "providers: providers[0].account: line 3: This key is missing.; "+
		"providers[0].twiml: line 6: Close it.; providers[0].token.env: line 8: Write a text here.; "+
		"providers[1].account: line 12: Give an account of letters.")
	_, err = Parse([]byte(with()), func(Spec) error { return os.ErrPermission })
	require.EqualError(t, err, "providers: providers[0].dialect: line 4: permission denied")
}

// An entry that is no mapping is one fault: what it lacks is no news, and no check is
// asked about it.
func TestParseTellsOnceOfWhatIsNoProvider(t *testing.T) {
	for _, entry := range []string{"a", "null", "[a, b]"} {
		_, err := Parse([]byte("callback_base_url: http://x\nproviders:\n  - "+entry+"\n"+second), func(s Spec) error {
			require.Equal(t, "a", s.Name)
			return nil
		})
		require.EqualError(t, err, "providers: providers[0]: line 3: Write keys and values here.", entry)
	}
}

// Other names that begin like a campaign's id are no campaign's.
func TestNamesLikeCampaigns(t *testing.T) {
	for _, name := range []string{"cmp_", "cmp_x", "cmp_09", "cmp-9", "cmp_9a"} {
		_, err := Parse([]byte(strings.Replace(with(), "name: a", "name: "+name, 1)))
		require.NoError(t, err, name)
	}
}

// The page about the file names every key, and its example is one.
func TestPageOnProviders(t *testing.T) {
	text, err := os.ReadFile("../docs/providers.md")
	require.NoError(t, err)
	page := string(text)
	for _, key := range specKeys {
		require.Contains(t, page, "\n| `"+key+"` |")
	}
	_, example, found := strings.Cut(page, "```yaml\n")
	require.True(t, found)
	example, _, _ = strings.Cut(example, "```")
	t.Setenv("MAIN_TOKEN", "t0ken")
	f, err := Parse([]byte(strings.Replace(example, "{file: /run/secrets/britain}", "{value: t0ken}", 1)))
	require.NoError(t, err)
	require.Len(t, f.Providers, 2)
	for _, key := range specKeys {
		if key != "weight" && key != "timeout" {
			require.Contains(t, example, " "+key+":")
		}
	}
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
