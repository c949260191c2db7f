package api

import (
	"context"
	"sync"
	"time"

	"dialtone/campaign"
	"dialtone/store"
)

// maxRemembered bounds the keyring: somebody who tries random keys must not fill
// the memory.
const maxRemembered = 10_000

// keyring remembers for a short time what the store said about API keys, so that
// not every request asks it.  A key made or revoked shows after that time at the
// latest; an error of the store is not remembered.
type keyring struct {
	source keySource
	ttl    time.Duration
	now    func() time.Time

	mu    sync.Mutex
	seen  map[string]sighting // by hash
	some  bool                // there is a key
	until time.Time           // for some
}

type sighting struct {
	key   store.Key
	err   error // nil or not_found
	until time.Time
}

func newKeyring(source keySource, ttl time.Duration) *keyring {
	return &keyring{source: source, ttl: ttl, now: time.Now, seen: map[string]sighting{}}
}

// find is the key with this secret; not_found for none.
func (k *keyring) find(ctx context.Context, secret string) (store.Key, error) {
	hash := hashSecret(secret)
	now := k.now()
	k.mu.Lock()
	s, ok := k.seen[string(hash)]
	k.mu.Unlock()
	if ok && now.Before(s.until) {
		return s.key, s.err
	}
	key, err := k.source.KeyByHash(ctx, hash)
	if err != nil && campaign.CodeOf(err) != campaign.CodeNotFound {
		return key, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.seen) >= maxRemembered {
		clear(k.seen)
	}
	k.seen[string(hash)] = sighting{key: key, err: err, until: now.Add(k.ttl)}
	return key, err
}

// any reports whether there is a key at all.
func (k *keyring) any(ctx context.Context) (bool, error) {
	now := k.now()
	k.mu.Lock()
	some, until := k.some, k.until
	k.mu.Unlock()
	if now.Before(until) {
		return some, nil
	}
	keys, err := k.source.ListKeys(ctx)
	if err != nil {
		return false, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.some, k.until = len(keys) > 0, now.Add(k.ttl)
	return k.some, nil
}
