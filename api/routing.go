package api

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"dialtone/campaign"
)

// ProviderChoice describes a provider that a campaign allows.
type ProviderChoice struct {
	Name     string  `json:"name" example:"mock" doc:"Its name; GET /v1/providers lists them."`
	Priority int     `json:"priority,omitempty" minimum:"1" maximum:"1000" example:"1" doc:"Its rank for this campaign, 1 first; its own if absent."`
	Weight   float64 `json:"weight,omitempty" minimum:"0.001" maximum:"1000000" example:"1" doc:"Its part among those of one rank; its own if absent."`
}

// The orders in which providers are preferred.
const (
	routingPriority  = "priority"
	routingLeastCost = "least_cost"
)

// routing reads by which providers a campaign's numbers are called.
func (o *object) routing(r *campaign.Routing, region string, known []string) {
	o.allowed(&r.Providers, known)
	var order string
	switch read(o, "routing", &order, routingPriority, "Give priority or least_cost, in quotation marks."); {
	case order == routingPriority || order == routingLeastCost:
		r.LeastCost = order == routingLeastCost
	case order != "":
		o.fault("routing", "There is no routing %q; take one of %s, %s.", clip(order), routingPriority, routingLeastCost)
	}
	o.callers(&r.FromByPrefix, region)
}

// allowed reads a list of names, or of objects that say more.
func (o *object) allowed(dst *[]campaign.ProviderChoice, known []string) {
	var raw []json.RawMessage
	if !read(o, "providers", &raw, nil, "Give a list, like [\"mock\"] or [{\"name\": \"mock\", \"priority\": 2}], or null for all.") {
		if v, given := o.fields["providers"]; given && null(v) {
			*dst = nil
		}
		return
	}
	if len(raw) == 0 {
		o.fault("providers", "Name a provider at least, or give null for all.")
		return
	}
	before := len(*o.faults)
	out := make([]campaign.ProviderChoice, 0, len(raw))
	for i, c := range raw {
		out = append(out, o.choice(c, fmt.Sprintf("providers[%d]", i), known))
	}
	if len(*o.faults) == before {
		*dst = out
	}
}

func (o *object) choice(raw json.RawMessage, at string, known []string) (c campaign.ProviderChoice) {
	in := &object{at: o.at + at + ".", fields: map[string]json.RawMessage{}, faults: o.faults}
	if raw[0] == '{' {
		in.open(raw)
	} else {
		in.fields["name"] = raw
	}
	read(in, "name", &c.Name, "", "Give a provider's name in quotation marks.")
	in.provider("name", c.Name, known)
	read(in, "priority", &c.Priority, 0, "Give a whole number, like 1.")
	read(in, "weight", &c.Weight, 0, "Give a number above 0, like 1.")
	if _, given := in.fields["priority"]; given && !in.faulty(in.at+"priority") && (c.Priority < 1 || c.Priority > campaign.LimitProviderPriority) {
		in.fault("priority", "Give a priority from 1, the first, to %d, not %d.", campaign.LimitProviderPriority, c.Priority)
	}
	if _, given := in.fields["weight"]; given && !in.faulty(in.at+"weight") && !(c.Weight >= campaign.LeastWeight && c.Weight <= campaign.LimitWeight) {
		in.fault("weight", "Give a weight from %g to %.0f, not %g.", campaign.LeastWeight, campaign.LimitWeight, c.Weight)
	}
	in.rest()
	return c
}

// provider checks that there is a provider of a name.
func (o *object) provider(field, name string, known []string) {
	switch {
	case o.faulty(o.at + field):
	case name == "":
		o.fault(field, "Name a provider: one of %s.", strings.Join(known, ", "))
	case !slices.Contains(known, name):
		o.fault(field, "There is no provider %q; take one of %s.", clip(name), strings.Join(known, ", "))
	}
}

// callers reads caller ids by the beginning of the number called.
func (o *object) callers(dst *map[string]string, region string) {
	const want = "Give an object of prefixes and numbers, like {\"+44\": \"+442079460958\"}, or null for none."
	raw, given := o.take("from_by_prefix")
	switch {
	case !given:
		return
	case null(raw):
		*dst = nil
		return
	}
	in := o.element("from_by_prefix", raw, want)
	if in == nil {
		return
	}
	out := make(map[string]string, len(in.fields))
	for _, prefix := range sortedKeys(in.fields) {
		if !campaign.ValidPrefix(prefix) {
			in.known = append(in.known, prefix)
			in.fault(prefix, "Give the beginning of numbers in E.164, like +44, not %q.", clip(prefix))
			continue
		}
		if out[prefix] = in.number(prefix, region); out[prefix] == "" && !in.faulty(in.at+prefix) {
			in.fault(prefix, "Give a caller id, like \"+442079460958\".")
		}
	}
	*dst = out
}

func showChoices(choices []campaign.ProviderChoice) []ProviderChoice {
	var out []ProviderChoice
	for _, c := range choices {
		out = append(out, ProviderChoice(c))
	}
	return out
}

func showRouting(r campaign.Routing) string {
	if r.LeastCost {
		return routingLeastCost
	}
	return routingPriority
}

// providerNames lists the providers in force.
func (a *API) providerNames() []string {
	var names []string
	for _, s := range a.providers.Specs() {
		names = append(names, s.Name)
	}
	return names
}

// describeChoices tells that a plain name will do.
func (a *API) describeChoices() {
	schemas := a.huma.OpenAPI().Components.Schemas.Map()
	for _, name := range []string{"NewCampaign", "CampaignSettings"} {
		if s := schemas[name]; s != nil && s.Properties["providers"] != nil {
			choices := s.Properties["providers"]
			choices.Items = &huma.Schema{OneOf: []*huma.Schema{choices.Items, {Type: huma.TypeString}}}
		}
	}
}
