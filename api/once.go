package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"

	"dialtone/campaign"
	"dialtone/store"
)

// maxIdempotencyKey is the length of an Idempotency-Key in bytes.
const maxIdempotencyKey = 200

// OnceHeader is the parameter of every request that creates.
type OnceHeader struct {
	IdempotencyKey string `header:"Idempotency-Key" doc:"Makes repeating the request harmless: the same key with the same body gives the resource made the first time. Up to 200 printable characters." example:"order-4711"`
}

// Replayed is the header of an answer that created nothing.
type Replayed struct {
	Mark string `header:"Idempotent-Replayed" doc:"true when the key was used before and nothing was created."`
}

// once makes a creation idempotent if the client asked for it, and reports
// whether it happened before.  Two first requests at the same time may both be
// told that they were first; the store still creates one resource.
func (a *API) once(ctx context.Context, kind, header string, body []byte) (o store.Once, before bool, err error) {
	if header == "" {
		return store.Once{}, false, nil
	}
	if len(header) > maxIdempotencyKey || !printable(header) {
		return store.Once{}, false, faulty(campaign.CodeInvalid, []Fault{{
			Location: "header", Field: "Idempotency-Key", Message: "Give a key of 1 to 200 printable characters.",
		}})
	}
	o = store.Once{Key: kind + "/" + visitOf(ctx).key + "/" + header, Fingerprint: fingerprint(body)}
	_, before, err = a.store.Recall(ctx, o)
	if campaign.CodeOf(err) == campaign.CodeConflict {
		return o, false, newProblem(campaign.CodeConflict, "This Idempotency-Key was used for another request; take a new key for a new request.")
	}
	return o, before, err
}

// fingerprint is the same for bodies that say the same, whatever their spaces and
// the order of their fields.
func fingerprint(body []byte) []byte {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) == nil {
		if canonical, err := json.Marshal(v); err == nil {
			body = canonical
		}
	}
	sum := sha256.Sum256(body)
	return sum[:]
}

func (r *Replayed) mark(before bool) {
	if before {
		r.Mark = "true"
	}
}
