# Dialtone.  `make help` explains the targets; CI calls the same ones.

GO ?= go
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2

.PHONY: help build demo run test race lint drill integration bench measure plots clean

help: ## explain the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## (.*)/  \1\t\2/' | expand -t 14

build: ## build bin/dialtone and bin/mockdialer
	$(GO) build -o bin/ ./cmd/dialtone ./cmd/mockdialer

demo: build ## run a campaign of 1,000 numbers through the real parts, and show it
	./bin/dialtone demo

run: build ## run the service on 127.0.0.1:8080 with the mock provider
	./bin/dialtone serve

test: ## every test (PostgreSQL is used where its programs are)
	$(GO) test -timeout 30m ./...

race: ## every test under the race detector
	$(GO) test -race -timeout 30m ./...

lint: ## format, vet, staticcheck, and who may import whom
	@test -z "$$(gofmt -l .)" || { gofmt -l . ; echo "run gofmt -w on these" ; exit 1 ; }
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	$(GO) test -count=1 -run TestHouse ./e2e

DRILL_NUMBERS ?= 50000
DRILL_FAULTS ?= 100
DRILL_SEED ?= 1

drill: build ## break everything under load, for an hour, and judge by the providers' ledgers; docs/reliability.md
	DIALTONE_STORM=10000 $(GO) test -count=1 -v -run 'Drill' -skip Reliability -timeout 30m ./e2e
	DIALTONE_DRILL_NUMBERS=$(DRILL_NUMBERS) DIALTONE_DRILL_FAULTS=$(DRILL_FAULTS) DIALTONE_DRILL_SEED=$(DRILL_SEED) \
		$(GO) test -count=1 -v -run 'DrillReliability' -timeout 3h ./e2e

integration: ## the cluster of docker-compose.yml: bring it up, make its parts fail, judge, take it down
	@GO=$(GO) ./e2e/integration/run

bench: build ## 100,000 calls through the whole service, on SQLite and PostgreSQL
	./bin/dialtone bench

measure: ## what is a question of milliseconds: how fast a freed slot is used; wants a quiet machine
	DIALTONE_MEASURE=1 $(GO) test -count=1 -v -run 'Measure' -timeout 10m ./e2e

plots: ## run the commands of docs/fairness.md, and put their tables and plots there
	$(GO) test -count=1 -run TestFairnessPage ./cmd/dialtone -update

clean: ## remove what was built
	rm -rf bin
