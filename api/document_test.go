package api

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// property is what a document says of one field.
type property struct {
	Ref         string          `json:"$ref"`
	Type        any             `json:"type"` // a name, or a list of them
	AnyOf       []property      `json:"anyOf"`
	Description string          `json:"description"`
	Examples    []any           `json:"examples"`
	Default     json.RawMessage `json:"default"`
	Enum        []any           `json:"enum"`
}

// nullable reports whether null may be written.
func (p property) nullable() bool {
	types, _ := p.Type.([]any)
	return slices.Contains(types, any("null")) || slices.ContainsFunc(p.AnyOf, func(q property) bool { return q.Type == "null" })
}

// settingsDocument is the part of the document about what people send.
type settingsDocument struct {
	Paths map[string]map[string]struct {
		Description string
		RequestBody struct {
			Content map[string]struct{ Example json.RawMessage }
		}
	}
	Components struct {
		Schemas map[string]struct{ Properties map[string]property }
	}
}

func (s *service) document() (doc settingsDocument) {
	s.t.Helper()
	require.NoError(s.t, json.Unmarshal(s.get(documentPath).body, &doc))
	return doc
}

// required are the settings that have no default, because they must be given.
var required = map[string][]string{
	"NewCampaign": {"name"}, "CampaignSettings": {"name"}, // which can't be taken away either
	"Window": {"days", "start", "end"}, "Span": {"start", "end"}, "SpecialDate": {"date", "windows"},
	"NewContact": {"phone"}, "PreviewRequest": {"schedule"}, "Strategy": {"strategy"},
}

// TestDocumentTellsEverySetting: what it is, what to write there, and what it is if
// nobody does.
func TestDocumentTellsEverySetting(t *testing.T) {
	doc := newService(t).document()
	for schema, count := range map[string]int{
		"NewCampaign": 15, "CampaignSettings": 14, "Schedule": 6, "Window": 3, "SpecialDate": 2, "Span": 2,
		"RetrySetting": 8, "DispositionRules": 5, "RetryRule": 4, "NewContact": 3, "PreviewRequest": 4, "Strategy": 2,
	} {
		properties := doc.Components.Schemas[schema].Properties
		require.Len(t, properties, count, "%s: a new setting is documented, and counted here", schema)
		for name, p := range properties {
			require.NotEmpty(t, p.Description, "%s.%s has no doc", schema, name)
			require.NotEmpty(t, p.Examples, "%s.%s has no example", schema, name)
			require.Equal(t, slices.Contains(required[schema], name), p.Default == nil, "%s.%s: the default", schema, name)
			open := string(p.Default) == "null"
			require.Equal(t, open, p.nullable(), "%s.%s: what is nothing may be null", schema, name)
			require.Equal(t, open && len(p.Enum) > 0, slices.Contains(p.Enum, nil), "%s.%s: so its words too", schema, name)
		}
	}
	for schema, settings := range settingsShown {
		for name := range settings {
			if schema == "CampaignSettings" && name == "contacts" {
				continue
			}
			require.Contains(t, doc.Components.Schemas[schema].Properties, name, "%s has no such setting", schema)
		}
	}
}

// around puts some properties of a schema where they stand in a request.
func around(schema string, some map[string]any) (path string, body map[string]any) {
	retry := func(how any) map[string]any { return map[string]any{"by_disposition": how} }
	body = map[string]any{"name": "Spring"}
	switch schema {
	case "NewCampaign", "CampaignSettings":
		maps.Copy(body, some)
	case "Schedule":
		body["schedule"] = some
	case "RetrySetting":
		body["retry"] = some
	case "DispositionRules":
		body["retry"] = retry(some)
	case "RetryRule":
		body["retry"] = retry(map[string]any{"busy": some})
	case "NewContact":
		contact := map[string]any{"phone": "+12125550147"}
		maps.Copy(contact, some)
		body["contacts"] = []any{contact}
	case "PreviewRequest":
		body = map[string]any{"schedule": map[string]any{"start_at": "2026-12-01T09:00:00-05:00"}}
		maps.Copy(body, some)
		return previewPath, body
	case "Strategy":
		body = map[string]any{"strategy": "fair"}
		maps.Copy(body, some)
		return "/v1/scheduler", body
	}
	return "/v1/campaigns", body
}

// become is what comes of a request: the answer without what differs every time, and
// the calls.
func (s *service) become(path string, body map[string]any) map[string]any {
	s.t.Helper()
	text, err := json.Marshal(body)
	require.NoError(s.t, err)
	r := s.post(path, string(text))
	if path == "/v1/scheduler" {
		r = s.send(http.MethodPut, path, "application/json", string(text))
	}
	require.Less(s.t, r.status, 300, "%s: %s", text, r.body)
	out := r.json()
	if id, ok := out["id"].(string); ok {
		for _, c := range s.get("/v1/campaigns/" + id + "/calls").json()["calls"].([]any) {
			c := c.(map[string]any)
			out["call"] = []any{c["time_zones"], c["variables"]}
		}
	}
	for _, name := range []string{"id", "created_at", "updated_at"} {
		delete(out, name)
	}
	return out
}

// TestDocumentedDefaultsAreTheRealOnes: who writes a setting's default down gets what
// he gets without the setting, and its example is taken.
func TestDocumentedDefaultsAreTheRealOnes(t *testing.T) {
	var now clock
	s := newService(t, clocked(&now, moment))
	s.bus.onAsk = func(_ string, body any) (any, error) { return body, nil }
	doc := s.document()
	for schema := range settingsShown {
		plain := s.become(around(schema, map[string]any{}))
		for name, p := range doc.Components.Schemas[schema].Properties {
			t.Run(schema+"."+name, func(t *testing.T) {
				s := s.in(t)
				for _, example := range p.Examples {
					some := map[string]any{name: example}
					if schema == "Schedule" && name != "time_zone" {
						some["time_zone"] = "UTC" // without which windows are nothing
					}
					s.become(around(schema, some))
				}
				if p.Default != nil {
					require.Equal(t, plain, s.become(around(schema, map[string]any{name: p.Default})))
				}
			})
		}
	}
	count := doc.Components.Schemas["PreviewRequest"].Properties["count"].Default
	require.JSONEq(t, strconv.Itoa(defaultPreview), string(count), "one window, as above, shows nothing of it")
}

// TestDocumentedExamplesAreTaken sends what people copy from the page.
func TestDocumentedExamplesAreTaken(t *testing.T) {
	s := newService(t)
	doc := s.document()
	example := func(method, path string) string {
		body := doc.Paths[path][method].RequestBody.Content["application/json"].Example
		require.NotEmpty(t, body, path)
		return string(body)
	}
	create := example("post", "/v1/campaigns")
	require.Contains(t, create, `"schedule"`)
	require.Contains(t, create, `"by_disposition"`)
	r := s.post("/v1/campaigns", create)
	require.Equal(t, http.StatusCreated, r.status, "%s", r.body)
	id := r.json()["id"].(string)
	require.Equal(t, http.StatusOK, s.patch("/v1/campaigns/"+id, example("patch", "/v1/campaigns/{id}")).status)
	r = s.post(previewPath, example("post", previewPath))
	require.Equal(t, http.StatusOK, r.status, "%s", r.body)
	require.Len(t, r.json()["windows"], 5)
	upload := doc.Paths[contactsPath]["post"]
	require.Contains(t, upload.Description, "time_zone")
	for contentType, media := range upload.RequestBody.Content {
		body := string(media.Example)
		if contentType != "application/json" {
			require.NoError(t, json.Unmarshal(media.Example, &body))
		}
		r := s.send(http.MethodPost, strings.Replace(contactsPath, "{id}", id, 1), contentType, body)
		require.Equal(t, http.StatusOK, r.status, "%s", r.body)
		require.EqualValues(t, 0, r.json()["rejected"], "%s", r.body)
	}
}
