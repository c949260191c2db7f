package api

import (
	"encoding/json"

	"github.com/danielgtaylor/huma/v2"
)

// nothing is the default of a setting that is left open.  It can be written, too.
var nothing = json.RawMessage("null")

// shown is what the document says of a setting: what it is if nobody gives it, and
// what to write there.  A nil leaves what the field's tags say, which can express
// neither nothing nor the value of an object.
type shown struct{ fallback, example any }

var exampleRule = map[string]any{"delay": "1m", "backoff": "exponential", "max_attempts": 4}

var campaignShown = map[string]shown{
	"from":              {nothing, nil},
	"default_region":    {nothing, nil},
	"default_time_zone": {nothing, nil},
	"schedule":          {map[string]any{}, exampleCampaign["schedule"]},
	"deadline":          {nothing, nil},
	"group":             {nothing, nil},
	"retry": {
		map[string]any{"max_attempts": 3, "delay": "5m", "backoff": "fixed", "max_delay": "1h", "jitter": 0},
		exampleCampaign["retry"],
	},
	"providers":      {nothing, nil},
	"from_by_prefix": {nothing, nil},
	"contacts":       {[]any{}, nil}, // of a new one
}

// settingsShown has the schemas of what people send, by name and property.
var settingsShown = map[string]map[string]shown{
	"CampaignSettings": campaignShown,
	"NewCampaign":      campaignShown,
	"Schedule": {
		"time_zone":     {nothing, nil},
		"windows":       {[]any{}, nil},
		"closed_dates":  {[]any{}, nil},
		"special_dates": {[]any{}, nil},
		"start_at":      {nothing, nil},
		"end_at":        {nothing, nil},
	},
	"RetrySetting": {
		"max_attempts_per_day": {nothing, nil},
		"by_disposition":       {map[string]any{}, map[string]any{"busy": exampleRule}},
	},
	"DispositionRules": {
		"busy":      {nothing, exampleRule},
		"no_answer": {nothing, map[string]any{"delay": "3h"}},
		"failed":    {nothing, map[string]any{"delay": "30m", "max_attempts": 2}},
		"lost":      {nothing, map[string]any{"max_attempts": 1}},
		"rejected":  {nothing, map[string]any{"max_attempts": 1}},
	},
	"RetryRule": {
		"max_attempts": {nothing, nil},
		"delay":        {nothing, nil},
		"backoff":      {nothing, nil},
		"max_delay":    {nothing, nil},
	},
	"NewContact": {
		"time_zone": {nothing, nil},
		"variables": {nothing, nil},
	},
	"Strategy": {
		"parameters": {map[string]any{}, map[string]any{}},
	},
	"PreviewRequest": {
		"schedule":  {nil, exampleCampaign["schedule"]},
		"time_zone": {nothing, nil},
		"from":      {nothing, nil},
	},
}

// describeSettings completes the schemas, once all of them are there.
func (a *API) describeSettings() {
	schemas := a.huma.OpenAPI().Components.Schemas.Map()
	for name, settings := range settingsShown {
		for property, s := range settings {
			if p := schemas[name].Properties[property]; p != nil {
				s.describe(p)
			}
		}
	}
}

func (s shown) describe(p *huma.Schema) {
	if s.example != nil {
		p.Examples = []any{s.example}
	}
	if s.fallback == nil {
		return
	}
	p.Default = s.fallback
	if _, open := s.fallback.(json.RawMessage); open {
		allowNull(p)
	}
}

// allowNull lets a property be null, which a reference or a list of words can't be by
// its type alone.
func allowNull(p *huma.Schema) {
	switch {
	case p.Ref != "":
		p.AnyOf = []*huma.Schema{{Ref: p.Ref}, {Type: "null"}}
		p.Ref = ""
		return
	case len(p.Enum) > 0:
		p.Enum = append(p.Enum, nil)
	}
	p.Nullable = true
}
