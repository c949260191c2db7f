package campaign_test

import (
	"errors"
	"fmt"
	"testing"

	"dialtone/campaign"

	"github.com/stretchr/testify/require"
)

func TestCodeOf(t *testing.T) {
	invalid := campaign.Invalid("weight", "Give a weight, not %d.", 3)
	for _, c := range []struct {
		err  error
		want campaign.Code
	}{
		{nil, ""},
		{errors.New("disk on fire"), campaign.CodeInternal},
		{invalid, campaign.CodeInvalid},
		{campaign.NotFound("There is none."), campaign.CodeNotFound},
		{campaign.Conflict("Not now."), campaign.CodeConflict},
		{campaign.Unavailable("Later."), campaign.CodeUnavailable},
		{fmt.Errorf("read campaign: %w", campaign.NotFound("There is none.")), campaign.CodeNotFound},
		{campaign.Errors{invalid}, campaign.CodeInvalid},
		{fmt.Errorf("create: %w", campaign.Errors{invalid, invalid}), campaign.CodeInvalid},
	} {
		require.Equal(t, c.want, campaign.CodeOf(c.err), "%v", c.err)
	}
	require.EqualError(t, invalid, "weight: Give a weight, not 3.")
	require.EqualError(t, campaign.Conflict("Not now."), "Not now.")
	require.EqualError(t, campaign.Errors{invalid}, "weight: Give a weight, not 3.")
	require.EqualError(t, campaign.Errors{invalid, invalid, invalid}, "weight: Give a weight, not 3. (and 2 more)")
}

func TestFaultsOf(t *testing.T) {
	one, two := campaign.Invalid("a", "A."), campaign.Invalid("b", "B.")
	require.Equal(t, campaign.Errors{one, two}, campaign.FaultsOf(fmt.Errorf("read: %w", campaign.Errors{one, two})))
	require.Equal(t, campaign.Errors{one}, campaign.FaultsOf(one))
	require.Empty(t, campaign.FaultsOf(nil))
	require.Empty(t, campaign.FaultsOf(errors.New("no fault of anybody's")))
}
