package phone

import (
	"regexp"
	"slices"
	"sync"

	"github.com/nyaruka/phonenumbers"

	"dialtone/campaign"
)

// region is the numbering plan of one country or territory, or of a calling
// code that belongs to none.  Its tables are built when it is first needed.
type region struct {
	meta *phonenumbers.PhoneMetadata
	once sync.Once

	general description
	types   []description // fixed line, mobile, toll free …: only those that exist
	// The same again: fixed lines, mobiles (which may be fixed lines too, as far as
	// one can tell), and what is neither.
	fixed, mobile description
	unplaced      []description
	leading       *matcher       // how its numbers start, where a calling code is shared; or nil
	prefix        *regexp.Regexp // national prefix and carrier code at the start; or nil
	idd           *regexp.Regexp // international prefix at the start, "00" or "011"
}

// description is one kind of number.
type description struct {
	lengths []int32  // nil allows what the pattern allows
	pattern *matcher // nil matches nothing
}

func (d description) matches(nsn []byte) bool {
	if d.pattern == nil {
		return false
	}
	if d.lengths != nil && !slices.Contains(d.lengths, int32(len(nsn))) {
		return false
	}
	return d.pattern.full(nsn)
}

// atlas is all that the metadata knows.
type atlas struct {
	regions map[string]*region // by ISO code
	// codes are the regions of a calling code, the main one first.
	codes [1000][]*region
	// zones are those of each calling code, as soon as zonesOnce has run.
	zonesOnce sync.Once
	zones     [1000]campaign.Zones
}

// world is built on first use and never changes after.
var world = sync.OnceValue(func() *atlas {
	a := &atlas{regions: map[string]*region{}}
	worldwide := map[int]*region{}
	metadata, err := phonenumbers.MetadataCollection()
	if err != nil {
		// The library parsed the same bytes when the process started and
		// would have stopped it there.
		panic("phone: the embedded metadata can't be read: " + err.Error())
	}
	for _, m := range metadata.GetMetadata() {
		if r := (&region{meta: m}); m.GetId() == phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY {
			worldwide[int(m.GetCountryCode())] = r
		} else {
			a.regions[m.GetId()] = r
		}
	}
	for code := range phonenumbers.GetSupportedCallingCodes() {
		for _, id := range phonenumbers.GetRegionCodesForCountryCode(code) {
			r := a.regions[id]
			if id == phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY {
				r = worldwide[code]
			}
			a.codes[code] = append(a.codes[code], r)
		}
	}
	return a
})

func (r *region) code() int { return int(r.meta.GetCountryCode()) }

// ready builds the tables once and returns the region.
func (r *region) ready() *region {
	r.once.Do(r.build)
	return r
}

func (r *region) build() {
	m := r.meta
	r.general = describe(m.GetGeneralDesc())
	r.fixed = describe(m.GetFixedLine())
	r.mobile = r.fixed
	kinds := []description{r.fixed}
	if !m.GetSameMobileAndFixedLinePattern() {
		r.mobile = describe(m.GetMobile())
		kinds = append(kinds, r.mobile)
	}
	for _, kind := range []*phonenumbers.PhoneNumberDesc{
		m.GetPremiumRate(), m.GetTollFree(), m.GetSharedCost(), m.GetVoip(),
		m.GetPersonalNumber(), m.GetPager(), m.GetUan(), m.GetVoicemail(),
	} {
		r.unplaced = append(r.unplaced, describe(kind))
	}
	missing := func(d description) bool { return d.pattern == nil }
	r.unplaced = slices.DeleteFunc(r.unplaced, missing)
	r.types = slices.DeleteFunc(append(kinds, r.unplaced...), missing)
	if p := m.GetLeadingDigits(); p != "" {
		r.leading = newMatcher(p)
	}
	if p := m.GetNationalPrefixForParsing(); p != "" {
		r.prefix = regexp.MustCompile("^(?:" + p + ")")
	}
	r.idd = regexp.MustCompile("^(?:" + m.GetInternationalPrefix() + ")")
}

// describe has no pattern for a kind that does not exist.
func describe(d *phonenumbers.PhoneNumberDesc) description {
	if d.GetNationalNumberPattern() == "" || slices.Equal(d.GetPossibleLength(), []int32{-1}) {
		return description{}
	}
	return description{d.GetPossibleLength(), newMatcher(d.GetNationalNumberPattern())}
}

// valid reports whether a national number exists here.
func (r *region) valid(nsn []byte) bool {
	r.ready()
	if !r.general.matches(nsn) {
		return false
	}
	return slices.ContainsFunc(r.types, func(d description) bool { return d.matches(nsn) })
}

// validUnder reports whether a national number exists under a calling code: the
// region it belongs to is found first, and then has the last word.
func (a *atlas) validUnder(code int, nsn []byte) bool {
	regions := a.codes[code]
	if len(regions) == 1 {
		return regions[0].valid(nsn)
	}
	for _, r := range regions {
		if r.ready().leading != nil {
			if r.leading.prefix(nsn) {
				return r.valid(nsn)
			}
		} else if r.valid(nsn) {
			return true
		}
	}
	return false
}

// fit is how a number's length stands to what a region allows.
type fit int

const (
	fits fit = iota
	fitsLocally
	fitsTooShort
	fitsTooLong
	fitsNot // between the shortest and the longest, but never of this length
)

func (r *region) fit(nsn []byte) fit {
	n, d := int32(len(nsn)), r.meta.GetGeneralDesc()
	lengths := d.GetPossibleLength() // ascending, never empty
	switch {
	case slices.Contains(d.GetPossibleLengthLocalOnly(), n):
		return fitsLocally
	case slices.Contains(lengths, n):
		return fits
	case n < lengths[0]:
		return fitsTooShort
	case n > lengths[len(lengths)-1]:
		return fitsTooLong
	}
	return fitsNot
}
