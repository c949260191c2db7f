package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"dialtone/actors/scheduler/sim/scenario"
	"dialtone/actors/scheduler/strategy"
	"dialtone/cmd/dialtone/plot"
)

// simulate plays a scenario under strategies, on a virtual clock.  It runs what the
// scheduler runs, and calls nobody.
type simulate struct {
	Scenario   string   `arg:"" help:"The scenario, a YAML file; see examples/scenarios."`
	Strategy   []string `short:"s" default:"fair" sep:"none" placeholder:"NAME[:KEY=VALUE,…]" help:"Strategies to compare, each with its own parameters: remaining:direction=most."`
	Set        []string `sep:"none" placeholder:"KEY=VALUE" help:"A parameter of every strategy named."`
	Parameters string   `placeholder:"JSON" help:"The same as an object."`
	Plot       string   `placeholder:"FILE" help:"Draw shares, waits and utilisation over time, as SVG or PNG by the file's name."`
	JSON       bool     `name:"json" help:"Print everything as JSON."`
	Seed       uint64   `help:"Another seed than the scenario's."`
}

// plotWindows is how many points there are along the time of a plot.
const plotWindows = 120

func (s *simulate) Run(ctx context.Context, out io.Writer) error {
	story, err := scenario.ReadFile(s.Scenario)
	if err != nil {
		return err
	}
	if s.Seed != 0 {
		story.Seed = s.Seed
	}
	choices, err := s.choices()
	if err != nil {
		return err
	}
	var results []*scenario.Result
	for _, c := range choices {
		r, err := story.Run(c, plotWindows)
		if err != nil {
			return err
		}
		results = append(results, r)
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	if s.Plot != "" {
		if err := plot.Draw(s.Plot, story, results); err != nil {
			return err
		}
	}
	if s.JSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(map[string]any{"scenario": story.Name, "seed": story.Seed, "results": results})
	}
	_, err = io.WriteString(out, comparison(story, results))
	return err
}

// choices are the strategies asked for, each known to take its parameters.
func (s *simulate) choices() (out []scenario.Choice, err error) {
	common := map[string]any{}
	if s.Parameters != "" {
		if err := json.Unmarshal([]byte(s.Parameters), &common); err != nil {
			return nil, fmt.Errorf("--parameters: give a JSON object, like {\"direction\": \"most\"}: %w", err)
		}
	}
	if err := assign(common, s.Set); err != nil {
		return nil, fmt.Errorf("--set: %w", err)
	}
	for _, text := range s.Strategy {
		name, own, found := strings.Cut(text, ":")
		c := scenario.Choice{Strategy: name, Parameters: map[string]any{}}
		for k, v := range common {
			c.Parameters[k] = v
		}
		if found {
			if err := assign(c.Parameters, strings.Split(own, ",")); err != nil {
				return nil, fmt.Errorf("--strategy %s: %w", text, err)
			}
		}
		if _, err := strategy.New(name, c.Parameters); err != nil {
			return nil, fmt.Errorf("--strategy %s: %w", text, err)
		}
		out = append(out, c)
	}
	return out, nil
}

// assign puts KEY=VALUE pairs into parameters; a value that is no JSON is a text.
func assign(into map[string]any, pairs []string) error {
	for _, pair := range pairs {
		key, text, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return fmt.Errorf("%q is no parameter; write KEY=VALUE", pair)
		}
		var value any
		if json.Unmarshal([]byte(text), &value) != nil {
			value = text
		}
		into[key] = value
	}
	return nil
}
