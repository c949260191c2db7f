package strategy_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"dialtone/actors/scheduler/strategy"
	"dialtone/campaign"
)

// What is not known, or not taken, is refused with the list of what there is.
func TestNewRefuses(t *testing.T) {
	const all = "take one of deadline, fair, priority, remaining, round_robin."
	cases := []struct {
		name, parameters string
		field, say       string
	}{
		{"fastest", `{}`, "strategy", `There is no strategy "fastest"; ` + all},
		{"", `{}`, "strategy", `There is no strategy ""; ` + all},
		{"round_robin", `{"gain": 1}`, "parameters.gain", "The strategy round_robin takes no parameters; leave them out."},
		{"fair", `{"gian": 1}`, "parameters.gian", `The strategy fair has no parameter "gian"; it takes first_guess, gain, group_weights.`},
		{"fair", `{"gain": 0}`, "parameters.gain", "Give a number above 0 and up to 1."},
		{"fair", `{"gain": "much"}`, "parameters.gain", "Give a number above 0 and up to 1."},
		{"fair", `{"gain": null}`, "parameters.gain", "Give a number above 0 and up to 1."},
		{"fair", `{"first_guess": 10}`, "parameters.first_guess", `Give a duration from "100ms" to "1h".`},
		{"fair", `{"first_guess": "2h"}`, "parameters.first_guess", `Give a duration from "100ms" to "1h".`},
		{"fair", `{"group_weights": {"a": 0}}`, "parameters.group_weights", `Give an object of group names and numbers from 0.001 to 1e+06, like {"team-a": 2}.`},
		{"fair", `{"group_weights": [2]}`, "parameters.group_weights", `Give an object of group names and numbers from 0.001 to 1e+06, like {"team-a": 2}.`},
		{"fair", `{"group_weights": {" a": 2}}`, "parameters.group_weights", `Give an object of group names and numbers from 0.001 to 1e+06, like {"team-a": 2}.`},
		{"priority", `{"minimum_share": 0.2}`, "parameters.minimum_share", "Give a number from 0 to 0.1."},
		{"deadline", `{"reserve": -1}`, "parameters.reserve", "Give a number from 0 to 1."},
		{"deadline", `{"minimum_share": 0.1}`, "parameters.minimum_share", `The strategy deadline has no parameter "minimum_share"; it takes first_guess, gain, group_weights, reserve.`},
		{"remaining", `{"direction": "least"}`, "parameters.direction", `Give "fewest" or "most".`},
		{"remaining", `{"aging": "0s"}`, "parameters.aging", `Give a duration from "1s" to "24h".`},
	}
	for _, c := range cases {
		_, err := strategy.New(c.name, parse(t, c.parameters))
		require.Equal(t, campaign.CodeInvalid, campaign.CodeOf(err), "%+v", c)
		fault := faults(t, err)[0]
		require.Equal(t, campaign.Error{Code: campaign.CodeInvalid, Field: c.field, Message: c.say}, *fault)
	}
}

func parse(t *testing.T, text string) (p map[string]any) {
	require.NoError(t, json.Unmarshal([]byte(text), &p))
	return p
}

func faults(t *testing.T, err error) campaign.Errors {
	switch err := err.(type) {
	case *campaign.Error:
		return campaign.Errors{err}
	case campaign.Errors:
		return err
	}
	require.Fail(t, "not a campaign's error", "%v", err)
	return nil
}

func TestNewTellsAllFaultsAtOnce(t *testing.T) {
	_, err := strategy.New("fair", parse(t, `{"x": 1, "gain": 2, "first_guess": "10s"}`))
	got := faults(t, err)
	require.Len(t, got, 2)
	require.Equal(t, "parameters.gain", got[0].Field)
	require.Equal(t, "parameters.x", got[1].Field)
}

// Everything that can be chosen says what it is, can be made with its defaults, and
// with its defaults as they are shown.
func TestKindsDescribeThemselves(t *testing.T) {
	for _, k := range strategy.Kinds() {
		require.NotEmpty(t, k.Summary, k.Name)
		in, err := strategy.Effective(k.Name, nil)
		require.NoError(t, err)
		require.Len(t, in, len(k.Parameters))
		for _, p := range k.Parameters {
			require.NotEmpty(t, p.Summary, p.Name)
			require.NotEmpty(t, p.Takes, p.Name)
			require.EqualValues(t, p.Default, in[p.Name], p.Name)
		}
		raw, err := json.Marshal(in)
		require.NoError(t, err)
		again, err := strategy.Effective(k.Name, parse(t, string(raw)))
		require.NoError(t, err)
		require.Equal(t, in, again)
		_, err = strategy.New(k.Name, again)
		require.NoError(t, err)
	}
}

func TestEffectiveKeepsWhatWasGiven(t *testing.T) {
	in, err := strategy.Effective("fair", parse(t, `{"gain": 0.5, "first_guess": "90s", "group_weights": {"team-a": 2}}`))
	require.NoError(t, err)
	require.Equal(t, map[string]any{"gain": 0.5, "first_guess": "1m30s", "group_weights": map[string]float64{"team-a": 2}}, in)
}
