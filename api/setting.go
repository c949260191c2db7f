package api

import (
	"time"

	"dialtone/campaign"
	"dialtone/campaign/hours"
	"dialtone/campaign/phone"
)

// CampaignSettings describes the body of PATCH /v1/campaigns/{id}.
type CampaignSettings struct {
	Name               string       `json:"name,omitempty" maxLength:"200" example:"Spring reminder" doc:"What people call it."`
	From               string       `json:"from,omitempty" example:"+442079460958" doc:"The caller id; the service's own if absent."`
	DefaultRegion      string       `json:"default_region,omitempty" example:"US" doc:"The country of numbers written without their country code (ISO 3166-1); the service's own if absent, and fixed once the campaign was started."`
	DefaultTimeZone    string       `json:"default_time_zone,omitempty" example:"America/New_York" doc:"The time zone (IANA) of numbers of which none is known: their clock where the schedule goes by the contact's, and the day of their max_attempts_per_day whatever the schedule. It does not apply to numbers with several known zones. None if absent."`
	Schedule           Schedule     `json:"schedule,omitempty" doc:"When calls are placed; always, if absent. It is one value: a patch replaces all of it, and null opens it for good."`
	MaxConcurrentCalls int          `json:"max_concurrent_calls,omitempty" minimum:"1" maximum:"100000" default:"10" example:"25" doc:"How many calls may be up at once."`
	Weight             float64      `json:"weight,omitempty" minimum:"0.001" maximum:"1000000" default:"1" example:"2" doc:"The campaign's part in the shared capacity, relative to others."`
	Priority           int          `json:"priority,omitempty" minimum:"1" maximum:"10" default:"5" example:"1" doc:"How urgent it is, from 1, the most urgent, to 10. It counts where the service's strategy goes by priorities (see GET /v1/scheduler)."`
	Deadline           time.Time    `json:"deadline,omitzero" example:"2026-12-31T17:00:00-05:00" doc:"By when it should be done, as RFC 3339; one that is given must be ahead. It counts where the service's strategy goes by deadlines, and ends nothing: what is left goes on after it. A schedule's end_at is a deadline by itself, and the earlier of both counts. None if absent."`
	Group              string       `json:"group,omitempty" minLength:"1" maxLength:"64" example:"team-a" doc:"The team or customer with which it shares: groups share the capacity first, and then the campaigns of each. Up to 64 printable characters without a space at either end; groups are the same where they are written alike. None if absent: it stands for itself."`
	Retry              RetrySetting `json:"retry,omitempty" doc:"How often and how soon a call that did not complete is dialled again."`

	Providers    []ProviderChoice  `json:"providers,omitempty" maxItems:"100" example:"[{\"name\": \"mock\"}]" doc:"The providers that may place its calls; a plain string is a name. A number is called by those of them that serve it: those with the longest prefix that it begins with. All, if absent."`
	Routing      string            `json:"routing,omitempty" enum:"priority,least_cost" default:"priority" example:"least_cost" doc:"Which of them is preferred: by priority, or the cheapest first where prices are known. The next ones take what it has no room for, and all while it is not well."`
	FromByPrefix map[string]string `json:"from_by_prefix,omitempty" example:"{\"+44\": \"+442079460958\"}" doc:"The caller id for numbers that begin with a prefix, the longest of which counts; else it is from."`
}

// later names the settings that mean something one day, or elsewhere.
var later = map[string]string{
	"start_at":  "The start belongs to the schedule; give it as \"schedule\": {\"start_at\": …}.",
	"end_at":    "The end belongs to the schedule; give it as \"schedule\": {\"end_at\": …}.",
	"strategy":  "The strategy is the whole service's and not a campaign's; leave it out and use PUT /v1/scheduler.",
	"time_zone": "The time zone belongs to the schedule; give it as \"schedule\": {\"time_zone\": …}, or as default_time_zone for numbers of which none is known.",
}

// settings reads a campaign's settings over those that it has.  providers are the names
// of those that there are.
func (o *object) settings(s *campaign.Settings, region string, providers []string, now time.Time) {
	read(o, "name", &s.Name, "", "Give a name in quotation marks.")
	if read(o, "default_region", &s.DefaultRegion, region, "Give a region in quotation marks, like \"US\".") && !phone.ValidRegion(s.DefaultRegion) {
		o.fault("default_region", "The region %q is not known; give two capital letters of ISO 3166-1, like US or GB.", s.DefaultRegion)
		s.DefaultRegion = ""
	}
	if _, given := o.fields["from"]; given {
		s.From = o.number("from", s.DefaultRegion)
	} else {
		o.known = append(o.known, "from")
	}
	o.zone("default_time_zone", &s.DefaultTimeZone)
	read(o, "max_concurrent_calls", &s.MaxConcurrentCalls, campaign.DefaultMaxConcurrentCalls, "Give a whole number, like 10.")
	read(o, "weight", &s.Weight, campaign.DefaultWeight, "Give a number above 0, like 1.")
	read(o, "priority", &s.Priority, campaign.DefaultPriority, "Give a whole number, like 5.")
	o.deadline(&s.Deadline, now)
	if read(o, "group", &s.Group, "", "Give a group in quotation marks, like \"team-a\", or null for none.") && s.Group == "" {
		o.fault("group", "Give a group of 1 to %d characters, like \"team-a\", or null for none.", campaign.LimitGroup)
	}
	o.retry(&s.Retry)
	o.schedule(&s.Schedule)
	o.routing(&s.Routing, s.DefaultRegion, providers)
	for _, name := range sortedKeys(later) {
		o.refuse(name, "%s", later[name])
	}
	o.adopt(s.Validate())
}

// deadline reads a deadline, which is of no use once it has passed.  One that is there
// already may be what it is.
func (o *object) deadline(t *time.Time, now time.Time) {
	raw, given := o.fields["deadline"]
	if given {
		*t = time.Time{}
	}
	o.instant("deadline", t)
	if given && !null(raw) && !o.faulty(o.at+"deadline") && !t.After(now) {
		o.fault("deadline", "Give a deadline that is still ahead, not %s, or null for none.", rfc(*t))
	}
}

// zone reads the name of one time zone; "contact" is none.
func (o *object) zone(name string, dst *string) bool {
	if !read(o, name, dst, "", "Give an IANA time zone in quotation marks, like \"America/New_York\".") {
		return false
	}
	if !hours.KnownZone(*dst) {
		o.fault(name, "There is no time zone %q; take a name of the IANA list, like \"America/New_York\".", clip(*dst))
		return false
	}
	return true
}

// limitTold is how many bytes of a bad value are repeated to whoever sent it.
const limitTold = 64

func clip(s string) string {
	if len(s) > limitTold {
		return s[:limitTold] + "…"
	}
	return s
}
