package api

import (
	"context"
	"maps"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// The limits of JSON bodies.  Contacts in bulk have a route of their own.
const (
	maxBody         = 256 << 10
	maxCampaignBody = 8 << 20
	bodyTimeout     = 30 * time.Second
)

// JSONBody is the body of a request, read by an object.  It and the other parts of
// inputs and outputs are exported because huma passes over what is not.
type JSONBody struct {
	RawBody []byte `contentType:"application/json"`
}

// IDPath is the parameter of everything about one resource.
type IDPath struct {
	ID string `path:"id" doc:"The id, as the API gave it." example:"cmp_42"`
}

// register adds an operation whose errors become problems.
func register[I, O any](a *API, op huma.Operation, do func(context.Context, *I) (*O, error)) {
	op.Security = security
	op.Errors = append(op.Errors, everyError...)
	op.BodyReadTimeout = bodyTimeout
	if op.MaxBodyBytes == 0 {
		op.MaxBodyBytes = maxBody
	}
	op.SkipValidateBody = true
	described := describedBody(op.RequestBody)
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := do(ctx, in)
		if err != nil {
			return nil, a.problem(ctx, err)
		}
		return out, nil
	})
	if described != nil {
		*op.RequestBody = *described
	}
}

// describedBody is what is known of a body before huma, which sees bytes in it,
// says otherwise.
func describedBody(b *huma.RequestBody) *huma.RequestBody {
	if b == nil {
		return nil
	}
	kept := *b
	kept.Content = maps.Clone(b.Content)
	return &kept
}

// security and everyError belong to every operation that needs a key.
var (
	security   = []map[string][]string{{"key": {}}}
	everyError = []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusInternalServerError, http.StatusServiceUnavailable}
)

// body describes a request's body by a Go type that serves nothing else, with an
// example.
func body[T any](a *API, example any, types ...string) *huma.RequestBody {
	schema := a.schema(reflect.TypeFor[T]())
	content := map[string]*huma.MediaType{}
	for _, t := range append(types, "application/json") {
		content[t] = &huma.MediaType{Schema: schema, Example: example}
	}
	return &huma.RequestBody{Content: content, Required: true}
}

// schema names a type in the document.
func (a *API) schema(t reflect.Type) *huma.Schema {
	return a.huma.OpenAPI().Components.Schemas.Schema(t, true, t.Name())
}

// describe adds to the document an operation that is no huma operation.
func (a *API) describe(op *huma.Operation) {
	if op.Responses == nil {
		op.Responses = map[string]*huma.Response{}
	}
	problem := a.schema(reflect.TypeFor[Problem]())
	for _, status := range op.Errors {
		op.Responses[strconv.Itoa(status)] = &huma.Response{
			Description: http.StatusText(status),
			Content:     map[string]*huma.MediaType{problemType: {Schema: problem}},
		}
	}
	a.huma.OpenAPI().AddOperation(op)
}

// wants refuses a body that says it is something else.
func (a *API) wants(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		types := []string{"application/json"}
		if r.Method == http.MethodPatch {
			types = []string{"application/json", "application/merge-patch+json"}
		}
		media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if r.ContentLength != 0 && !slices.Contains(types, media) {
			a.fail(w, r, newProblem(codeMediaType, "A body of the type %q can't be read here; send %s and name it in Content-Type.", media, listed(types)))
			return
		}
		next.ServeHTTP(w, r)
	})
}
