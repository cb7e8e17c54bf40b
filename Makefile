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
# What tests take for the clouds' object stores.
export RESCUE_FAKE_GCS ?= $(abspath $(wildcard dist/fake-gcs-server))
export RESCUE_AZURITE  ?= $(abspath $(wildcard dist/azurite/node_modules/azurite/dist/src/blob/main.js))

.PHONY: all build test demo vet lint docs image e2e-images emulators e2e chaos bench clean

all: build

build: ## build bin/rescue and bin/rescue-vet
	$(GO) build -o $(BIN)/ ./cmd/rescue ./cmd/rescue-vet

test: ## run all tests that need no cluster
	@[ -n "$(RACE)" ] || echo "no C compiler (gcc): the tests run without the race detector"
	@[ -n "$(KOPIA)" ] || echo "no kopia program (make dist/kopia): tests that compare with it, or need a repository server, skip"
	@[ -n "$(RESCUE_FAKE_GCS)" ] && [ -n "$(RESCUE_AZURITE)" ] || echo "no emulators (make emulators): tests of Google's and Azure's object stores skip"
	RESCUE_KOPIA=$(KOPIA) $(GO) test -timeout 60m $(RACE) $(PACKAGES)

demo: build ## convert a legacy blueprint, back up, destroy, restore: no cluster needed
	examples/timelog/demo.sh

vet: ## gofmt, go vet, staticcheck, and the examples by the stock cue command, rescue vet and their own tests
	@out=$$(gofmt -l .); if [ -n "$$out" ]; then echo "gofmt would change:"; echo "$$out"; exit 1; fi
	$(GO) vet $(PACKAGES)
	$(GO) vet -tags e2e ./e2e/...
	$(GO) tool staticcheck $(PACKAGES)
	$(GO) tool cue vet -c=false ./examples/...
	$(GO) run ./cmd/rescue-vet vet --fail-on warning examples
	$(GO) run ./cmd/rescue-vet test examples

lint: vet

docs: ## write the generated pages again
	$(GO) generate ./schema

# What the packages of images ask for and programs in a container do without: perl, for
# wrappers and scripts that never run there, what busybox has, and what adds users.
WITHOUT := perl,perl-base,dpkg,mawk,sensible-utils,netbase,debianutils,base-files,debconf,adduser
WITHOUT := $(WITHOUT),usrmerge,init-system-helpers,postgresql-client-common
# A server runs without these, too: they compile queries, translate, and make
# certificates and clusters as services do.
WITHOUT_SERVICE := libllvm14,locales,ssl-cert,postgresql-common,openssl
POSTGRES := -links 'usr/lib/postgresql/*/bin/*'

# It has Debian packages. They come from the network once, and stay in dist/debs: on a
# machine without lists of packages, run apt-get update as root first.
image: dist/kopia ## make dist/rescue-tools.tar, the image for pods that move data
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags='-s -w' -o dist/rescue ./cmd/rescue
	$(GO) run ./cmd/internal/image -name $(IMAGE) -rescue dist/rescue -kopia dist/kopia -o dist/rescue-tools.tar \
		-packages bash,coreutils,libc-bin,postgresql-client,restic -without $(WITHOUT) $(POSTGRES)

e2e-images: dist/e2e-postgres.tar dist/e2e-redis.tar dist/e2e-etcd.tar dist/e2e-mariadb.tar dist/e2e-kopia.tar ## make the images that only the end-to-end tests use

# A PostgreSQL server. Its user is postgres, 999.
dist/e2e-postgres.tar: Makefile $(wildcard cmd/internal/image/*.go cmd/internal/ocipack/*.go)
	$(GO) run ./cmd/internal/image -name localhost/rescue-e2e-postgres:dev -o $@ -users postgres:999:/var/lib/postgresql \
		-packages postgresql,libc-bin,bash -without $(WITHOUT),$(WITHOUT_SERVICE) $(POSTGRES)

# The other servers of examples/.
dist/e2e-redis.tar: Makefile $(wildcard cmd/internal/image/*.go cmd/internal/ocipack/*.go)
	$(GO) run ./cmd/internal/image -name localhost/rescue-e2e-redis:dev -o $@ -users redis:999:/var/lib/redis \
		-packages redis-server,libc-bin,bash -without $(WITHOUT),$(WITHOUT_SERVICE)

dist/e2e-etcd.tar: Makefile $(wildcard cmd/internal/image/*.go cmd/internal/ocipack/*.go)
	$(GO) run ./cmd/internal/image -name localhost/rescue-e2e-etcd:dev -o $@ \
		-packages etcd-server,etcd-client,libc-bin,bash -without $(WITHOUT),$(WITHOUT_SERVICE)

dist/e2e-mariadb.tar: Makefile $(wildcard cmd/internal/image/*.go cmd/internal/ocipack/*.go)
	$(GO) run ./cmd/internal/image -name localhost/rescue-e2e-mariadb:dev -o $@ -users mysql:999:/var/lib/mysql \
		-packages mariadb-server-core,mariadb-client,libc-bin,bash -without $(WITHOUT),$(WITHOUT_SERVICE)

# What a container has that knows kopia and not Rescue.
dist/e2e-kopia.tar: dist/kopia Makefile $(wildcard cmd/internal/image/*.go cmd/internal/ocipack/*.go)
	$(GO) run ./cmd/internal/image -name localhost/rescue-e2e-kopia:dev -o $@ -kopia dist/kopia

# The kopia program, for repository servers. Its module is one of its own.
dist/kopia: deploy/repository-server/kopia/go.mod
	mkdir -p dist
	cd deploy/repository-server/kopia && CGO_ENABLED=0 $(GO) build -trimpath -ldflags='-s -w' -o ../../../dist/kopia github.com/kopia/kopia

emulators: dist/fake-gcs-server dist/azurite ## object stores of clouds for tests; Azurite needs npm

dist/fake-gcs-server: e2e/emulators/go.mod
	mkdir -p dist
	cd e2e/emulators && CGO_ENABLED=0 $(GO) build -trimpath -ldflags='-s -w' -o ../../dist/fake-gcs-server github.com/fsouza/fake-gcs-server

# Its optional parts are programs for other databases, which an emulator in memory lacks
# nothing without.
dist/azurite: e2e/emulators/package.json
	rm -rf dist/azurite.new dist/azurite
	mkdir -p dist/azurite.new
	cp e2e/emulators/package.json dist/azurite.new/
	npm install --prefix dist/azurite.new --no-audit --no-fund --no-package-lock --ignore-scripts --omit=optional --loglevel=error
	mv dist/azurite.new dist/azurite

# How many rounds a campaign has. A round is about three runs. With RESCUE_CORPUS, a folder
# of published blueprints, the local campaign takes some of those, too.
CHAOS_ROUNDS         ?= 400
CHAOS_CLUSTER_ROUNDS ?= 100

chaos: build ## kill runs at random moments, here and on the cluster of $$KUBECONFIG
	RESCUE_CHAOS_PROGRAM=$(abspath $(BIN)/rescue) RESCUE_CHAOS_ROUNDS=$(CHAOS_ROUNDS) \
		$(GO) test -count=1 -timeout 4h -parallel 4 -run TestLocal -v ./e2e/chaos
	@[ -n "$(KUBECONFIG)" ] || echo "no cluster (KUBECONFIG): its part of the campaign is left out"
	[ -z "$(KUBECONFIG)" ] || RESCUE_CHAOS_PROGRAM=$(abspath $(BIN)/rescue) RESCUE_CHAOS_CLUSTER_ROUNDS=$(CHAOS_CLUSTER_ROUNDS) \
		$(GO) test -tags e2e -count=1 -timeout 4h -parallel 4 -run TestCluster -v ./e2e/chaos

# The tests wait for the cluster most of their time.
e2e: ## run the end-to-end tests against the cluster of $$KUBECONFIG
	RESCUE_KOPIA=$(KOPIA) $(GO) test -tags e2e -count=1 -timeout 45m -parallel 6 -v ./e2e
	$(GO) test -tags e2e -count=1 -timeout 15m -v ./e2e/chaos

bench: ## the figures of docs/benchmarks.md
	$(GO) test -run '^$$' -bench . -benchtime 20x ./bench
	$(GO) test -run '^$$' -bench Bind -benchtime 5x ./interp
	$(GO) test -run '^$$' -bench . -benchtime 10x ./schema ./compat ./interp/vet ./cmd/internal/lsp

clean:
	rm -rf $(BIN) dist
