// Package phone turns what people write into telephone numbers in E.164, the
// one form in which Dialtone stores, compares and dials them.
//
// What counts as a valid number is Google's libphonenumber's word, in the port
// by nyaruka: Normalize accepts what that library parses and calls valid, and
// writes it as that library formats it.  It refuses, on top, numbers with an
// extension and the two ways in which a spreadsheet mangles a number without
// anybody noticing.
//
// The library matches every number against dozens of backtracking regular
// expressions, 20 µs and more a number.  A campaign has a hundred thousand of
// them, so that there are two roads here:
//
//   - Plain input (digits, one plus sign, ASCII punctuation) is taken through
//     the library's own steps, in plan.go, over the library's own metadata.  Its
//     validity patterns describe regular languages over ten digits; matcher.go
//     compiles each to a table, once, when its country is first seen.
//   - Anything else (vanity letters, other scripts, tel: URIs, extensions, a
//     plus before an international prefix) goes to the library itself.
//
// Invariant: both roads give the same number or refuse together.  A property
// test holds the first to the library over every region it knows.
//
// Zones tells in which time zones a number may be, by the library's table of
// prefixes.
//
// Everything is safe for concurrent use.  Tables are never dropped; all of them
// together take less than a megabyte.
package phone
