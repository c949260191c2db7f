package api

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"dialtone/campaign"
)

// adoptProblems makes huma write Problems.  huma keeps its error model in package
// variables, so this is done once for the process and never undone.
var adoptProblems = sync.OnceFunc(func() {
	huma.DefaultArrayNullable = false // lists are empty, never null
	huma.NewError = func(status int, message string, errs ...error) huma.StatusError {
		return fromHuma(nil, "", status, message, errs)
	}
	huma.NewErrorWithContext = func(ctx huma.Context, status int, message string, errs ...error) huma.StatusError {
		return fromHuma(ctx.Operation(), visitOf(ctx.Context()).id, status, message, errs)
	}
})

// advice is what to do about a parameter that huma refused.
var advice = map[string]string{
	"query.hangup": "Give true to hang up the calls that are up, or leave it out, and they end by themselves.",
	"query.until":  "Give ended, or leave it out for a stream without an end.",
}

// fromHuma translates what huma itself found wrong with a request.
// op is nil where it is not known.
func fromHuma(op *huma.Operation, id string, status int, message string, errs []error) *Problem {
	p := humaProblem(op, status, message, errs)
	p.RequestID = id
	return p
}

func humaProblem(op *huma.Operation, status int, message string, errs []error) *Problem {
	switch status {
	case http.StatusRequestEntityTooLarge:
		return newProblem(codeTooLarge, "The body is too large for this request; send contacts to /v1/campaigns/{id}/contacts, which takes files.")
	case http.StatusRequestTimeout:
		return newProblem(codeTimeout, "The body did not arrive in time; send it again.")
	case http.StatusBadRequest:
		return newProblem(codeMalformed, "The request needs a body; send a JSON object.")
	case http.StatusUnprocessableEntity:
		if faults := humaFaults(op, errs); len(faults) > 0 {
			return faulty(campaign.CodeInvalid, faults)
		}
	}
	if len(errs) > 0 && strings.HasPrefix(message, "cannot read request body") {
		return newProblem(codeMalformed, "The body broke off; send it again.")
	}
	return newProblem(campaign.CodeInternal, "Something went wrong here, which is not the request's fault; try again.")
}

func humaFaults(op *huma.Operation, errs []error) []Fault {
	var faults []Fault
	for _, err := range errs {
		var d *huma.ErrorDetail
		if !errors.As(err, &d) {
			continue
		}
		where, field, _ := strings.Cut(d.Location, ".")
		text, known := advice[d.Location]
		if !known {
			text, known = bounds(op, where, field)
		}
		choice := choices(op, where, field)
		switch {
		case choice != nil:
			text = fmt.Sprintf("Give one of %s, or leave it out for all.", listed(choice))
		case !known && strings.HasPrefix(d.Message, "unknown query"):
			text = fmt.Sprintf("There is no query parameter %q here; leave it out.", field)
		case !known:
			text = fmt.Sprintf("This value can't be used (%s); see the documentation at /docs.", d.Message)
		}
		faults = append(faults, Fault{Location: where, Field: field, Message: text})
	}
	return faults
}

// bounds advises on a parameter that is a number within bounds.
func bounds(op *huma.Operation, in, name string) (text string, ok bool) {
	if op == nil {
		return "", false
	}
	for _, p := range op.Parameters {
		if p.In == in && p.Name == name && p.Schema != nil && p.Schema.Minimum != nil && p.Schema.Maximum != nil {
			return fmt.Sprintf("Give a whole number from %.0f to %.0f, or leave it out for %v.", *p.Schema.Minimum, *p.Schema.Maximum, p.Schema.Default), true
		}
	}
	return "", false
}

// choices are what an operation's parameter may be, where it is one of a list.
func choices(op *huma.Operation, in, name string) (out []string) {
	if op == nil {
		return nil
	}
	for _, p := range op.Parameters {
		if p.In == in && p.Name == name && p.Schema != nil && len(p.Schema.Enum) > 1 {
			for _, v := range p.Schema.Enum {
				out = append(out, fmt.Sprint(v))
			}
		}
	}
	return out
}
