package scheduler

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"dialtone/actors/scheduler/strategy"
	"dialtone/campaign"
)

// effective is the choice with the values of all parameters, those that nobody gave
// included.
func (c Choice) effective() Choice {
	if p, err := strategy.Effective(c.Strategy, c.Parameters); err == nil {
		c.Parameters = p
	}
	return c
}

// readChoice reads a choice strictly, as people write it: what has no meaning here is a
// fault, and all faults are told at once.  Whether there is such a strategy is for
// strategy.New to say.
func readChoice(body []byte) (ch Choice, err error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil || fields == nil {
		return ch, campaign.Invalid("", "The strategy must be JSON like {\"strategy\": \"fair\", \"parameters\": {}}.")
	}
	var faults campaign.Errors
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if e := ch.take(name, fields[name]); e != nil {
			faults = append(faults, e)
		}
	}
	if len(faults) > 0 {
		return ch, faults
	}
	return ch, nil
}

// take reads one field.
func (c *Choice) take(name string, raw json.RawMessage) *campaign.Error {
	switch name {
	case "strategy":
		if err := json.Unmarshal(raw, &c.Strategy); err != nil {
			return campaign.Invalid(name, "Give a strategy in quotation marks: one of %s.", strings.Join(strategy.Names(), ", "))
		}
	case "parameters":
		if err := json.Unmarshal(raw, &c.Parameters); err != nil {
			return campaign.Invalid(name, "Give the parameters as an object, like {}, or leave them out.")
		}
	default:
		return campaign.Invalid(name, "There is no such field here; leave it out, or take one of strategy, parameters.")
	}
	return nil
}

// asksOnly reports whether a request has no body, and so wants to know the choice.
func asksOnly(body []byte) bool { return len(bytes.TrimSpace(body)) == 0 }

// Builder checks the choice and makes what builds its strategy.  Its errors are those
// of strategy.New.
func (c Choice) Builder() (Build, error) {
	if _, err := strategy.New(c.Strategy, c.Parameters); err != nil {
		return nil, err
	}
	return func() strategy.Strategy {
		s, _ := strategy.New(c.Strategy, c.Parameters) // it was checked
		return s
	}, nil
}
