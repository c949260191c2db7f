package main

import (
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// given lists the flags that were given, on the command line or in the environment, in
// the order of their declaration.
func given(parsed *kong.Context) (names []string) {
	for _, f := range parsed.Flags() {
		typed := slices.ContainsFunc(parsed.Path, func(p *kong.Path) bool { return p.Flag == f })
		inherited := slices.ContainsFunc(f.Envs, func(name string) bool { _, set := os.LookupEnv(name); return set })
		if typed || inherited {
			names = append(names, f.Name)
		}
	}
	return names
}

// ignored are those flags given that a providers file leaves without effect: they say
// how the mock provider is, which is not there then, and where it calls back.
func (s *serve) ignored(given []string) (flags []string) {
	if s.Providers == "" {
		return nil
	}
	for _, name := range given {
		if strings.HasPrefix(name, "mock-") || name == "callback-base-url" {
			flags = append(flags, "--"+name)
		}
	}
	return flags
}

func (s *serve) warnOfIgnored(parsed *kong.Context, log *slog.Logger) {
	if flags := s.ignored(given(parsed)); len(flags) > 0 {
		log.Warn("these flags are about the mock provider and have no effect beside --providers: take them out; callback_base_url stands in the file",
			"flags", strings.Join(flags, " "), "file", s.Providers)
	}
}
