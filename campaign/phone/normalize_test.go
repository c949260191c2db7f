package phone_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"dialtone/campaign/phone"
)

func TestNormalizeAccepts(t *testing.T) {
	for _, tt := range []struct{ name, raw, region, want string }{
		{"already E.164", "+12125550147", "", "+12125550147"},
		{"E.164 under a foreign default", "+442079460958", "US", "+442079460958"},
		{"national", "(212) 555-0147", "US", "+12125550147"},
		{"trunk prefix", "020 7946 0958", "GB", "+442079460958"},
		{"optional trunk prefix in brackets", "+44 (0)20 7946 0958", "", "+442079460958"},
		{"national with 1 before it", "1-212-555-0147", "US", "+12125550147"},
		{"own country code without plus", "12125550147", "US", "+12125550147"},
		{"international prefix", "011 44 20 7946 0958", "US", "+442079460958"},
		{"plus and international prefix", "+00442079460958", "GB", "+442079460958"},
		{"dots and slash", "212.555/0147", "US", "+12125550147"},
		{"white space around", "\t +12125550147\r\n", "", "+12125550147"},
		{"invisible marks around", "\u202a+1 212 555 0147\u202c", "", "+12125550147"},
		{"full-width", "＋１２１２５５５０１４７", "", "+12125550147"},
		{"Arabic-Indic digits", "+١٢١٢٥٥٥٠١٤٧", "", "+12125550147"},
		{"vanity", "1-800-FLOWERS", "US", "+18003569377"},
		{"tel URI", "tel:+1-212-555-0147", "", "+12125550147"},
		{"Italian leading zero", "06 6982", "IT", "+39066982"},
		{"Argentine mobile gets its 9", "0343 15 555 1212", "AR", "+5493435551212"},
		{"local number rewritten by its island's rule", "322 1234", "BS", "+12423221234"},
		{"no country at all", "+80012345678", "", "+80012345678"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := phone.Normalize(tt.raw, tt.region)
			require.NoError(t, err)
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestNormalizeRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, raw, region string
		want              phone.Reason
	}{
		{"empty", "", "US", phone.ReasonEmpty},
		{"blank", " \t\u00a0", "US", phone.ReasonEmpty},
		{"a word", "n/a", "US", phone.ReasonNotNumber},
		{"only punctuation", "(---) --", "US", phone.ReasonNotNumber},
		{"two numbers", "212 555 0147; 212 555 0148", "US", phone.ReasonNotNumber},
		{"short", "555", "US", phone.ReasonTooShort},
		{"no area code", "555-0147", "US", phone.ReasonTooShort},
		{"plus and short", "+1 212", "", phone.ReasonTooShort},
		{"plus and three digits", "+120", "", phone.ReasonTooShort},
		{"long", "+1 212 555 0147 9", "", phone.ReasonTooLong},
		{"very long", strings.Repeat("2", 300), "US", phone.ReasonTooLong},
		{"twenty digits", "+44207946095820794609", "", phone.ReasonTooLong},
		{"area code that can't be", "+1 012 555 0147", "", phone.ReasonInvalid},
		{"unassigned area code", "(999) 555-0147", "US", phone.ReasonInvalid},
		{"no country", "212 555 0147", "", phone.ReasonNoCountry},
		{"no country, not plain", "212 555 0147 x1", "", phone.ReasonNoCountry},
		{"no such country", "+999 1234 5678", "", phone.ReasonUnknownCountry},
		{"no such country after the prefix", "011 999 1234 5678", "US", phone.ReasonUnknownCountry},
		{"extension", "+1 212 555 0147 ext. 12", "", phone.ReasonExtension},
		{"extension with x", "(212) 555-0147 x12", "US", phone.ReasonExtension},
		{"RFC 3966 extension", "tel:+1-212-555-0147;ext=9", "", phone.ReasonExtension},
		{"scientific", "1.21256E+10", "US", phone.ReasonSpreadsheet},
		{"scientific with a comma", "1,21256e+10", "DE", phone.ReasonSpreadsheet},
		{"decimal", "12125550147.0", "US", phone.ReasonSpreadsheet},
		{"unknown region", "+12125550147", "XX", phone.ReasonRegion},
		{"lower-case region", "+12125550147", "us", phone.ReasonRegion},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := phone.Normalize(tt.raw, tt.region)
			var fault *phone.Error
			require.ErrorAs(t, err, &fault)
			assert.Equal(t, tt.want, fault.Reason, fault.Message)
			assert.Empty(t, got)
			assert.Regexp(t, `^[A-Z].*\.$`, fault.Error(), "a whole sentence")
		})
	}
}

func TestErrorsAreComparedByReason(t *testing.T) {
	_, err := phone.Normalize("+1 212", "")
	require.ErrorIs(t, err, phone.ErrTooShort)
	require.NotErrorIs(t, err, phone.ErrTooLong)
	assert.NotErrorIs(t, err, errors.ErrUnsupported)
}

func TestValidRegion(t *testing.T) {
	for _, r := range []string{"", "US", "GB", "XK", "VA"} {
		assert.True(t, phone.ValidRegion(r), r)
	}
	for _, r := range []string{"us", "UK", "ZZ", "001", "USA", " US", "1"} {
		assert.False(t, phone.ValidRegion(r), r)
	}
}

// Everybody meets the tables half built: run with -race.
func TestNormalizeConcurrently(t *testing.T) {
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for _, n := range []string{"+358401234567", "+6421234567", "+8613812345678", "+818012345678"} {
				got, err := phone.Normalize(n, "SE")
				assert.NoError(t, err)
				assert.Equal(t, n, got)
			}
		})
	}
	wg.Wait()
}

func BenchmarkNormalize(b *testing.B) {
	for _, bb := range []struct{ name, raw, region string }{
		{"E164/US", "+12125550147", "US"},
		{"E164/CA", "+14165550147", "US"},
		{"E164/JM", "+18765550147", "US"},
		{"E164/GB", "+442079460958", "US"},
		{"E164/AR", "+5493435551212", "US"},
		{"E164/CN", "+8613812345678", "US"},
		{"E164/invalid", "+19995550147", "US"},
		{"National/US", "(212) 555-0147", "US"},
		{"National/GB", "020 7946 0958", "GB"},
		{"Library/vanity", "1-800-FLOWERS", "US"},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = phone.Normalize(bb.raw, bb.region)
			}
		})
	}
}
