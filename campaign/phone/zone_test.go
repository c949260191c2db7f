package phone_test

import (
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nyaruka/phonenumbers"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dialtone/campaign"
	"dialtone/campaign/phone"
)

func TestZones(t *testing.T) {
	for _, tt := range []struct {
		name, number string
		want         campaign.Zones
	}{
		{"area code", "+12125550147", "America/New_York"},
		{"area code of another country of the same code", "+14165550147", "America/Toronto"},
		{"island", "+18765550147", "America/Jamaica"},
		{"area code in two zones", "+12085550147", "America/Boise,America/Los_Angeles"},
		{"country of one zone", "+4915123456789", "Europe/Berlin"},
		{"mobile with an area code", "+5511961234567", "America/Sao_Paulo"},
		{"mobile without one", "+243991234567", "Africa/Kinshasa,Africa/Lubumbashi"},
		{"mobile for which the table has a guess", "+351912345678", "Atlantic/Azores,Europe/Lisbon"},
		{"mobile of the smaller country of a code", "+77710009998", "Asia/Almaty,Asia/Aqtobe"},
		{"no country at all", "+80012345678", ""},
		{"nothing", "", ""},
		{"no number", "+", ""},
		{"a word", "+hello", ""},
	} {
		t.Run(tt.name, func(t *testing.T) { assert.Equal(t, tt.want, phone.Zones(tt.number)) })
	}
	for _, number := range []string{"+61412345678", "+79123456789", "+62812345678", "+18005550147"} {
		assert.Greater(t, len(phone.Zones(number).Names()), 2, "%s may be anywhere in its country", number)
	}
}

// zonesOracle is the library, asked as Google's own mapper asks: the prefixes for
// what has a place by its digits, the country for the rest.
func zonesOracle(n *phonenumbers.PhoneNumber) (precise, broad campaign.Zones, placed bool) {
	names, _ := phonenumbers.GetTimezonesForNumber(n)
	precise = campaign.ZonesOf(names...)
	names, _ = phonenumbers.GetTimezonesForPrefix(strconv.Itoa(int(n.GetCountryCode())))
	broad = campaign.ZonesOf(names...)
	switch kind := phonenumbers.GetNumberType(n); kind {
	case phonenumbers.FIXED_LINE, phonenumbers.FIXED_LINE_OR_MOBILE:
		placed = true
	case phonenumbers.MOBILE:
		placed = phonenumbers.GEO_MOBILE_COUNTRIES[n.GetCountryCode()] && n.GetCountryCode() != 62
	}
	return precise, broad, placed
}

// zonesAgree fails unless Zones says what the library says; of a number without a
// place, all zones of its country, which are some of its calling code's.
func zonesAgree(t fataler, e164 string) {
	t.Helper()
	n, err := phonenumbers.Parse(e164, "")
	if err != nil {
		t.Fatalf("%s: %v", e164, err)
	}
	precise, broad, placed := zonesOracle(n)
	got := phone.Zones(e164)
	if unknown := campaign.Zones(phonenumbers.UNKNOWN_TIMEZONE); precise == unknown || broad == unknown {
		precise, broad = "", ""
	}
	switch {
	case placed && got != precise:
		t.Fatalf("%s: got %q, the library says %q", e164, got, precise)
	case !placed && !within(precise, got), !placed && !within(got, broad):
		t.Fatalf("%s: got %q, which is not between %q and %q", e164, got, precise, broad)
	}
}

func within(some, all campaign.Zones) bool {
	in := map[string]bool{}
	for _, name := range all.Names() {
		in[name] = true
	}
	for _, name := range some.Names() {
		if !in[name] {
			return false
		}
	}
	return true
}

func TestZonesAgreeWithLibraryOnExamples(t *testing.T) {
	for _, n := range examples() {
		zonesAgree(t, phonenumbers.Format(n, phonenumbers.E164))
	}
}

// Valid numbers of every region and kind, near the examples.
func TestZonesAgreeWithLibrary(t *testing.T) {
	all, checked := examples(), 0
	rapid.Check(t, func(t *rapid.T) {
		for range 20 {
			n := rapid.SampledFrom(all).Draw(t, "example")
			digits := []byte(phonenumbers.Format(n, phonenumbers.E164))
			for range rapid.IntRange(0, 4).Draw(t, "changes") {
				digits[rapid.IntRange(1, len(digits)-1).Draw(t, "at")] = rapid.ByteRange('0', '9').Draw(t, "digit")
			}
			if e164, err := phone.Normalize(string(digits), ""); err == nil {
				zonesAgree(t, e164)
				checked++
			}
		}
	})
	require.Greater(t, checked, 200)
}

// TestEveryZoneIsKnown: nobody is given a zone by which nothing can be reckoned.
func TestEveryZoneIsKnown(t *testing.T) {
	for _, code := range codes {
		for _, name := range phone.Zones("+" + strconv.Itoa(code) + "000").Names() {
			_, err := time.LoadLocation(name)
			assert.NoError(t, err, "%d", code)
		}
	}
}

func TestZonesForManyAtOnce(t *testing.T) {
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 2_000 {
				phone.Zones("+1" + strconv.Itoa(2_000_000_000+i*3_999_999))
			}
		})
	}
	wg.Wait()
}

// TestZonesCostNoMemory: and so no slice of the library's is remembered twice.
func TestZonesCostNoMemory(t *testing.T) {
	for _, number := range []string{"+12125550147", "+61412345678", "+442079460958", "+77710009998"} {
		phone.Zones(number)
		assert.Zero(t, testing.AllocsPerRun(100, func() { phone.Zones(number) }), number)
	}
}

func BenchmarkZones(b *testing.B) {
	for _, number := range []string{"+12125550147", "+14165550147", "+18765550147", "+442079460958", "+61412345678", "+5511961234567", "+8613812345678", "+18005550147", "+79123456789"} {
		b.Run(number, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				phone.Zones(number)
			}
		})
	}
}
