package twilio

import (
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/provider"
)

// benchAnswer is as long as the API's.
var benchAnswer = `{"sid":"CA0123456789abcdef0123456789abcdef","date_created":"Tue, 18 Aug 2026 15:04:05 +0000","status":"queued","uri":"` + strings.Repeat("x", 700) + `"}`

// benchRequest is a call as a campaign makes it.
func benchRequest() provider.Request {
	return provider.Request{
		To: "+12025550123", From: "+12025550100", Variables: []byte(`{"message":"Hello Ada"}`),
		CallbackURL: "https://dialtone.example.com/callbacks/main/42/1048577",
	}
}

// BenchmarkPlace tells the CPU time of the adapter alone: the server is another
// process.
func BenchmarkPlace(b *testing.B) {
	if os.Getenv("BENCH_SERVER") != "" {
		b.Skip("this is the server")
	}
	p := openAt(b, "http://"+startBenchServer(b), nil)
	before := cpuTime(b)
	b.ReportAllocs()
	b.SetParallelism(32 / runtime.GOMAXPROCS(0))
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := p.Place(b.Context(), benchRequest()); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.StopTimer()
	b.ReportMetric(float64((cpuTime(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
}

func BenchmarkCreateForm(b *testing.B) {
	p := openAt(b, "http://127.0.0.1:9", nil)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = p.createForm(benchRequest())
	}
}

func BenchmarkParseCallback(b *testing.B) {
	p := openAt(b, "http://127.0.0.1:9", nil)
	const target = "https://dialtone.example.com/callbacks/main/42/1048577"
	form := map[string][]string{
		"CallSid": {"CA0123456789abcdef0123456789abcdef"}, "AccountSid": {"AC1"}, "From": {"+12025550100"}, "To": {"+12025550123"},
		"CallStatus": {"completed"}, "ApiVersion": {"2010-04-01"}, "Direction": {"outbound-api"}, "CallDuration": {"12"},
		"Timestamp": {"Tue, 18 Aug 2026 15:04:05 +0000"}, "CallbackSource": {"call-progress-events"}, "SequenceNumber": {"3"},
	}
	r := signedCallback(p, target, form)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.ParseCallback(r, target, form); err != nil {
			b.Fatal(err)
		}
	}
}

// cpuTime is what this process has used so far.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// startBenchServer runs this test binary again as the server, and ends it with
// the benchmark.
func startBenchServer(b *testing.B) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	addr := l.Addr().String()
	file, err := l.(*net.TCPListener).File()
	require.NoError(b, err)
	require.NoError(b, l.Close())
	cmd := exec.Command(os.Args[0], "-test.run=^TestBenchServer$")
	cmd.Env = append(os.Environ(), "BENCH_SERVER=1")
	cmd.ExtraFiles = []*os.File{file}
	stdin, err := cmd.StdinPipe()
	require.NoError(b, err)
	require.NoError(b, cmd.Start())
	require.NoError(b, file.Close())
	b.Cleanup(func() {
		_ = stdin.Close() // the server's sign to end
		_ = cmd.Wait()
	})
	return addr
}

// TestBenchServer is the server of BenchmarkPlace, and no test.
func TestBenchServer(t *testing.T) {
	if os.Getenv("BENCH_SERVER") == "" {
		t.Skip("started by BenchmarkPlace")
	}
	l, err := net.FileListener(os.NewFile(3, "listener"))
	require.NoError(t, err)
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, benchAnswer)
	})}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	_, _ = io.Copy(io.Discard, os.Stdin) // until the benchmark has ended
	require.NoError(t, srv.Close())
	require.ErrorIs(t, <-done, http.ErrServerClosed)
}
