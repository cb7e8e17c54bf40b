# What this needs: Go (the version in go.mod or newer), and Linux for the sandboxes of
# the embedded runtime. With gcc the tests also look for data races. Everything else
# comes with the Go module.

GO       ?= go
BIN      := bin
PACKAGES := ./...
# The race detector needs a C compiler.
RACE     := $(if $(shell command -v gcc),-race)
# The stock kopia program, with which tests open what Rescue has written.
KOPIA    ?= $(or $(RESCUE_KOPIA),$(abspath $(wildcard dist/kopia)),$(shell command -v kopia))
IMAGE    ?= localhost/rescue-tools:dev

.PHONY: all build test demo vet lint docs image e2e bench clean

all: build

build: ## build bin/rescue and bin/rescue-vet
	$(GO) build -o $(BIN)/ ./cmd/rescue ./cmd/rescue-vet

test: ## run all tests that need no cluster
	@[ -n "$(RACE)" ] || echo "no C compiler (gcc): the tests run without the race detector"
	@[ -n "$(KOPIA)" ] || echo "no kopia program (make dist/kopia): tests that compare with it, or need a repository server, skip"
	RESCUE_KOPIA=$(KOPIA) $(GO) test $(RACE) $(PACKAGES)

demo: build ## convert a legacy blueprint, back up, destroy, restore: no cluster needed
	examples/timelog/demo.sh

vet: ## gofmt, go vet, staticcheck and the stock cue command over the examples
	@out=$$(gofmt -l .); if [ -n "$$out" ]; then echo "gofmt would change:"; echo "$$out"; exit 1; fi
	$(GO) vet $(PACKAGES)
	$(GO) vet -tags e2e ./e2e/...
	$(GO) tool staticcheck $(PACKAGES)
	$(GO) tool cue vet -c=false ./examples/...

lint: vet

docs: ## write the generated pages again
	$(GO) generate ./schema

image: dist/kopia ## make dist/rescue-tools.tar, the image for pods that move data
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags='-s -w' -o dist/rescue ./cmd/rescue
	$(GO) run ./cmd/internal/image -name $(IMAGE) -rescue dist/rescue -kopia dist/kopia -o dist/rescue-tools.tar

# The kopia program, for repository servers. Its module is one of its own.
dist/kopia: deploy/repository-server/kopia/go.mod
	mkdir -p dist
	cd deploy/repository-server/kopia && CGO_ENABLED=0 $(GO) build -trimpath -ldflags='-s -w' -o ../../../dist/kopia github.com/kopia/kopia

# The tests wait for the cluster most of their time.
e2e: ## run the end-to-end tests against the cluster of $$KUBECONFIG
	$(GO) test -tags e2e -count=1 -timeout 45m -parallel 6 -v ./e2e

bench: ## the figures of docs/benchmarks.md
	$(GO) test -run '^$$' -bench . -benchtime 20x ./bench
	$(GO) test -run '^$$' -bench Bind -benchtime 5x ./interp
	$(GO) test -run '^$$' -bench . -benchtime 10x ./schema ./compat ./interp/vet

clean:
	rm -rf $(BIN) dist
