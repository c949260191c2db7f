package phone

import (
	"errors"
	"strconv"
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers"
)

// maxInput is the length in bytes beyond which nothing is a phone number.
const maxInput = phonenumbers.MAX_INPUT_STRING_LENGTH

// ValidRegion reports whether numbers can be read in the national format of a
// region: two capital letters of ISO 3166-1.  "" is allowed and stands for none:
// only international numbers are understood then.
func ValidRegion(region string) bool {
	return region == "" || world().regions[region] != nil
}

// Normalize returns a number in E.164, like "+12125550147".  A number without a
// country code is read as one of defaultRegion (see ValidRegion).  White space
// and invisible marks around it do not count.
//
// Every error is an *Error.
func Normalize(raw, defaultRegion string) (string, error) {
	a := world()
	if defaultRegion != "" && a.regions[defaultRegion] == nil {
		return "", badRegion(defaultRegion)
	}
	s := trim(raw)
	if err := unfit(s); err != nil {
		return "", err
	}
	digits, plus, ok := plain(make([]byte, 0, 24), s)
	if !ok {
		return viaLibrary(a, s, defaultRegion)
	}
	n, err := dialled{digits: digits, plus: plus, home: a.regions[defaultRegion]}.resolve(a)
	switch {
	case err == errAskLibrary:
		return viaLibrary(a, s, defaultRegion)
	case err != nil:
		return "", err
	}
	return n.e164(s), nil
}

// e164 writes the number; if that is what was given, it returns that, and costs
// no memory.
func (n resolved) e164(given string) string {
	var buf [maxNSN + 8]byte
	out := append(buf[:0], '+')
	out = strconv.AppendInt(out, int64(n.code), 10)
	out = append(out, n.nsn...)
	if string(out) == given {
		return given
	}
	return string(out)
}

// trim takes white space and invisible marks off both ends: address books copy
// numbers with writing-direction marks around them.
func trim(s string) string {
	return strings.TrimFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r)
	})
}

// unfit finds what neither road should see.
func unfit(s string) error {
	switch {
	case s == "":
		return ErrEmpty
	case len(s) > maxInput:
		return ErrTooLong
	case decimal(s):
		return errDecimal
	case scientific(s):
		return errScientific
	}
	return nil
}

// decimal finds "12125550147.0".  In a country with numbers of several lengths
// the 0 would make another valid number of it, somebody else's.
func decimal(s string) bool {
	rest, found := strings.CutSuffix(s, ".0")
	return found && len(rest) >= 7 && allDigits(strings.TrimPrefix(rest, "+"))
}

// scientific finds "1.21256E+10" and "1,2E10".
func scientific(s string) bool {
	mantissa, exponent, found := strings.Cut(s, "E+")
	if !found {
		mantissa, exponent, found = strings.Cut(s, "e+")
	}
	return found && allDigits(exponent) && allDigits(strings.Replace(strings.Replace(mantissa, ".", "", 1), ",", "", 1))
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// plain appends the digits of s, if s has nothing but digits, the punctuation
// that the library ignores, and at most one plus before the first digit.  Fewer
// than three digits are not plain: the library has rules of its own for those.
func plain(buf []byte, s string) (digits []byte, plus, ok bool) {
	for i := range len(s) {
		switch c := s[i]; c {
		case '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
			buf = append(buf, c)
		case ' ', '-', '(', ')', '.', '/', '[', ']':
		case '+':
			if plus || len(buf) > 0 {
				return nil, false, false
			}
			plus = true
		default:
			return nil, false, false
		}
	}
	return buf, plus, len(buf) >= 3
}

// viaLibrary is the slow road.
func viaLibrary(a *atlas, s, defaultRegion string) (string, error) {
	n, err := phonenumbers.Parse(s, defaultRegion)
	if err != nil {
		return "", translate(err, s)
	}
	if n.GetExtension() != "" {
		return "", ErrExtension
	}
	if !phonenumbers.IsValidNumber(n) {
		code := int(n.GetCountryCode())
		return "", misfit(a.codes[code][0], resolved{code, []byte(phonenumbers.GetNationalSignificantNumber(n))})
	}
	return phonenumbers.Format(n, phonenumbers.E164), nil
}

// translate gives the library's refusals our words.
func translate(err error, s string) *Error {
	switch {
	case errors.Is(err, phonenumbers.ErrInvalidCountryCode) && strings.ContainsAny(s, phonenumbers.PLUS_CHARS):
		return unknownCountry()
	case errors.Is(err, phonenumbers.ErrInvalidCountryCode):
		return ErrNoCountry
	case errors.Is(err, phonenumbers.ErrTooShortAfterIDD), errors.Is(err, phonenumbers.ErrTooShortNSN):
		return ErrTooShort
	case errors.Is(err, phonenumbers.ErrNumTooLong):
		return ErrTooLong
	}
	return ErrNotNumber
}
