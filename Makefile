# make run    builds everything and serves the page on http://localhost:8080
# make test   runs every test
# make soak   what takes longer: fuzzing, a large model again and again on a busy machine, a crowd of clients, crashing tabs (.ci/soak)
# make build  bin/tabseek, bin/tabseek-headless
# make server bin/tabseek alone, which needs no cgo
# make bench  speeds of kernels and of the default model on this machine
# make check  formatting, vet, staticcheck, types
# make gen    files that are generated and kept in the repository

export GOTOOLCHAIN := auto
export GOFLAGS := -buildvcs=false -trimpath
STATICCHECK := bin/staticcheck-v0.7.0
# Debian's own, which has Debian's torch, before others that a machine may have.
PYTHON := $(or $(wildcard /usr/bin/python3),python3)

# The model embeds what the page's build writes.
.NOTPARALLEL:
.PHONY: run test soak build server bench check gen deps wasm page model test-go test-web test-recipe browsers clean

run: build
	bin/tabseek serve

server: page model
	CGO_ENABLED=0 go build -ldflags='-s -w' -o bin/tabseek ./server

build: server
	go build -ldflags='-s -w' -o bin/tabseek-headless ./wasm/harness/tabseek-headless
	go run ./web/build -package # after the server, which embeds web/dist and has no use for it

wasm: deps
	@rm -f web/dist/engine*.wasm* # of the build before; the page's build names it by its content
	GOOS=wasip1 GOARCH=wasm go build -ldflags='-s -w' -buildmode=c-shared -o web/dist/engine.wasm ./wasm
	@rm -f web/dist/preflight*.json*
	go run ./wasm/preflight web/dist/preflight.json

page: wasm web/node_modules/.installed
	go run ./web/build
	cd web && node_modules/.bin/tsc -p tsconfig.types.json

model: deps
	@mkdir -p web/dist/models
	go run ./server pack testdata/pocket/hf web/dist/models/pocket --quant q8 --force

test: build check test-recipe test-go test-web

soak: build browsers
	.ci/soak

# What the targets before have built and installed; a test that misses one of these fails, where it would else be skipped
# with a word (engine/enginetest/need).
test-go: export TABSEEK_NEED := gpu page
test-go: build
	go test -race -skip '^TestSynth$$' ./engine/weights ./server/... # what has goroutines; a random model takes too long there
	go test -run '^TestSynth$$' ./server
	go test $$(go list ./... | grep -v -e /engine/weights$$ -e tabseek/server)

test-web: build browsers
	go run ./web/build -test
	cd web && node --test --test-concurrency=2 test/*.test.mjs # each waits much of its time

test-recipe: build
	@.ci/install python
	cd testdata/pocket && TABSEEK_NEED='torch page' $(PYTHON) -m unittest

bench: build
	go test -run '^$$' -bench . -benchtime 10x ./engine/gpu/nativegpu
	bin/tabseek-headless bench pocket --json

check: deps web/node_modules/.installed $(STATICCHECK)
	@unformatted=$$(find . -name '*.go' -not -path './web/node_modules/*' -exec gofmt -l {} +); [ -z "$$unformatted" ] || { echo "gofmt: $$unformatted"; exit 1; }
	go vet ./...
	GOOS=wasip1 GOARCH=wasm go vet ./wasm
	$(STATICCHECK) ./...
	cd web && node_modules/.bin/tsc -p .

# Kept by its version, so that a later run needs no network.
bin/staticcheck-%: | deps
	GOBIN=$(CURDIR)/bin go install honnef.co/go/tools/cmd/staticcheck@$*
	mv bin/staticcheck $@

gen:
	go generate ./...

# What a fresh Debian machine lacks. A machine that has the commands is left alone.
deps:
	@.ci/install go
	@.ci/install native
browsers:
	@.ci/install browsers

web/node_modules/.installed: web/package-lock.json
	@.ci/install node
	cd web && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

clean:
	rm -rf bin web/node_modules
	find web/dist -mindepth 1 ! -name .gitkeep -delete
