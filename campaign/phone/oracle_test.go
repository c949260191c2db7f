package phone_test

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nyaruka/phonenumbers"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dialtone/campaign/phone"
)

// oracle is the library alone, with nothing of ours but the refused extension.
func oracle(raw, region string) (string, bool) {
	n, err := phonenumbers.Parse(raw, region)
	if err != nil || n.GetExtension() != "" || !phonenumbers.IsValidNumber(n) {
		return "", false
	}
	return phonenumbers.Format(n, phonenumbers.E164), true
}

type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// agree fails unless both say the same.  What we refuse beyond the library is
// let pass.
func agree(t fataler, raw, region string) {
	t.Helper()
	got, err := phone.Normalize(raw, region)
	if errors.Is(err, &phone.Error{Reason: phone.ReasonSpreadsheet}) {
		return
	}
	want, ok := oracle(strings.TrimSpace(raw), region)
	if ok != (err == nil) || got != want {
		t.Fatalf("%q in %q: got %q (%v), the library says %q (%v)", raw, region, got, err, want, ok)
	}
}

var (
	regions = append(slices.Sorted(maps.Keys(phonenumbers.GetSupportedRegions())), "")
	codes   = slices.Sorted(maps.Keys(phonenumbers.GetSupportedCallingCodes()))
	kinds   = []phonenumbers.PhoneNumberType{
		phonenumbers.FIXED_LINE, phonenumbers.MOBILE, phonenumbers.TOLL_FREE, phonenumbers.PREMIUM_RATE,
		phonenumbers.SHARED_COST, phonenumbers.VOIP, phonenumbers.PERSONAL_NUMBER, phonenumbers.PAGER,
		phonenumbers.UAN, phonenumbers.VOICEMAIL,
	}
)

// examples are the library's own, one of each kind and region.
func examples() []*phonenumbers.PhoneNumber {
	var out []*phonenumbers.PhoneNumber
	for _, region := range regions[:len(regions)-1] {
		for _, kind := range kinds {
			if n := phonenumbers.GetExampleNumberForType(region, kind); n != nil {
				out = append(out, n)
			}
		}
	}
	for code := range phonenumbers.GetSupportedGlobalNetworkCallingCodes() {
		if n := phonenumbers.GetExampleNumberForNonGeoEntity(code); n != nil {
			out = append(out, n)
		}
	}
	return out
}

// Every kind of number of every region; of every third, one digit too many, one
// too few, and all the digits in one place.
func TestAgreesWithLibraryAroundExamples(t *testing.T) {
	all := examples()
	require.Greater(t, len(all), 1000)
	for i, n := range all {
		e164 := phonenumbers.Format(n, phonenumbers.E164)
		agree(t, e164, "")
		agree(t, phonenumbers.Format(n, phonenumbers.INTERNATIONAL), "US")
		if i%3 != 0 {
			continue
		}
		agree(t, e164+"0", "")
		agree(t, e164[:len(e164)-1], "")
		at := 1 + i%(len(e164)-1)
		for d := range 10 {
			agree(t, e164[:at]+strconv.Itoa(d)+e164[at+1:], "")
		}
	}
}

// Every example in its own region's national format.
func TestAgreesWithLibraryInNationalFormat(t *testing.T) {
	for _, n := range examples() {
		region := phonenumbers.GetRegionCodeForNumber(n)
		if !phone.ValidRegion(region) {
			continue
		}
		agree(t, phonenumbers.Format(n, phonenumbers.NATIONAL), region)
		agree(t, phonenumbers.GetNationalSignificantNumber(n), region)
		agree(t, strconv.Itoa(int(n.GetCountryCode()))+phonenumbers.GetNationalSignificantNumber(n), region)
	}
}

func TestAgreesWithLibrary(t *testing.T) {
	all := examples()
	rapid.Check(t, func(t *rapid.T) {
		region := rapid.SampledFrom(regions).Draw(t, "region")
		n := rapid.SampledFrom(all).Draw(t, "example")
		nsn := []byte(phonenumbers.GetNationalSignificantNumber(n))
		for range rapid.IntRange(0, 3).Draw(t, "changes") {
			nsn[rapid.IntRange(0, len(nsn)-1).Draw(t, "at")] = rapid.ByteRange('0', '9').Draw(t, "digit")
		}
		lead := rapid.SampledFrom([]string{"+", "", "0", "00", "011", "1", "8", "+0", "+00"}).Draw(t, "lead")
		code := rapid.SampledFrom([]string{"", strconv.Itoa(int(n.GetCountryCode())), "1", "44"}).Draw(t, "code")
		agree(t, lead+code+string(nsn), region)
		if own := phonenumbers.GetRegionCodeForCountryCode(int(n.GetCountryCode())); phone.ValidRegion(own) {
			agree(t, lead+code+string(nsn), own)
		}
	})
}

// Random digits under every calling code, at every length.
func TestAgreesWithLibraryOnRandomDigits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		code := rapid.SampledFrom(codes).Draw(t, "code")
		agree(t, "+"+strconv.Itoa(code)+rapid.StringMatching(`[0-9]{0,19}`).Draw(t, "digits"), "")
	})
}

// Whatever people write.
func TestAgreesWithLibraryOnNoise(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.StringMatching(`[+]?[-0-9 ()./\[\]+x#,;~*e]{0,24}`).Draw(t, "raw")
		agree(t, raw, rapid.SampledFrom(regions).Draw(t, "region"))
	})
}

// Numbers that summon help, or a till, are nobody to campaign to.
func TestShortNumbersAreRefused(t *testing.T) {
	for _, region := range regions[:len(regions)-1] {
		for _, n := range []string{"112", "911", "999", "000", "110", "119", "118", "117", "15", "17", "18", "100", "101", "102", "108", "190", "1411"} {
			got, err := phone.Normalize(n, region)
			assert.Error(t, err, "%s in %s became %s", n, region, got)
			code := strconv.Itoa(phonenumbers.GetCountryCodeForRegion(region))
			got, err = phone.Normalize("+"+code+n, region)
			assert.Error(t, err, "+%s %s became %s", code, n, got)
		}
	}
}
