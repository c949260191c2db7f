package phone

import (
	"bytes"
	"strconv"
)

// The bounds of a national significant number, libphonenumber's.
const (
	minNSN = 2
	maxNSN = 17 // longer than E.164 allows; Germany has such
)

// dialled is a number as its digits were written, before anyone knows which of
// them are country code, national prefix or number.
type dialled struct {
	digits []byte
	plus   bool
	home   *region // of numbers in national format; nil if there is none
}

// resolved is a valid number, split.
type resolved struct {
	code int
	nsn  []byte
}

// errAskLibrary is split's answer where only the library knows.
var errAskLibrary = &Error{}

// resolve answers with a valid number or with the reason why it is none.
func (n dialled) resolve(a *atlas) (resolved, *Error) {
	out, plan, err := n.split(a)
	if err != nil {
		return out, err
	}
	return settle(a, out, plan)
}

// split follows the first half of libphonenumber's parse: which digits are the
// country code.  It returns the plan by which the rest is to be read.
func (n dialled) split(a *atlas) (resolved, *region, *Error) {
	if n.plus {
		out, plan, err := international(a, n.digits)
		if err != nil && err.Reason == ReasonUnknownCountry {
			err = errAskLibrary // it forgives "+00…" and the like
		}
		return out, plan, err
	}
	if n.home == nil {
		return resolved{}, nil, ErrNoCountry
	}
	home := n.home.ready()
	if rest, found := cutIDD(home, n.digits); found {
		return international(a, rest)
	}
	if nsn, found := cutOwnCode(home, n.digits); found {
		return resolved{home.code(), nsn}, a.codes[home.code()][0], nil
	}
	return resolved{home.code(), n.digits}, home, nil
}

// international splits digits that start with a country code; the plan is that
// of the code's main region.
func international(a *atlas, digits []byte) (resolved, *region, *Error) {
	if len(digits) <= minNSN {
		return resolved{}, nil, ErrTooShort
	}
	code := 0
	for i := 0; i < 3 && digits[0] != '0'; i++ {
		code = code*10 + int(digits[i]-'0')
		if regions := a.codes[code]; len(regions) > 0 {
			return resolved{code, digits[i+1:]}, regions[0], nil
		}
	}
	return resolved{}, nil, unknownCountry()
}

// settle follows the second half, and isValidNumber: it takes off the national
// prefix, where that leaves a number of a length that exists, and asks whether
// the number exists.
func settle(a *atlas, n resolved, plan *region) (resolved, *Error) {
	if len(n.nsn) < minNSN {
		return n, tooShort(n.code)
	}
	stripped := stripPrefix(plan.ready(), n.nsn)
	if f := plan.fit(stripped); f == fits || f == fitsTooLong {
		n.nsn = stripped
	}
	switch {
	case len(n.nsn) < minNSN:
		return n, tooShort(n.code)
	case len(n.nsn) > maxNSN:
		return n, tooLong(n.code)
	case !a.validUnder(n.code, n.nsn):
		return n, misfit(plan, n)
	}
	return n, nil
}

// misfit words the refusal of a number that does not exist.
func misfit(plan *region, n resolved) *Error {
	switch plan.fit(n.nsn) {
	case fitsTooShort:
		return tooShort(n.code)
	case fitsLocally:
		return localOnly(n.code)
	case fitsTooLong:
		return tooLong(n.code)
	}
	return invalid(n.code)
}

// cutIDD takes off the prefix with which one dials abroad from home.  No country
// code starts with 0, so that what a 0 follows was no such prefix.
func cutIDD(home *region, digits []byte) ([]byte, bool) {
	at := home.idd.FindIndex(digits)
	if at == nil {
		return nil, false
	}
	rest := digits[at[1]:]
	if len(rest) > 0 && rest[0] == '0' {
		return nil, false
	}
	return rest, true
}

// cutOwnCode takes off home's own country code, written without a plus: if the
// number is valid only without it, or too long with it.
func cutOwnCode(home *region, digits []byte) ([]byte, bool) {
	rest, found := bytes.CutPrefix(digits, strconv.AppendInt(nil, int64(home.code()), 10))
	if !found {
		return nil, false
	}
	rest = stripPrefix(home, rest)
	if !home.general.pattern.full(digits) && home.general.pattern.full(rest) {
		return rest, true
	}
	return rest, home.fit(digits) == fitsTooLong
}

// stripPrefix takes off the national prefix and the carrier code, or rewrites a
// local number to a national one where the plan has such a rule.  A number that
// was valid must stay so, else nothing is taken off.
func stripPrefix(plan *region, nsn []byte) []byte {
	if plan.prefix == nil || len(nsn) == 0 || !plan.prefix.Match(nsn) {
		return nsn
	}
	groups := plan.prefix.FindSubmatchIndex(nsn)
	stripped := nsn[groups[1]:]
	if rule := plan.meta.GetNationalPrefixTransformRule(); rule != "" && groups[len(groups)-2] >= 0 {
		stripped = plan.prefix.ReplaceAll(nsn, []byte(rule))
	}
	if plan.general.pattern.full(nsn) && !plan.general.pattern.full(stripped) {
		return nsn
	}
	return stripped
}
