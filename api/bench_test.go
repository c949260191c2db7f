package api

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"
)

// BenchmarkUpload streams 100,000 rows into a real database.
func BenchmarkUpload(b *testing.B) {
	var body bytes.Buffer
	body.WriteString("phone,name\n")
	for i := range 100_000 {
		fmt.Fprintf(&body, "+1212%07d,Ada %d\n", 2_000_000+i, i)
	}
	db, bus := openStore(b), newFakeBus()
	a, err := New(Config{Store: db, Bus: bus, Loopback: true})
	if err != nil {
		b.Fatal(err)
	}
	defer a.Close()
	do := func(path, contentType string, body []byte) *bytes.Buffer {
		w := newRecorder()
		r, _ := http.NewRequestWithContext(b.Context(), http.MethodPost, path, bytes.NewReader(body))
		r.Host = "localhost"
		r.Header.Set("Content-Type", contentType)
		a.Handler().ServeHTTP(w, r)
		if w.Code >= 300 {
			b.Fatal(w.Code, w.Body)
		}
		return w.Body
	}
	for i := 2; b.Loop(); i++ {
		do("/v1/campaigns", "application/json", []byte(`{"name": "Bench"}`))
		out := do(fmt.Sprintf("/v1/campaigns/cmp_%d/contacts", i), "text/csv", body.Bytes())
		b.ReportMetric(float64(out.Len()), "answer-bytes")
	}
}
