package strategy_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/actors/scheduler/strategy"
	"dialtone/campaign"
	"dialtone/internal/load"
)

// due lets a campaign in that should be done by a time from now.
func (m *sim) due(numbers int, in time.Duration, length time.Duration) *dialer {
	d := &dialer{weight: 1, length: around(length, uint64(len(m.dialers))), want: numbers, firstCall: -1}
	if in > 0 {
		d.terms.Due = m.at().Add(in)
	}
	m.enlist(d)
	return d
}

// attend plays until a time, with the campaigns' owners telling what is left.
func (m *sim) attend(until time.Duration) {
	for m.now < until {
		for _, d := range m.dialers {
			m.tell(d)
		}
		m.run(min(m.now+time.Second, until))
	}
}

func (m *sim) late() []campaign.ID { return m.s.(strategy.Judge).Late(m.at()) }

// Whoever can be done in time is done in time, beside others that want all there is;
// fair alone would be late.
func TestDeadlineIsKept(t *testing.T) {
	left := map[string]int{}
	for _, name := range []string{"deadline", "fair"} {
		m := newSim(t, name, 100, 0)
		for range 9 {
			m.due(endless, 0, 30*time.Second)
		}
		d := m.due(3600, time.Hour, 50*time.Second) // half of the capacity for an hour
		m.attend(time.Hour)
		left[name] = d.want
		if name == "deadline" {
			require.Empty(t, m.late())
			require.Greater(t, m.utilisation(), 0.999)
		}
	}
	require.LessOrEqual(t, left["deadline"], 40, "of 3600; the last of them are up")
	require.Greater(t, left["fair"], 2500)
}

// The rest is shared by weight, among all, and what was taken of a floor does not count
// there.
func TestDeadlineSharesTheRest(t *testing.T) {
	m := newSim(t, "deadline", 100, 0)
	m.due(7200, 2*time.Hour, 50*time.Second)
	a, b := m.due(endless, 0, 10*time.Second), m.due(endless, 0, 60*time.Second)
	b.weight = 2
	m.attend(90 * time.Minute)
	require.InEpsilon(t, 2*m.used(a), m.used(b), 0.03)
	require.Greater(t, m.used(a), 0.1*m.now.Seconds())
}

// Where not all can be done, who is due first is; the others are named, and nobody
// starves.
func TestDeadlineNamesWhoIsLate(t *testing.T) {
	m := newSim(t, "deadline", 100, 0)
	soon := m.due(4800, time.Hour, 50*time.Second)        // two thirds
	later := m.due(9600, 2*time.Hour, 50*time.Second)     // the same again
	hopeless := m.due(endless, time.Hour, 10*time.Second) // more than there is
	other := m.due(endless, 0, 10*time.Second)
	m.attend(10 * time.Minute)
	require.Equal(t, []campaign.ID{later.id, hopeless.id}, m.late())
	m.attend(time.Hour)
	require.LessOrEqual(t, soon.want, 60)
	require.Greater(t, other.calls, 600)
	m.attend(time.Hour + time.Minute)
	require.NotContains(t, m.late(), soon.id)
	require.Contains(t, m.late(), hopeless.id, "its time has passed")
	used, ofOther := m.used(hopeless), m.used(other)
	m.attend(m.now + 20*time.Minute)
	require.InEpsilon(t, m.used(other)-ofOther, m.used(hopeless)-used, 0.05, "and it is not favoured for that")
}

// The reserve is what deadlines never take.
func TestDeadlineKeepsTheReserve(t *testing.T) {
	for _, reserve := range []float64{0.1, 0.4} {
		m := newSim(t, "deadline", 100, 0)
		m.lead("deadline", map[string]any{"reserve": reserve})
		m.due(endless, time.Hour, 20*time.Second) // can't be done; it has its share of the rest only
		m.due(4000, time.Hour, 85*time.Second)    // 94 %
		other := m.due(endless, 0, 20*time.Second)
		m.attend(10 * time.Minute)
		used, since := m.used(other), m.now
		m.attend(40 * time.Minute)
		require.Greater(t, m.share(other, used, since), 0.8*reserve/3)
		require.Greater(t, m.utilisation(), 0.999)
	}
}

// A deadline that is set, moved or dropped while calls are running counts at once.
func TestDeadlineChangesLive(t *testing.T) {
	m := newSim(t, "deadline", 100, 0)
	for range 9 {
		m.due(endless, 0, 20*time.Second)
	}
	d := m.due(2880, 0, 50*time.Second)
	m.attend(10 * time.Minute)
	used, since := m.used(d), m.now
	d.terms.Due = m.at().Add(time.Hour)
	m.attend(m.now + 20*time.Minute)
	require.Greater(t, m.share(d, used, since), 0.35)
	d.terms.Due = time.Time{}
	m.attend(m.now + 5*time.Minute)
	used, since = m.used(d), m.now
	m.attend(m.now + 20*time.Minute)
	require.InDelta(t, 0.1, m.share(d, used, since), 0.03)
}

// A deadline that moves nearer counts at once, however far ahead of the floor before
// the campaign was.
func TestDeadlineMovesNearer(t *testing.T) {
	m := newSim(t, "deadline", 100, 0)
	for range 9 {
		m.due(endless, 0, 20*time.Second)
	}
	d := m.due(1440, 30*24*time.Hour, 50*time.Second)
	m.attend(10 * time.Minute)
	d.terms.Due = m.at().Add(time.Hour)
	used, since := m.used(d), m.now
	m.attend(m.now + 4*time.Minute)
	require.Greater(t, m.share(d, used, since), 0.15)
}

// Floors that don't fit together now may do so in time: nobody is called late who will
// not be.
func TestLateRaisesNoFalseAlarm(t *testing.T) {
	m := newSim(t, "deadline", 100, 0)
	first := m.due(3600, time.Hour, 50*time.Second)  // half of the capacity, for an hour
	then := m.due(8400, 2*time.Hour, 50*time.Second) // 58 %, for two
	m.due(endless, 0, 10*time.Second)
	for m.now < 2*time.Hour-time.Minute {
		m.attend(m.now + time.Minute)
		require.Empty(t, m.late(), "at %v", m.now)
	}
	m.attend(2 * time.Hour)
	require.LessOrEqual(t, first.want+then.want, 60)
}

// A campaign that was paused with calls left keeps others from nothing, and none of
// them is late for it.
func TestDeadlineOfAPausedCampaign(t *testing.T) {
	m := newSim(t, "deadline", 100, 0)
	paused := m.due(4320, time.Hour, 50*time.Second) // 60 %
	d := m.due(11520, 2*time.Hour, 50*time.Second)   // 80 %
	m.due(endless, 0, 10*time.Second)
	m.attend(time.Minute)
	require.Equal(t, []campaign.ID{d.id}, m.late())
	m.s.Leave(paused.id)
	for range 4 * 60 {
		m.now += time.Second
		m.s.Next(m.at())
	}
	require.Empty(t, m.late())
}

// A campaign at its limit wants its floor, although it can use none at the moment.
func TestDeadlineOfACampaignAtItsLimit(t *testing.T) {
	m := newSim(t, "deadline", 100, 0)
	d := m.due(1000, time.Hour, 50*time.Second)
	d.limit = 1
	m.consider(d)
	later := m.due(12600, 2*time.Hour, 50*time.Second) // 87.5 %, and 90 % is all there is
	m.attend(10 * time.Minute)
	require.Equal(t, []campaign.ID{later.id}, m.late())
}

// Its floor is not kept for it meanwhile.
func TestDeadlineTakesWhatAPausedCampaignHad(t *testing.T) {
	m := newSim(t, "deadline", 100, 0)
	paused := m.due(3600, time.Hour, 50*time.Second) // a half
	d := m.due(11000, 2*time.Hour, 50*time.Second)   // three quarters
	for range 9 {
		m.due(endless, 0, 10*time.Second)
	}
	paused.terms.Length = 50 * time.Second
	paused.limit, paused.held = 1, 1 // with a call that does not end
	m.consider(paused)
	m.attend(5 * time.Minute)
	used, since := m.used(d), m.now
	m.attend(m.now + 10*time.Minute)
	require.Greater(t, m.share(d, used, since), 0.7)
}

// Who has had a call of its floor is no newcomer to the rest.
func TestDeadlineFloorServesNewcomers(t *testing.T) {
	s := newStrategy(t, "deadline", 10, 0)
	s.Set(1, strategy.Terms{Weight: 1, Remaining: 10, Due: start.Add(time.Hour)})
	s.Enter(1)
	s.Enter(2)
	require.Equal(t, []campaign.ID{1, 2}, turns(s, 2))
}

// What changes with every report costs no reckoning.
func TestDeadlinesMayMoveAtAnyTime(t *testing.T) {
	s := newStrategy(t, "deadline", 100, 0)
	for i := range 5000 {
		s.Set(campaignID(i), strategy.Terms{Weight: 1, Remaining: 10, Due: start.Add(time.Hour)})
		s.Enter(campaignID(i))
	}
	began := load.CPU()
	for i := range 5000 {
		s.Set(campaignID(i), strategy.Terms{Weight: 1, Remaining: 9, Due: start.Add(time.Hour + time.Second)})
		id, _ := s.Next(start)
		s.Grant(id, start)
	}
	require.Less(t, load.CPU()-began, load.Slack(time.Second), "5000 reckonings of 5000 would take some")
}

// What a guess got wrong is settled, in floors as well.
func TestDeadlineIsSettled(t *testing.T) {
	m := newSim(t, "deadline", 100, 0)
	m.lead("deadline", map[string]any{"gain": 1e-6})
	for range 9 {
		m.due(endless, 0, 10*time.Second)
	}
	d := m.due(360, time.Hour, 10*time.Second) // taken to need a tenth
	for _, d := range m.dialers {
		d.terms.Length = 100 * time.Second // guesses stay wrong
	}
	m.attend(30 * time.Second)
	used, since := m.used(d), m.now
	m.attend(m.now + 90*time.Second)
	require.InDelta(t, 0.1+0.09, m.share(d, used, since), 0.04)
}

// A floor that a campaign could not use for a time gives it no claim to that afterwards.
func TestDeadlineBanksNothing(t *testing.T) {
	m := newSim(t, "deadline", 100, 0)
	d := m.due(20_000, 20*time.Hour, 72*time.Second) // a fifth
	m.due(endless, 0, 20*time.Second)
	m.attend(10 * time.Minute)
	left := d.want
	d.want = 0
	m.consider(d)
	m.attend(2 * time.Hour)
	d.want = left
	m.consider(d)
	m.attend(m.now + 2*time.Minute)
	used, since := m.used(d), m.now
	m.attend(m.now + 5*time.Minute)
	require.Less(t, m.share(d, used, since), 0.75, "a fifth, and half of the rest")
}

// Who can't dial now takes nothing of the floors.
func TestDeadlineOfWhoIsAway(t *testing.T) {
	m := newSim(t, "deadline", 100, 0)
	away := m.due(6400, time.Hour, 50*time.Second)
	here := m.due(11_000, 2*time.Hour, 50*time.Second)
	away.limit, away.held = 1, 1 // at its limit, with a call that does not end
	m.consider(away)
	m.attend(5 * time.Minute)
	require.Empty(t, m.late())
	require.Less(t, here.want, 11_000-300)
}

// Granted calls are not counted as left until the campaign's owner says so; nor is
// anybody late who has nothing left.
func TestDeadlineCountsDown(t *testing.T) {
	s, err := strategy.New("deadline", nil)
	require.NoError(t, err)
	s.Set(1, strategy.Terms{Weight: 1, Remaining: 3, Due: start.Add(time.Hour)})
	s.Enter(1)
	turns(s, 3)
	require.Empty(t, s.(strategy.Judge).Late(start.Add(2*time.Hour)))
	s.Set(1, strategy.Terms{Weight: 1, Remaining: 1, Due: start})
	require.Equal(t, []campaign.ID{1}, s.(strategy.Judge).Late(start.Add(2*time.Hour)), "at once")
}

// A call that was taken of a floor does not count for the share of the rest, whatever
// it cost.
func TestDeadlineChargesAFloorToNobody(t *testing.T) {
	s, err := strategy.New("deadline", nil)
	require.NoError(t, err)
	s.SetCapacity(10, 0)
	s.Set(1, strategy.Terms{Weight: 1, Remaining: 10, Due: start.Add(time.Hour)})
	s.Set(2, strategy.Terms{Weight: 1, Remaining: 1000})
	s.Enter(1)
	s.Enter(2)
	id, _ := s.Next(start)
	require.EqualValues(t, 1, id, "its floor")
	s.Release(1, s.Grant(1, start), time.Hour)
	s.Set(1, strategy.Terms{Weight: 1, Remaining: 10}) // no deadline any more
	got := numbers(turns(s, 2))
	require.Contains(t, got, 0, "it has its turn of the rest")
}
