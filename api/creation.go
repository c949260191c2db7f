package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"dialtone/campaign"
)

// maxContacts is how many contacts a campaign may be created with.
const maxContacts = 10_000

// maxFaults bounds the faults told about long lists.
const maxFaults = 100

// NewCampaign describes the body of POST /v1/campaigns.
type NewCampaign struct {
	CampaignSettings
	Contacts []NewContact `json:"contacts,omitempty" maxItems:"10000" doc:"The first contacts; a plain string is a number without variables. Send files to /v1/campaigns/{id}/contacts." example:"[{\"phone\": \"+12125550147\"}]"`
}

// NewContact describes a contact in a body.
type NewContact struct {
	Phone     string         `json:"phone" example:"+12125550147" doc:"Whom to call."`
	TimeZone  string         `json:"time_zone,omitempty" example:"America/New_York" doc:"The IANA time zone in which the contact is; those that the number tells, if absent."`
	Variables map[string]any `json:"variables,omitempty" example:"{\"name\": \"Ada\"}" doc:"For the call's script; up to 4 KiB."`
}

// contacts reads a campaign's first contacts.
func (o *object) contacts(region string, zones *zoning) []campaign.Contact {
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
		out = append(out, o.contact(c, fmt.Sprintf("contacts[%d]", i), region, zones))
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

// exampleCampaign is a body that shows what can be said, and exampleInWords says it.
var exampleCampaign = map[string]any{
	"name": "Spring reminder", "default_region": "US", "max_concurrent_calls": 25,
	"schedule": map[string]any{
		"time_zone":     "America/New_York",
		"windows":       []any{map[string]any{"days": []string{"mon", "tue", "wed", "thu", "fri"}, "start": "09:00", "end": "17:00"}},
		"closed_dates":  []string{"2026-12-25"},
		"special_dates": []any{map[string]any{"date": "2026-12-24", "windows": []any{map[string]any{"start": "09:00", "end": "12:00"}}}},
	},
	"retry": map[string]any{
		"max_attempts": 3, "delay": "5m", "backoff": "exponential", "max_attempts_per_day": 2,
		"by_disposition": map[string]any{"busy": map[string]any{"delay": "1m"}},
	},
}

const exampleInWords = "The example in words: call from Monday to Friday, from nine to five by the clock of New York, " +
	"not on Christmas Day, and on Christmas Eve until noon only. Who does not answer is called again after five minutes, then ten, " +
	"three times in all and twice a day at the most; who is busy, after one minute, then two."

func (a *API) createCampaignRoute() {
	register(a, huma.Operation{
		OperationID: "create-campaign", Method: http.MethodPost, Path: "/v1/campaigns", DefaultStatus: http.StatusCreated,
		Summary:     "Create a campaign",
		Description: "It dials nobody until it is started. Contacts may come with it or later. Where its schedule can never open, or not before its deadline, the answer has warnings.\n\n" + exampleInWords,
		Tags:        []string{"Campaigns"}, MaxBodyBytes: maxCampaignBody,
		RequestBody: body[NewCampaign](a, exampleCampaign),
		Errors:      []int{400, 408, 409, 413, 415, 422},
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
	s := campaign.Settings{
		DefaultRegion: a.cfg.DefaultRegion, MaxConcurrentCalls: campaign.DefaultMaxConcurrentCalls,
		Weight: campaign.DefaultWeight, Priority: campaign.DefaultPriority,
	}
	o.settings(&s, a.cfg.DefaultRegion, a.providerNames(), a.now())
	contacts := o.contacts(s.DefaultRegion, a.zoning(s, o))
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
	out := &createCampaignOutput{Location: "/v1/campaigns/" + c.ID.String()}
	out.mark(before)
	out.Body, err = a.showWithWarnings(ctx, c)
	return out, err
}
