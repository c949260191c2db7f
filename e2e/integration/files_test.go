package integration

import (
	"encoding/json"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"dialtone/mockdialer"
	"dialtone/provider"
)

// The tests of this file need no Docker: they hold the files of the cluster together.

// service is one of docker-compose.yml.
type service struct {
	Image       string
	Build       *struct{ Target string }
	PullPolicy  string `yaml:"pull_policy"`
	Command     []string
	Environment map[string]any
	Ports       []string
	Volumes     []string
	Restart     string
	ReadOnly    bool `yaml:"read_only"`
	Healthcheck *struct {
		Test    []string
		Disable bool
	}
	DependsOn map[string]any `yaml:"depends_on"`
}

type composition struct {
	Services map[string]service
	Volumes  map[string]any
}

func readComposition(t *testing.T) (c composition) {
	t.Helper()
	text := read(t, "docker-compose.yml")
	// What a merged anchor has may be given anew; that is no key twice.
	require.NoError(t, yaml.UnmarshalWithOptions([]byte(text), &c, yaml.AllowDuplicateMapKey()))
	for name := range c.Services {
		require.NotEmpty(t, c.Services[name].Image, "%s: are the anchors merged?", name)
	}
	return c
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	require.NoError(t, err)
	return string(text)
}

func TestComposeFileHolds(t *testing.T) {
	c := readComposition(t)
	built := make(map[string]bool)
	for _, name := range slices.Concat(nodes, mocks, queue, []string{"postgres", "key", "caller"}) {
		require.Contains(t, c.Services, name)
	}
	for name, s := range c.Services {
		assert.NotEmpty(t, s.Restart, "%s starts again when it ends", name)
		for _, p := range s.Ports {
			assert.True(t, strings.HasPrefix(p, "127.0.0.1:"), "%s: port %s is open to this machine only", name, p)
		}
		for _, v := range s.Volumes {
			source, _, _ := strings.Cut(v, ":")
			if !strings.HasPrefix(source, "./") {
				assert.Contains(t, c.Volumes, source, name)
				continue
			}
			_, err := os.Stat(filepath.Join(root, source)) // one that is not there Docker makes, as an empty folder
			assert.NoError(t, err, name)
			assert.True(t, strings.HasSuffix(v, ":ro"), "%s can't change %s", name, source)
		}
		for needed := range s.DependsOn {
			assert.Contains(t, c.Services, needed, name)
		}
		if !ours(s) {
			assert.Contains(t, []string{"nats:2.15-alpine", "postgres:17-alpine"}, s.Image, name)
			assert.NotEmpty(t, s.Healthcheck.Test, "%s is checked", name)
		} else {
			assert.True(t, s.ReadOnly, name)
			assert.True(t, s.Healthcheck == nil || name == "key" || len(s.Healthcheck.Test) > 0, "%s is checked, as its image says or in its own way", name)
			assert.True(t, s.Build != nil || s.PullPolicy == "never", "%s is looked for in no registry", name)
			built[s.Image] = built[s.Image] || s.Build != nil
		}
	}
	require.Equal(t, map[string]bool{"dialtone": true, "dialtone-mockdialer": true}, built)
}

// ours reports whether a service runs an image of ours.
func ours(s service) bool { return strings.HasPrefix(s.Image, "dialtone") }

// What the service is told is what it takes: an environment variable that nobody reads
// is no error to anybody.
func TestComposeFileUsesWhatThereIs(t *testing.T) {
	dialtone, mock := help(t, "dialtone", "serve"), help(t, "mockdialer")
	create := help(t, "dialtone", "key", "create")
	flag := regexp.MustCompile(`^--[a-z-]+`)
	for name, s := range readComposition(t).Services {
		text := ""
		switch {
		case !ours(s):
			continue
		case s.Image == "dialtone-mockdialer":
			text = mock
		case name == "key":
			text = create + "$DIALTONE_API_KEY" // of --secret-env
			assert.Contains(t, s.Command, "DIALTONE_API_KEY")
		default:
			text = dialtone
		}
		for variable := range s.Environment {
			if strings.HasPrefix(variable, "DIALTONE_") || strings.HasPrefix(variable, "MOCKDIALER_") {
				assert.True(t, says(text, `\$`+variable+`\b`), "%s: nobody reads $%s", name, variable)
			}
		}
		for _, word := range s.Command {
			if f := flag.FindString(word); f != "" {
				assert.True(t, says(text, f+`[=\[ ,\n]`), "%s: there is no flag %s", name, f)
			}
		}
	}
}

func says(text, pattern string) bool { return regexp.MustCompile(pattern).MatchString(text) }

// help is what a program says of its flags and variables.
func help(t *testing.T, program string, command ...string) string {
	t.Helper()
	out, err := exec.Command("go", append(append([]string{"run", "dialtone/cmd/" + program}, command...), "--help")...).Output()
	require.NoError(t, err)
	return string(out)
}

func TestClusterIsNamedTheSameEverywhere(t *testing.T) {
	c := readComposition(t)
	text := read(t, "deploy/providers.yaml")
	_, err := provider.Parse([]byte(text))
	require.Error(t, err, "the tokens are in the environment")
	for _, m := range mocks {
		t.Setenv(strings.ToUpper(strings.ReplaceAll(m, "-", "_"))+"_TOKEN", "forthismachine")
	}
	file, err := provider.Parse([]byte(text))
	require.NoError(t, err)
	require.Equal(t, "http://api:8080", file.CallbackBaseURL)
	require.Contains(t, read(t, "docker-compose.yml"), "aliases: [api]")
	require.Len(t, file.Providers, len(mocks))
	for i, m := range mocks {
		p := file.Providers[i]
		assert.Equal(t, m, p.Name)
		assert.Equal(t, "http://"+m+":8081", p.BaseURL)
		assert.Equal(t, mockAccounts[m], p.Account)
		assert.Contains(t, c.Services[m].Command, p.Account)
	}
	for _, n := range nodes {
		assert.Contains(t, c.Services[n].Volumes, n+":/data", "its name is its alone, and the same after a restart")
		for _, q := range queue {
			assert.Contains(t, c.Services[n].Environment["DIALTONE_NATS"], "@"+q+":4222")
		}
	}
}

// Both mocks have faults, and not the same.
func TestMocksFailInDifferentWays(t *testing.T) {
	c := readComposition(t)
	var plans []mockdialer.FaultPlan
	for _, m := range mocks {
		file := "faults-" + strings.TrimPrefix(m, "mock-") + ".yaml"
		require.Contains(t, c.Services[m].Command, "/etc/dialtone/"+file)
		plan, err := mockdialer.ParseFaultPlan([]byte(read(t, "deploy/"+file)))
		require.NoError(t, err)
		require.NotEmpty(t, plan.Rates)
		plans = append(plans, plan)
	}
	for kind := range plans[0].Rates {
		require.NotContains(t, plans[1].Rates, kind)
	}
}

func TestDockerfileHolds(t *testing.T) {
	text := read(t, "Dockerfile")
	from := regexp.MustCompile(`(?m)^FROM (\S+)`)
	var images []string
	for _, m := range from.FindAllStringSubmatch(text, -1) {
		images = append(images, m[1])
	}
	require.Equal(t, []string{"golang:1.26-bookworm", "scratch", "base", "base"}, images)
	require.Regexp(t, `(?m)^go 1\.26`, read(t, "go.mod"), "the build's Go is the project's")
	for _, wanted := range []string{"CGO_ENABLED=0", "USER 65532:65532", "ca-certificates.crt", `CMD ["/dialtone", "health"]`, `CMD ["/mockdialer", "--health"]`} {
		require.Contains(t, text, wanted)
	}
}

// Every file that the programs are made of reaches the builder.
func TestDockerBuildHasItsFiles(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-json=Dir,Standard,GoFiles,EmbedFiles", "dialtone/cmd/dialtone", "dialtone/cmd/mockdialer").Output()
	require.NoError(t, err)
	top, err := filepath.Abs(root)
	require.NoError(t, err)
	ignored := strings.Fields(regexp.MustCompile(`(?m)^#.*$`).ReplaceAllString(read(t, ".dockerignore"), ""))
	require.NotEmpty(t, ignored)
	files := 0
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var p struct {
			Dir                 string
			GoFiles, EmbedFiles []string
		}
		require.NoError(t, d.Decode(&p))
		dir, ours := strings.CutPrefix(p.Dir, top+"/")
		if !ours {
			continue
		}
		for _, f := range slices.Concat(p.GoFiles, p.EmbedFiles) {
			files++
			assert.Empty(t, ignores(ignored, path.Join(dir, f)), "%s is needed", path.Join(dir, f))
		}
	}
	require.Greater(t, files, 100)
	for _, f := range []string{"go.mod", "go.sum"} {
		assert.Empty(t, ignores(ignored, f))
	}
	assert.NotEmpty(t, ignores(ignored, "api/api_test.go"))
	assert.NotEmpty(t, ignores(ignored, "actors/scheduler/testdata/x.txt"))
}

// ignores is the pattern that hides a file from the builder, as Docker reads it: a
// pattern without "**/" begins at the top, and a folder that fits hides what is in it.
func ignores(patterns []string, file string) string {
	parts := strings.Split(file, "/")
	for _, p := range patterns {
		inner, anywhere := strings.CutPrefix(p, "**/")
		for i := range parts {
			fits, _ := path.Match(inner, parts[i])
			if fits && (anywhere || i == 0) {
				return p
			}
		}
	}
	return ""
}
