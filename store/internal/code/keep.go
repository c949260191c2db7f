package code

import (
	"encoding/json"
	"fmt"

	"dialtone/campaign"
)

// ChangedSettings writes the settings column anew.  Members of what stood there that this
// version does not know are kept: while two versions run side by side, a change by a node
// of the older one must not undo what the newer one was told.
func ChangedSettings(was string, s campaign.Settings) (string, error) {
	now, err := OfSettings(s)
	if err != nil {
		return "", err
	}
	read, err := Settings(was)
	if err != nil {
		return "", err
	}
	understood, err := OfSettings(read)
	if err != nil {
		return "", err
	}
	out, err := keepUnknown(json.RawMessage(was), json.RawMessage(understood), json.RawMessage(now))
	if err != nil {
		return "", fmt.Errorf("write settings: %w", err)
	}
	return string(out), nil
}

// keepUnknown adds to now the members of was that are not in understood: what was, read
// and written by this version.
func keepUnknown(was, understood, now json.RawMessage) (json.RawMessage, error) {
	w, u, n := object(was), object(understood), object(now)
	if w == nil || u == nil || n == nil {
		return now, nil
	}
	kept := false
	for name, value := range w {
		known, isKnown := u[name]
		present, isPresent := n[name]
		switch {
		case !isKnown && !isPresent:
			n[name], kept = value, true
		case isKnown && isPresent:
			inner, err := keepUnknown(value, known, present)
			if err != nil {
				return nil, err
			}
			n[name], kept = inner, kept || len(inner) != len(present)
		}
	}
	if !kept {
		return now, nil
	}
	return json.Marshal(n)
}

// object is nil for anything else.
func object(raw json.RawMessage) (members map[string]json.RawMessage) {
	if json.Unmarshal(raw, &members) != nil {
		return nil
	}
	return members
}
