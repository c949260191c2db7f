package storetest

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/sourcegraph/conc/pool"
	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/store"
)

func testOwnership(t *testing.T, open Open) {
	s := newScene(t, open)
	first, err := s.RaiseEpochs(s.ctx, "a", map[int]int64{1: 0, 5: 0, 9: 0})
	require.NoError(t, err)
	require.Equal(t, map[int]int64{1: 1, 5: 1, 9: 1}, first)
	second, err := s.RaiseEpochs(s.ctx, "b", map[int]int64{9: 1, 2: 0, 1: 1})
	require.NoError(t, err)
	require.Equal(t, map[int]int64{1: 2, 2: 1, 9: 2}, second)
	late, err := s.RaiseEpochs(s.ctx, "a", map[int]int64{1: 1, 5: 1, 2: 0})
	require.NoError(t, err)
	require.Equal(t, map[int]int64{5: 2}, late, "the others have changed hands since")
	all, err := s.Epochs(s.ctx)
	require.NoError(t, err)
	delete(all, partition) // the scene's own
	require.Equal(t, map[int]int64{1: 2, 2: 1, 5: 2, 9: 2}, all)
	none, err := s.RaiseEpochs(s.ctx, "b", nil)
	require.NoError(t, err)
	require.Empty(t, none)

	// Of many that try at once, one has it.
	p := pool.NewWithResults[int64]()
	for range 8 {
		p.Go(func() int64 {
			got, err := s.RaiseEpochs(s.ctx, "c", map[int]int64{20: 0, 21: 0})
			require.NoError(t, err)
			return got[20]
		})
	}
	require.ElementsMatch(t, []int64{1, 0, 0, 0, 0, 0, 0, 0}, p.Wait())
}

func testActive(t *testing.T, open Open) {
	s := newScene(t, open)
	running, pausedBusy, pausedIdle := s.campaign(0), s.campaign(2), s.campaign(2)
	canceledLeft, canceledDone, pending := s.campaign(2), s.campaign(0), s.pending(2)
	s.done(s.claim(pausedBusy, attempt(s.queued(pausedBusy)[0], 1)))
	s.move(pausedBusy, campaign.StatusPaused)
	s.move(pausedIdle, campaign.StatusPaused)
	s.move(canceledLeft, campaign.StatusCanceled)
	s.move(canceledDone, campaign.StatusCanceled)
	ids, err := s.Active(s.ctx)
	require.NoError(t, err)
	require.Equal(t, []campaign.ID{campaign.Single, running, pausedBusy, canceledLeft}, ids)
	require.NotContains(t, ids, pending)
}

func testKeys(t *testing.T, open Open) {
	s := newScene(t, open)
	none, err := s.ListKeys(s.ctx)
	require.NoError(t, err)
	require.Empty(t, none)
	k := store.Key{ID: "key_1", Name: "ci", Scope: store.ScopeWrite, SHA256: bytes.Repeat([]byte{0, 0xff}, 16), CreatedAt: start}
	made, err := s.CreateKey(s.ctx, k)
	require.NoError(t, err)
	require.Equal(t, k, made)
	_, err = s.CreateKey(s.ctx, k)
	is(t, campaign.CodeConflict, err)
	second, err := s.CreateKey(s.ctx, store.Key{ID: "key_2", Name: "ops", Scope: store.ScopeAdmin, SHA256: []byte{1}})
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), second.CreatedAt, time.Minute)

	all, err := s.ListKeys(s.ctx)
	require.NoError(t, err)
	require.Equal(t, []store.Key{k, second}, all)
	found, err := s.KeyByHash(s.ctx, k.SHA256)
	require.NoError(t, err)
	require.Equal(t, k, found)
	_, err = s.KeyByHash(s.ctx, []byte{2})
	is(t, campaign.CodeNotFound, err)
	require.NoError(t, s.RevokeKey(s.ctx, k.ID))
	is(t, campaign.CodeNotFound, s.RevokeKey(s.ctx, k.ID), k.ID)
	_, err = s.KeyByHash(s.ctx, k.SHA256)
	is(t, campaign.CodeNotFound, err)
}

func testSettings(t *testing.T, open Open) {
	s := newScene(t, open)
	v, err := s.Setting(s.ctx, "strategy")
	require.NoError(t, err)
	require.Nil(t, v)
	for _, want := range [][]byte{[]byte("fair"), {0, 1, 0xff}, {}} {
		require.NoError(t, s.PutSetting(s.ctx, "strategy", want))
		v, err = s.Setting(s.ctx, "strategy")
		require.NoError(t, err)
		require.Equal(t, want, v)
	}
	require.NoError(t, s.PutSetting(s.ctx, "empty", nil))
	v, err = s.Setting(s.ctx, "empty")
	require.NoError(t, err)
	require.Empty(t, v)
}

func testOnce(t *testing.T, open Open) {
	s := newScene(t, open)
	once := store.Once{Key: "campaign/key_1/abc", Fingerprint: []byte{1, 2}}
	other := store.Once{Key: once.Key, Fingerprint: []byte{9}}
	_, ok, err := s.Recall(s.ctx, once)
	require.NoError(t, err)
	require.False(t, ok)

	c, err := s.CreateCampaign(s.ctx, full, contacts(0, 2), once)
	require.NoError(t, err)
	s.move(c.ID, campaign.StatusInProgress)
	again, err := s.CreateCampaign(s.ctx, full, contacts(0, 2), once)
	require.NoError(t, err)
	require.Equal(t, c.ID, again.ID)
	require.Equal(t, campaign.StatusInProgress, again.Status, "as it is now")
	_, err = s.CreateCampaign(s.ctx, full, nil, other)
	is(t, campaign.CodeConflict, err)

	resource, ok, err := s.Recall(s.ctx, once)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, c.ID.String(), resource)
	_, _, err = s.Recall(s.ctx, other)
	is(t, campaign.CodeConflict, err)
	_, ok, err = s.Recall(s.ctx, store.Once{})
	require.NoError(t, err)
	require.False(t, ok)

	one := store.Once{Key: "call/key_1/abc"}
	call, err := s.CreateCall(s.ctx, store.NewCall{Contact: contacts(0, 1)[0]}, one)
	require.NoError(t, err)
	same, err := s.CreateCall(s.ctx, store.NewCall{Contact: contacts(0, 1)[0]}, one)
	require.NoError(t, err)
	require.Equal(t, call, same)
	require.Equal(t, 1, s.stats(campaign.Single).Total)

	require.NoError(t, s.ForgetOnces(s.ctx, time.Now().Add(-time.Hour)))
	_, ok, err = s.Recall(s.ctx, once)
	require.NoError(t, err)
	require.True(t, ok, "not old enough")
	require.NoError(t, s.ForgetOnces(s.ctx, time.Now().Add(time.Hour)))
	_, ok, err = s.Recall(s.ctx, once)
	require.NoError(t, err)
	require.False(t, ok)
}

// testOnceConcurrent: of many first requests with one key, on two nodes, one creates.
func testOnceConcurrent(t *testing.T, open Open) {
	s := newScene(t, open)
	nodes := []*scene{s, s.node(open)}
	once := store.Once{Key: "call/key_1/xyz", Fingerprint: []byte{7}}
	p := pool.NewWithResults[campaign.CallID]()
	for i := range 8 {
		p.Go(func() campaign.CallID {
			c, err := nodes[i%2].CreateCall(s.ctx, store.NewCall{Contact: contacts(0, 1)[0]}, once)
			require.NoError(t, err)
			return c.ID
		})
	}
	ids := p.Wait()
	for _, id := range ids {
		require.Equal(t, ids[0], id)
	}
	require.Equal(t, 1, s.stats(campaign.Single).Total)
}

// testCanceled: a caller that gave up is told so, and not that the store is ill.
func testCanceled(t *testing.T, open Open) {
	s := newScene(t, open)
	id := s.campaign(1)
	ctx, cancel := context.WithCancel(s.ctx)
	cancel()
	_, err := s.Campaign(ctx, id)
	require.ErrorIs(t, err, context.Canceled)
	_, err = s.AddContacts(ctx, id, contacts(5, 1))
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, s.Apply(ctx, batch(s.claim(id, attempt(s.queued(id)[0], 1)))), context.Canceled)
	require.Equal(t, campaign.Stats{Total: 1, Queued: 1}, s.stats(id))
}
