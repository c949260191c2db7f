package api

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/store"
	"dialtone/store/sqlite"
)

// openStore opens a fresh database for one test.
func openStore(t testing.TB) store.Store {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "dialtone.db"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// own makes the test the owner of a partition.
func (s *service) own() store.Fence {
	s.t.Helper()
	before, err := s.store.Epochs(s.t.Context())
	require.NoError(s.t, err)
	epochs, err := s.store.RaiseEpochs(s.t.Context(), "test", map[int]int64{0: before[0]})
	require.NoError(s.t, err)
	return store.Fence{Partition: 0, Epoch: epochs[0]}
}

func (s *service) apply(op store.Op) {
	s.t.Helper()
	var batch store.Batch
	batch.Add(op)
	require.NoError(s.t, s.store.Apply(s.t.Context(), &batch))
	require.NoError(s.t, store.OutcomeOf(op).Err)
}

// move does to a campaign what its owner does at a command.
func (s *service) move(id string, from, to campaign.Status) {
	s.t.Helper()
	number, err := campaign.ParseID(id)
	require.NoError(s.t, err)
	s.apply(&store.SetStatus{Fence: s.own(), Campaign: number, From: []campaign.Status{from}, To: to, At: moment})
}

// end cancels a campaign that was not started.
func (s *service) end(id string) {
	s.t.Helper()
	s.move(id, campaign.StatusPending, campaign.StatusCanceled)
}

// claimed is an attempt of a single call, as it is called back about.
func (s *service) claimed() campaign.AttemptID {
	s.t.Helper()
	c, err := s.store.CreateCall(s.t.Context(), store.NewCall{Contact: campaign.Contact{Phone: "+12125550100"}}, store.Once{})
	require.NoError(s.t, err)
	at := campaign.NewAttemptID(c.ID, 1)
	s.apply(&store.Claim{Fence: s.own(), Campaign: campaign.Single, Attempt: at})
	return at
}
