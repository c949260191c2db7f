package actors

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/sourcegraph/conc"
	"github.com/stretchr/testify/require"
)

func TestMailboxKeepsTheOrder(t *testing.T) {
	b := newMailbox[int](3)
	for i := range 3 {
		require.True(t, b.put(t.Context(), i))
	}
	require.True(t, b.post(3), "post knows no bound")
	require.False(t, b.empty())
	require.Len(t, b.signal, 1)
	require.Equal(t, []int{0, 1, 2, 3}, b.take())
	require.True(t, b.empty())
	require.Empty(t, b.take())
}

// What was taken is the caller's until the next take, and is let go of then.
func TestMailboxLetsGo(t *testing.T) {
	b := newMailbox[*int](9)
	one, two := new(int), new(int)
	b.post(one)
	first := b.take()
	b.post(two)
	require.Same(t, one, first[0], "posts leave alone what is being read")
	second := b.take()
	require.Nil(t, first[0])
	require.Same(t, two, second[0])
}

func TestMailboxPutWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newMailbox[int](2)
		var in atomic.Int32
		var putting conc.WaitGroup
		for i := range 7 {
			putting.Go(func() {
				if b.put(t.Context(), i) {
					in.Add(1)
				}
			})
		}
		var got []int
		for _, through := range []int32{2, 4, 6, 7} {
			synctest.Wait()
			require.Equal(t, through, in.Load(), "as many as there is room for, and no fewer")
			got = append(got, b.take()...)
		}
		putting.Wait()
		slices.Sort(got)
		require.Equal(t, []int{0, 1, 2, 3, 4, 5, 6}, got)
	})
}

// Posts beyond the bound leave no room; room there is only when they are taken.
func TestMailboxPostHoldsUpPut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newMailbox[int](1)
		require.True(t, b.post(1))
		require.True(t, b.post(2))
		var putting conc.WaitGroup
		var in atomic.Bool
		putting.Go(func() { in.Store(b.put(t.Context(), 3)) })
		synctest.Wait()
		require.False(t, in.Load())
		require.Equal(t, []int{1, 2}, b.take())
		putting.Wait()
		require.True(t, in.Load())
	})
}

func TestMailboxPutEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newMailbox[int](1)
		require.True(t, b.put(t.Context(), 1))
		ctx, cancel := context.WithCancel(t.Context())
		var putting conc.WaitGroup
		putting.Go(func() { require.False(t, b.put(ctx, 2)) })
		var in atomic.Bool
		putting.Go(func() { in.Store(b.put(t.Context(), 3)) })
		synctest.Wait()
		cancel()
		synctest.Wait()
		require.Equal(t, []int{1}, b.take())
		putting.Wait()
		require.True(t, in.Load(), "who gave up did not take the other's wake-up along")
		require.Equal(t, []int{3}, b.take())
	})
}

// It closes only when nothing waits, and then refuses everybody.
func TestMailboxClose(t *testing.T) {
	b := newMailbox[int](1)
	b.post(1)
	require.False(t, b.close())
	require.True(t, b.post(2), "a refused close changes nothing")
	b.take()
	require.True(t, b.close())
	require.True(t, b.close())
	require.False(t, b.post(3))
	require.False(t, b.put(t.Context(), 3))
	require.True(t, b.empty())
}

func TestMailboxCloseWakesAllWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newMailbox[int](1)
		b.post(0)
		var putting conc.WaitGroup
		for range 8 {
			putting.Go(func() { require.False(t, b.put(context.Background(), 1)) })
		}
		synctest.Wait()
		b.queue = nil // taken, and nobody was faster than the close
		require.True(t, b.close())
		putting.Wait()
	})
}

// Many put and post, one takes: nothing is lost, nothing comes twice.
func TestMailboxUnderLoad(t *testing.T) {
	b := newMailbox[int](8)
	const each, putters, posters = 500, 4, 2
	var busy conc.WaitGroup
	for p := range putters {
		busy.Go(func() {
			for i := range each {
				b.put(context.Background(), p*each+i)
			}
		})
	}
	for p := range posters {
		busy.Go(func() {
			for i := range each {
				b.post((putters+p)*each + i)
			}
		})
	}
	seen := make([]int, (putters+posters)*each)
	for n := 0; n < len(seen); {
		<-b.signal
		for _, v := range b.take() {
			seen[v]++
			n++
		}
	}
	busy.Wait()
	for v, times := range seen {
		require.Equal(t, 1, times, v)
	}
}
