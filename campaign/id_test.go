package campaign_test

import (
	"encoding/json"
	"math"
	"testing"

	"dialtone/campaign"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestIDsSurviveTheRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(1, math.MaxInt64).Draw(t, "n")
		type ids struct {
			Campaign campaign.ID
			Call     campaign.CallID
			Attempt  campaign.AttemptID
		}
		want := ids{campaign.ID(n), campaign.CallID(n), campaign.AttemptID(n)}
		b, err := json.Marshal(want)
		require.NoError(t, err)
		var got ids
		require.NoError(t, json.Unmarshal(b, &got), string(b))
		require.Equal(t, want, got)
	})
}

func TestIDsHaveOneSpelling(t *testing.T) {
	for _, s := range []string{
		"", "42", "cmp_", "cmp_0", "cmp_-1", "cmp_+7", "cmp_007", "cmp_7 ", " cmp_7", "CMP_7", "cmp_7a", "cmp_0x7", "cmp_1_000",
		"cmp_٧", "cmp_7.0", "call_7", "cmp_cmp_7", "cmp_9223372036854775808", "cmp_18446744073709551617",
	} {
		_, err := campaign.ParseID(s)
		require.Equal(t, campaign.CodeNotFound, campaign.CodeOf(err), "%q", s)
		require.ErrorContains(t, err, "cmp_42", "it says what an id looks like")
		var id campaign.ID
		require.Error(t, id.UnmarshalText([]byte(s)))
	}
	for _, s := range []string{"", "7", "call_", "call_0", "call_07", "cmp_7", "call_ 7"} {
		_, err := campaign.ParseCallID(s)
		require.Equal(t, campaign.CodeNotFound, campaign.CodeOf(err), "%q", s)
	}
	for _, s := range []string{"", "0", "-7", "+7", "07", "call_7", "7\n"} {
		_, err := campaign.ParseAttemptID(s)
		require.Equal(t, campaign.CodeNotFound, campaign.CodeOf(err), "%q", s)
	}
	id, err := campaign.ParseID("cmp_9223372036854775807")
	require.NoError(t, err)
	require.Equal(t, campaign.ID(math.MaxInt64), id)
}

func TestAnAttemptNamesItsCallAndClaim(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		call := campaign.CallID(rapid.Int64Range(1, 1<<43-1).Draw(t, "call"))
		claim := rapid.IntRange(1, campaign.MaxClaims).Draw(t, "claim")
		id := campaign.NewAttemptID(call, claim)
		require.Equal(t, call, id.Call())
		require.Equal(t, claim, id.Claim())
		require.Positive(t, id)
		parsed, err := campaign.ParseAttemptID(id.String())
		require.NoError(t, err)
		require.Equal(t, id, parsed)
	})
}
