package phone

import "fmt"

// Reason is why a number was refused, for whoever must tell the cases apart.
type Reason string

// The reasons.
const (
	ReasonEmpty          Reason = "empty"
	ReasonNotNumber      Reason = "not_a_number"
	ReasonTooShort       Reason = "too_short"
	ReasonTooLong        Reason = "too_long"
	ReasonInvalid        Reason = "invalid"              // its country has no such number
	ReasonNoCountry      Reason = "no_country_code"      // national format and no default region
	ReasonUnknownCountry Reason = "unknown_country_code" // no country has this calling code
	ReasonExtension      Reason = "extension"
	ReasonSpreadsheet    Reason = "spreadsheet" // a program took it for a quantity
	ReasonRegion         Reason = "region"      // the default region itself is wrong
)

// Error says why a number was refused.  Message is a whole sentence for a
// person.
type Error struct {
	Reason  Reason
	Message string
}

func (e *Error) Error() string { return e.Message }

// Is makes errors.Is compare by Reason.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Reason == e.Reason
}

// The refusals that need no detail.  Compare with errors.Is.
var (
	ErrEmpty     = &Error{ReasonEmpty, "The phone number is empty."}
	ErrNotNumber = &Error{ReasonNotNumber, "This is not a phone number."}
	ErrTooLong   = &Error{ReasonTooLong, "The number has too many digits."}
	ErrTooShort  = &Error{ReasonTooShort, "The number has too few digits; short codes and emergency numbers are not called."}
	ErrNoCountry = &Error{ReasonNoCountry, "The number has no country code: write it as +<country><number>, or set the campaign's default region."}
	ErrExtension = &Error{ReasonExtension, "The number has an extension, which can't be dialled: give the number alone."}

	errScientific = &Error{ReasonSpreadsheet, "A spreadsheet has turned this number into a rounded quantity: format the column as text and export it again."}
	errDecimal    = &Error{ReasonSpreadsheet, "A spreadsheet has added a decimal to this number: format the column as text and export it again."}
)

func tooShort(code int) *Error {
	return &Error{ReasonTooShort, fmt.Sprintf("The number has too few digits for +%d; short codes and emergency numbers are not called.", code)}
}

func localOnly(code int) *Error {
	return &Error{ReasonTooShort, fmt.Sprintf("The number has too few digits for +%d: its area code seems to be missing.", code)}
}

func tooLong(code int) *Error {
	return &Error{ReasonTooLong, fmt.Sprintf("The number has too many digits for +%d.", code)}
}

func invalid(code int) *Error {
	return &Error{ReasonInvalid, fmt.Sprintf("There is no such number under the country code +%d.", code)}
}

func unknownCountry() *Error {
	return &Error{ReasonUnknownCountry, "The number starts with a country code that does not exist."}
}

func badRegion(region string) *Error {
	return &Error{ReasonRegion, fmt.Sprintf("The default region %q is not known: give two capital letters of ISO 3166-1, like US or GB.", region)}
}
