# Everything that this project does, by name. Each target installs and builds
# what it needs, keeps it for the next time, and says what is missing if it cannot.
SHELL := /bin/bash
.DEFAULT_GOAL := help
export CGO_ENABLED := 0

# Builds a program, with progress, unless it is kept from an earlier time, and prints NAME=PATH.
program = go run ./test/programs/build

.PHONY: help
help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## Bring everything up and take a change from push to proven live (ONESHOT=1 ends there)
	@path=$$($(program) demo) && "$${path#*=}" $(if $(ONESHOT),--oneshot)

.PHONY: build
build: ## Build watchbill into build/
	@mkdir -p build && path=$$($(program) watchbill) && cp "$${path#*=}" build/watchbill && echo build/watchbill

.PHONY: test
test: ## Run the tests, against real Prometheus, Alertmanager and API server
	@path=$$($(program) unit) && "$${path#*=}"

.PHONY: e2e
e2e: ## Run the end-to-end and fault tests on a local cluster
	@path=$$($(program) e2e) && "$${path#*=}"

.PHONY: bench
bench: ## Measure merge to live and 100,000 rules; writes build/bench.json
	@path=$$($(program) bench) && "$${path#*=}"

.PHONY: lint
lint: ## Run the linters
	@path=$$($(program) golangci-lint) && "$${path#*=}" run ./...

.PHONY: golden
golden: ## Write golden files, schemas and generated docs anew
	@go test ./cmd/watchbill ./repo-layout ./render ./validate ./validate/report ./reconcile -update

.PHONY: cluster
cluster: ## Start the local cluster and print its kubeconfig's path
	@path=$$($(program) cluster) && "$${path#*=}" up

.PHONY: cluster-down
cluster-down: ## Remove the local cluster without a trace
	@path=$$($(program) cluster) && "$${path#*=}" down

.PHONY: clean
clean: ## Remove what was built here; the cache of programs stays
	@rm -rf build
