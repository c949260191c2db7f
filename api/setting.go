package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"dialtone/campaign"
	"dialtone/campaign/phone"
)

// maxContacts is how many contacts a campaign may be created with.
const maxContacts = 10_000

// maxFaults bounds the faults told about contacts.
const maxFaults = 100

// CampaignSettings describes the body of PATCH /v1/campaigns/{id}.
type CampaignSettings struct {
	Name               string       `json:"name,omitempty" maxLength:"200" example:"Spring reminder"`
	From               string       `json:"from,omitempty" doc:"The caller id; the service's own if absent."`
	DefaultRegion      string       `json:"default_region,omitempty" example:"US" doc:"The country of numbers written without their country code (ISO 3166-1); fixed once the campaign was started."`
	MaxConcurrentCalls int          `json:"max_concurrent_calls,omitempty" minimum:"1" maximum:"100000" default:"10"`
	Weight             float64      `json:"weight,omitempty" exclusiveMinimum:"0" maximum:"1000000" default:"1"`
	Retry              RetrySetting `json:"retry,omitempty"`
}

// RetrySetting describes how a retry policy is given.
type RetrySetting struct {
	MaxAttempts int     `json:"max_attempts,omitempty" minimum:"1" maximum:"100" default:"3"`
	Delay       string  `json:"delay,omitempty" example:"90s" default:"5m"`
	Backoff     string  `json:"backoff,omitempty" enum:"fixed,exponential" default:"fixed"`
	MaxDelay    string  `json:"max_delay,omitempty" example:"30m" doc:"1h by default, or the delay if that is longer."`
	Jitter      float64 `json:"jitter,omitempty" minimum:"0" maximum:"1" default:"0"`
}

// NewCampaign describes the body of POST /v1/campaigns.
type NewCampaign struct {
	CampaignSettings
	Contacts []NewContact `json:"contacts,omitempty" maxItems:"10000" doc:"The first contacts; a plain string is a number without variables. Send files to /v1/campaigns/{id}/contacts."`
}

// NewContact describes a contact in a body.
type NewContact struct {
	Phone     string         `json:"phone" example:"+12125550147"`
	Variables map[string]any `json:"variables,omitempty" doc:"For the call's script; up to 4 KiB."`
}

// later names the settings that will mean something one day.
var later = map[string]string{
	"priority":  "Priorities are not supported yet; leave it out, or give the campaign a larger weight.",
	"deadline":  "Deadlines are not supported yet; leave it out, or give the campaign a larger weight.",
	"providers": "Choosing providers is not supported yet; leave it out, and the service's own is taken.",
	"group":     "Groups are not supported yet; leave it out.",
	"start_at":  "Starting at a time is not supported yet; leave it out and start the campaign when it is time.",
	"end_at":    "Ending at a time is not supported yet; leave it out and pause the campaign when it is time.",
	"strategy":  "The strategy is the whole service's and not a campaign's; leave it out and use PUT /v1/scheduler.",
	"time_zone": "Schedules are not supported yet, so calls are placed at any hour; leave it out.",
}

// settings reads a campaign's settings over those that it has.
func (o *object) settings(s *campaign.Settings, region string) {
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
	read(o, "max_concurrent_calls", &s.MaxConcurrentCalls, campaign.DefaultMaxConcurrentCalls, "Give a whole number, like 10.")
	read(o, "weight", &s.Weight, campaign.DefaultWeight, "Give a number above 0, like 1.")
	o.retry(&s.Retry)
	o.schedule()
	for _, name := range sortedKeys(later) {
		o.refuse(name, "%s", later[name])
	}
	o.adopt(s.Validate())
}

// retry reads a retry policy.  Zero stands for the default inside of it, so that a
// zero that somebody wrote has to be found here.
func (o *object) retry(p *campaign.RetryPolicy) {
	raw, given := o.fields["retry"]
	if given && null(raw) {
		*p = campaign.RetryPolicy{}
	}
	follows := p.MaxDelay == (campaign.RetryPolicy{Delay: p.Delay}).WithDefaults().MaxDelay
	if in := o.inner("retry", "Give an object, like {\"max_attempts\": 3, \"delay\": \"5m\"}."); in != nil {
		if read(in, "max_attempts", &p.MaxAttempts, 0, "Give a whole number, like 3.") && p.MaxAttempts == 0 {
			in.fault("max_attempts", "Give a number of attempts from 1 to %d, not 0.", campaign.LimitMaxAttempts)
		}
		in.delay("delay", &p.Delay)
		if read(in, "backoff", &p.Backoff, "", "Give fixed or exponential in quotation marks.") && p.Backoff == "" {
			in.fault("backoff", "Give fixed or exponential.")
		}
		if _, own := in.fields["max_delay"]; !own && follows {
			p.MaxDelay = 0 // it is the default for the delay, whatever that is
		}
		in.delay("max_delay", &p.MaxDelay)
		read(in, "jitter", &p.Jitter, 0, "Give a number from 0 to 1, like 0.1.")
		in.refuse("by_disposition", "Policies by disposition are not supported yet; leave it out.")
		in.rest()
	}
	*p = p.WithDefaults()
}

func (o *object) delay(name string, d *campaign.Duration) {
	if read(o, name, d, 0, "Give a duration in quotation marks, like \"90s\" or \"1h30m\".") && *d == 0 {
		o.fault(name, "Give a duration above 0s, like \"90s\".")
	}
}

// schedule accepts what says "always open" in so many words, and nothing else:
// whoever sends a schedule relies on it.
func (o *object) schedule() {
	raw, given := o.fields["schedule"]
	var s map[string]json.RawMessage
	if given && json.Unmarshal(raw, &s) == nil && len(s) == 1 && string(s["windows"]) == "[]" {
		o.later = append(o.later, "schedule")
		return
	}
	o.refuse("schedule", "Schedules are not supported yet, so calls are placed at any hour once the campaign is started; leave it out and pause the campaign outside its hours.")
}

// contacts reads a campaign's first contacts.
func (o *object) contacts(region string) []campaign.Contact {
	var raw []json.RawMessage
	if !read(o, "contacts", &raw, nil, "Give a list, like [\"+12125550147\", {\"phone\": \"+12125550148\", \"variables\": {}}].") {
		return nil
	}
	if len(raw) > maxContacts {
		o.fault("contacts", "There are %d contacts, and %d fit into this request; send them to /v1/campaigns/{id}/contacts afterwards.", len(raw), maxContacts)
		return nil
	}
	out := make([]campaign.Contact, 0, len(raw))
	for i, c := range raw {
		out = append(out, o.contact(c, fmt.Sprintf("contacts[%d]", i), region))
		if len(*o.faults) >= maxFaults {
			o.fault("contacts", "There are more faults behind contact %d; mend these first.", i)
			return nil
		}
	}
	return out
}

type createCampaignInput struct {
	OnceHeader
	JSONBody
}

type createCampaignOutput struct {
	Replayed
	Location string `header:"Location" doc:"Where the campaign is found."`
	Body     Campaign
}

func (a *API) createCampaignRoute() {
	register(a, huma.Operation{
		OperationID: "create-campaign", Method: http.MethodPost, Path: "/v1/campaigns", DefaultStatus: http.StatusCreated,
		Summary:     "Create a campaign",
		Description: "It dials nobody until it is started. Contacts may come with it or later.",
		Tags:        []string{"Campaigns"}, MaxBodyBytes: maxCampaignBody,
		RequestBody: body[NewCampaign](a, map[string]any{
			"name": "Spring reminder", "default_region": "US", "max_concurrent_calls": 25,
			"retry": map[string]any{"max_attempts": 3, "delay": "5m", "backoff": "exponential"},
		}),
		Errors: []int{400, 408, 409, 413, 415, 422},
	}, a.createCampaign)
	schemas := a.huma.OpenAPI().Components.Schemas.Map()
	schemas["NewCampaign"].Required = []string{"name"} // as a patch, its part needs none
	contacts := schemas["NewCampaign"].Properties["contacts"]
	contacts.Items = &huma.Schema{OneOf: []*huma.Schema{contacts.Items, {Type: huma.TypeString}}}
}

func (a *API) createCampaign(ctx context.Context, in *createCampaignInput) (*createCampaignOutput, error) {
	o, err := newObject(in.RawBody)
	if err != nil {
		return nil, err
	}
	s := campaign.Settings{DefaultRegion: a.cfg.DefaultRegion, MaxConcurrentCalls: campaign.DefaultMaxConcurrentCalls, Weight: campaign.DefaultWeight}
	o.settings(&s, a.cfg.DefaultRegion)
	contacts := o.contacts(s.DefaultRegion)
	if err := o.done(); err != nil {
		return nil, err
	}
	once, before, err := a.once(ctx, "campaign", in.IdempotencyKey, in.RawBody)
	if err != nil {
		return nil, err
	}
	c, err := a.store.CreateCampaign(ctx, s, contacts, once)
	if err != nil {
		return nil, err
	}
	out := &createCampaignOutput{Location: "/v1/campaigns/" + c.ID.String(), Body: showCampaign(c)}
	out.mark(before)
	return out, nil
}

type updateCampaignInput struct {
	IDPath
	JSONBody
}

func (a *API) updateCampaign(ctx context.Context, in *updateCampaignInput) (*campaignOutput, error) {
	id, err := campaign.ParseID(in.ID)
	if err != nil {
		return nil, err
	}
	was, err := a.store.Campaign(ctx, id)
	if err != nil {
		return nil, err
	}
	if _, err := newObject(in.RawBody); err != nil {
		return nil, err
	}
	c, err := a.store.UpdateSettings(ctx, id, func(s *campaign.Settings) error {
		return a.patch(s, in.RawBody, was.Status)
	})
	if err != nil {
		return nil, err
	}
	a.bus.Poke(id, actionRefresh)
	return &campaignOutput{Body: showCampaign(c)}, nil
}

// patch may run more than once, if the store has to try again.
func (a *API) patch(s *campaign.Settings, body []byte, status campaign.Status) error {
	o, err := newObject(body)
	if err != nil {
		return err
	}
	region := s.DefaultRegion
	o.settings(s, a.cfg.DefaultRegion)
	if err := o.done(); err != nil {
		return err
	}
	if s.DefaultRegion != region && status != campaign.StatusPending {
		return campaign.Conflict("The default region can be changed until the campaign is started; it is %s.", status)
	}
	return nil
}
