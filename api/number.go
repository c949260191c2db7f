package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	"dialtone/api/ingest"
	"dialtone/campaign"
	"dialtone/campaign/phone"
)

// limitVariables is the size in bytes of one contact's variables, as for uploads.
const limitVariables = 4 << 10

// number reads a field that is a phone number, "" if it is absent or wrong.
func (o *object) number(name, region string) string {
	var raw string
	if !read(o, name, &raw, "", "Give a phone number in quotation marks, like \"+12125550147\".") {
		return ""
	}
	e164, err := phone.Normalize(raw, region)
	if err != nil {
		o.fault(name, "%s", numberAdvice(err, region))
	}
	return e164
}

// numberAdvice adds what to do to what is wrong.
func numberAdvice(err error, region string) string {
	if errors.Is(err, phone.ErrNoCountry) {
		return "The number has no country code; write it like +12125550147."
	}
	return err.Error() + " Write it like +12125550147" + orNational(region) + "."
}

func orNational(region string) string {
	if region == "" {
		return ""
	}
	return ", or as it is dialled inside " + region
}

// variables reads a field that is an object for the call's script.
func (o *object) variables(name string) json.RawMessage {
	raw, given := o.take(name)
	if !given || null(raw) {
		return nil
	}
	var fields map[string]any
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if dec.Decode(&fields) != nil {
		o.fault(name, "Give an object, like {\"name\": \"Ada\"}.")
		return nil
	}
	if hasZero(fields) {
		o.fault(name, "The variables contain a zero character, which can't be stored; take it out.")
	}
	// Written anew, it is compact, and broken surrogates are gone.
	clean, err := json.Marshal(fields)
	if err != nil || len(clean) > limitVariables {
		o.fault(name, "The variables take %d bytes and may take %d; shorten them.", len(clean), limitVariables)
	}
	if len(fields) == 0 {
		return nil
	}
	return clean
}

// hasZero finds U+0000 in a JSON value.
func hasZero(v any) bool {
	switch v := v.(type) {
	case string:
		return strings.ContainsRune(v, 0)
	case []any:
		for _, e := range v {
			if hasZero(e) {
				return true
			}
		}
	case map[string]any:
		for k, e := range v {
			if strings.ContainsRune(k, 0) || hasZero(e) {
				return true
			}
		}
	}
	return false
}

// contact reads {"phone": …, "time_zone": …, "variables": …} or just a number.
func (o *object) contact(raw json.RawMessage, at, region string, zones *zoning) campaign.Contact {
	in := &object{at: at + ".", fields: map[string]json.RawMessage{}, faults: o.faults}
	if raw[0] == '{' {
		in.open(raw)
	} else {
		in.fields["phone"] = raw
	}
	if v, given := in.fields["phone"]; !given || null(v) {
		in.fault("phone", "The contact has no number; give one like +12125550147.")
	}
	c := campaign.Contact{Phone: in.number("phone", region), Variables: in.variables("variables")}
	c.Zones = in.zones("time_zone", c.Phone, zones)
	in.rest()
	return c
}

// zones reads the zone that was given for a number, if any, and says where that is.
func (o *object) zones(name, e164 string, zones *zoning) campaign.Zones {
	var given string
	read(o, name, &given, "", "Give an IANA time zone in quotation marks, like \"America/New_York\".")
	if o.faulty(o.at + name) {
		return ""
	}
	where := zones.zones
	if e164 == "" {
		where = ingest.Zones // a number that is none can't be told more than whether its zone is one
	}
	out, err := where(e164, given)
	if err != nil {
		o.fault(name, "%s", err)
	}
	return out
}
