package main

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const chosen = "a-secret-from-elsewhere"

// keys runs a key command on a data folder.
func keys(t *testing.T, data string, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(append(append([]string{"key"}, args...), "--data", data), &o, &e)
	return code, o.String(), e.String()
}

// A service that runs before every start may create its key again and again.
func TestKeyOfAChosenSecretIsCreatedOnce(t *testing.T) {
	data := t.TempDir()
	t.Setenv("CHOSEN", chosen)
	create := []string{"create", "cluster", "--scope", "admin", "--secret-env", "CHOSEN", "--replace"}
	for range 2 {
		code, out, errs := keys(t, data, create...)
		require.Zero(t, code, errs)
		require.NotContains(t, out, chosen[:6], "the secret is printed nowhere")
	}
	_, out, _ := keys(t, data, "list")
	require.Equal(t, 1, strings.Count(out, "cluster"), out)

	url, ended := serving(t, "--data", data, "--mock-http", "127.0.0.1:0")
	require.Equal(t, http.StatusOK, asked(t, url, chosen))
	require.Equal(t, http.StatusUnauthorized, asked(t, url, chosen+"x"))
	terminate(t, ended)
}

// A changed secret is the only one of its name: the one before may be in many hands.
func TestKeyReplacesThoseOfItsNameAlone(t *testing.T) {
	data := t.TempDir()
	for _, name := range []string{"other", "cluster", "cluster"} {
		code, _, errs := keys(t, data, "create", name)
		require.Zero(t, code, errs)
	}
	t.Setenv("CHOSEN", chosen)
	code, out, errs := keys(t, data, "create", "cluster", "--secret-env", "CHOSEN", "--replace")
	require.Zero(t, code, errs)
	require.Equal(t, 2, strings.Count(out, "revoked"), out)
	_, out, _ = keys(t, data, "list")
	require.Equal(t, 1, strings.Count(out, "cluster"), out)
	require.Equal(t, 1, strings.Count(out, "other"), out)
}

func TestKeyRefusesBadSecrets(t *testing.T) {
	data := t.TempDir()
	t.Setenv("CHOSEN", chosen)
	code, _, errs := keys(t, data, "create", "first", "--secret-env", "CHOSEN")
	require.Zero(t, code, errs)
	for secret, want := range map[string]string{
		"":                         "20 characters",
		"too-short":                "20 characters",
		"with spaces between them": "without spaces",
		"mit-Umlauten-äöü-und-ß-":  "ASCII",
		chosen:                     "(first, scope write) already",
	} {
		t.Setenv("CHOSEN", secret)
		code, out, errs := keys(t, data, "create", "second", "--secret-env", "CHOSEN")
		require.Equal(t, 1, code, out)
		require.Contains(t, errs, "$CHOSEN")
		require.Contains(t, errs, want)
		if secret != "" {
			require.NotContains(t, errs, secret)
		}
	}
	_, out, _ := keys(t, data, "list")
	require.NotContains(t, out, "second")
}

// asked is the status of a request with a key.
func asked(t *testing.T, url, secret string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/v1/campaigns", nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+secret)
	answer, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	_, _ = io.Copy(io.Discard, answer.Body)
	require.NoError(t, answer.Body.Close())
	return answer.StatusCode
}
