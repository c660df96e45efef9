# Everything a person types. Needs make and Python 3.11 or newer; the rest comes from the lock files.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
PYTHON := $(BIN)/python
PIP := $(PYTHON) -m pip --quiet --quiet --disable-pip-version-check
CODEGEN := PYTHONPATH=.:generated PYTHONDONTWRITEBYTECODE=1 $(PYTHON) -m tools.codegen

# What `buf breaking` compares with: a git revision. A revision that has no contracts yet has nothing to break.
BASE ?= HEAD
# How many tests run side by side.
JOBS ?= 2
# The results of both halves of `make test`.
REPORTS := build/test-services.xml build/test-shop.xml
# More arguments for pytest, such as ARGS="-k checkout".
ARGS ?=

.PHONY: help
help: ## Show the targets.
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

## Set up ------------------------------------------------------------------------------------------------------------

.PHONY: setup
setup: $(VENV)/.stamp-run ## Create the virtual environment that `bookstore` runs in.

.PHONY: setup-dev
setup-dev: $(VENV)/.stamp-dev ## Add what building, checking and testing need.

$(PYTHON):
	@python=""; \
	for candidate in python3.11 python3.12 python3.13 python3.14 python3 python; do \
	  if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$candidate; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "The bookstore needs Python 3.11 or newer, and none is on the PATH." >&2; exit 1; \
	fi; \
	echo "Creating $(VENV) with $$($$python --version)"; \
	"$$python" -m venv $(VENV) || { echo "That Python cannot create virtual environments: install its venv module." >&2; exit 1; }

$(VENV)/.stamp-run: requirements.lock | $(PYTHON)
	@echo "Installing the packages of requirements.lock"
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-build-isolation --no-deps --editable .
	@touch $@

$(VENV)/.stamp-dev: requirements-dev.lock $(VENV)/.stamp-run
	@echo "Installing the packages of requirements-dev.lock"
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

## Use ---------------------------------------------------------------------------------------------------------------

.PHONY: run
run: setup ## Start the whole bookstore: migrate, seed, every process, the edge.
	@$(BIN)/bookstore up

## Build and check ---------------------------------------------------------------------------------------------------

.PHONY: protos
protos: setup-dev ## Regenerate generated/ from protos/.
	@$(CODEGEN) write

.PHONY: check
check: format-check lint types contracts imports ## Everything that can be checked without running.

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
types: setup-dev
	@$(BIN)/mypy

.PHONY: contracts
contracts: setup-dev
	@$(CODEGEN) check
	@$(BIN)/buf lint
	@$(CODEGEN) breaking --base $(BASE)

.PHONY: imports
imports: setup-dev
	@PYTHONPATH=.:generated $(BIN)/lint-imports --no-logo

.PHONY: test
test: setup-dev ## Run all tests, the second half even when the first fails; JOBS=1 runs them one by one.
	@rm -f $(REPORTS); failed=0; \
	for half in test-services test-shop; do $(MAKE) $$half || failed=1; done; \
	$(PYTHON) tests/summary.py $(REPORTS); exit $$failed

.PHONY: test-services
test-services: setup-dev ## Run the tests that need no running shop; ARGS="-k word" selects.
	@$(BIN)/pytest --numprocesses $(JOBS) --ignore tests/e2e --junitxml build/$@.xml $(ARGS)

.PHONY: test-shop
test-shop: setup-dev ## Run the tests against the whole running shop; ARGS="-k word" selects.
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
	@find services tests generated -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
