package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// property is what a document says of one field.
type property struct {
	Ref         string          `json:"$ref"`
	Description string          `json:"description"`
	Examples    []any           `json:"examples"`
	Default     json.RawMessage `json:"default"`
	Enum        []any           `json:"enum"`
	Items       *property       `json:"items"`
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

// TestDocumentTellsEverySetting: what it is, and what to write there or what it is
// if nobody does.
func TestDocumentTellsEverySetting(t *testing.T) {
	doc := newService(t).document()
	for schema, count := range map[string]int{
		"NewCampaign": 9, "CampaignSettings": 8, "Schedule": 6, "Window": 3, "SpecialDate": 2, "Span": 2,
		"RetrySetting": 7, "DispositionRules": 5, "RetryRule": 4, "NewContact": 3, "PreviewRequest": 4,
	} {
		properties := doc.Components.Schemas[schema].Properties
		require.Len(t, properties, count, "%s: a new setting is documented, and counted here", schema)
		for name, p := range properties {
			require.NotEmpty(t, p.Description, "%s.%s has no doc", schema, name)
			shown := p.Ref != "" || len(p.Examples) > 0 || p.Default != nil || len(p.Enum) > 0
			require.True(t, shown, "%s.%s has neither an example nor a default", schema, name)
		}
	}
}

// TestDocumentedDefaultsAreTheRealOnes creates with nothing but a name, and compares.
func TestDocumentedDefaultsAreTheRealOnes(t *testing.T) {
	s := newService(t)
	doc := s.document()
	c := s.post("/v1/campaigns", `{"name": "Spring"}`).json()
	require.NotContains(t, c["retry"], "max_attempts_per_day", "no default is documented")
	for schema, values := range map[string]struct {
		shown map[string]any
		names []string
	}{
		"CampaignSettings": {c, []string{"max_concurrent_calls", "weight"}},
		"NewCampaign":      {c, []string{"max_concurrent_calls", "weight"}},
		"RetrySetting":     {c["retry"].(map[string]any), []string{"max_attempts", "delay", "backoff", "jitter"}},
	} {
		var documented []string
		for name, p := range doc.Components.Schemas[schema].Properties {
			if p.Default == nil {
				continue
			}
			documented = append(documented, name)
			var value any
			require.NoError(t, json.Unmarshal(p.Default, &value))
			if d, err := time.ParseDuration(fmt.Sprint(value)); err == nil && name == "delay" {
				value = d.String()
			}
			require.Equal(t, values.shown[name], value, "%s.%s", schema, name)
		}
		require.ElementsMatch(t, values.names, documented, schema)
	}
	require.JSONEq(t, fmt.Sprint(defaultPreview), string(doc.Components.Schemas["PreviewRequest"].Properties["count"].Default))
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
