package scheduler_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"dialtone/actors/scheduler"
	"dialtone/bus/bustest"
	"dialtone/campaign"
)

func TestCandidateTellsWhoHoldsWhichSlot(t *testing.T) {
	b := bustest.Start(t, lasting)
	n := startNode(t, b, 100, 50)
	stand(t, b, "n1", &settings{})
	require.Eventually(t, func() bool { return n.holds() == 5 }, soon, often)
	n.mu.Lock()
	for token := range n.held {
		n.tell(&scheduler.Report{Node: n.name, Progress: []scheduler.Progress{{
			Token: token, Evidence: campaign.EvidencePlaced, Attempt: campaign.NewAttemptID(7, 1), To: "+12125550147",
		}}})
	}
	n.mu.Unlock()
	require.Eventually(t, func() bool {
		slots, err := ask[scheduler.Slots](t, b, "slots", map[string]any{"campaign": "cmp_2", "limit": 2})
		require.NoError(t, err)
		require.Equal(t, 5, slots.Total)
		require.Len(t, slots.Slots, 2)
		return slots.Slots[0].To == "+12125550147" && slots.Slots[0].Call == 7 && slots.Slots[0].Evidence == campaign.EvidencePlaced
	}, soon, often)
	slots, err := ask[scheduler.Slots](t, b, "slots", map[string]any{"campaign": "cmp_3"})
	require.NoError(t, err)
	require.Zero(t, slots.Total)
	for say, body := range map[string]any{
		"limit from 1 to 10000": map[string]any{"limit": -1},
		"unknown field":         map[string]any{"campagne": "cmp_2"},
	} {
		_, err := ask[scheduler.Slots](t, b, "slots", body)
		require.Equal(t, campaign.CodeInvalid, campaign.CodeOf(err))
		require.ErrorContains(t, err, say)
	}
}

func shadowAsk(action, strategy string) map[string]any {
	return map[string]any{"action": action, "strategy": strategy}
}

// A shadow is kept: the next leader begins it again.
func TestCandidateRunsAShadow(t *testing.T) {
	b := bustest.Start(t, lasting)
	kept := &settings{}
	c := stand(t, b, "n1", kept)
	_, err := ask[scheduler.ShadowReport](t, b, "shadow", nil)
	require.Equal(t, campaign.CodeNotFound, campaign.CodeOf(err))
	r, err := ask[scheduler.ShadowReport](t, b, "shadow", shadowAsk("start", "round_robin"))
	require.NoError(t, err)
	require.Equal(t, "round_robin", r.Strategy)
	require.Equal(t, "fair", r.Live.Strategy)
	n := startNode(t, b, 100, 50) // all of whose calls the shadow sees
	require.Eventually(t, func() bool {
		n.hangUp()
		r, err := ask[scheduler.ShadowReport](t, b, "shadow", nil)
		require.NoError(t, err)
		return len(r.Campaigns) == 1 && r.Campaigns[0].Live.Calls >= 5 && r.Campaigns[0].Shadow.Calls >= 5
	}, soon, often)
	require.Equal(t, "fair", stats(t, b).Strategy, "it has no effect")

	c.Stop()
	stand(t, b, "n1", kept)
	require.Eventually(t, func() bool {
		r, err := ask[scheduler.ShadowReport](t, b, "shadow", nil)
		require.NoError(t, err)
		return len(r.Campaigns) == 1 && r.Campaigns[0].Shadow.SlotSeconds > 0
	}, soon, often)
	require.LessOrEqual(t, n.holds(), 5)

	_, err = ask[struct{}](t, b, "shadow", shadowAsk("stop", ""))
	require.NoError(t, err)
	_, err = ask[scheduler.ShadowReport](t, b, "shadow", nil)
	require.Equal(t, campaign.CodeNotFound, campaign.CodeOf(err))
}

func TestCandidateRefusesAShadow(t *testing.T) {
	b := bustest.Start(t, lasting)
	kept := &settings{}
	stand(t, b, "n1", kept)
	for _, c := range []struct {
		body any
		say  string
	}{
		{shadowAsk("start", "lifo"), "take one of"},
		{shadowAsk("dance", "fair"), "take one of read, start, stop"},
		{map[string]any{"strategy": "lifo"}, "take one of deadline"}, // without an action it starts
		{map[string]any{"action": "start", "strategie": "fair"}, "unknown field"},
	} {
		_, err := ask[scheduler.ShadowReport](t, b, "shadow", c.body)
		require.Equal(t, campaign.CodeInvalid, campaign.CodeOf(err))
		require.ErrorContains(t, err, c.say)
	}
	kept.fail(errors.New("the store is down"))
	_, err := ask[scheduler.ShadowReport](t, b, "shadow", shadowAsk("start", "fair"))
	require.Equal(t, campaign.CodeUnavailable, campaign.CodeOf(err))
	kept.fail(nil)
	_, err = ask[scheduler.ShadowReport](t, b, "shadow", nil)
	require.Equal(t, campaign.CodeNotFound, campaign.CodeOf(err), "what could not be kept is not in force")
}
