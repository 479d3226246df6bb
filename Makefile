# make run: the whole system on this machine.   make test: every check and test.   make help: the rest.

PY ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9

.DEFAULT_GOAL := help
.PHONY: help install run stop test test-fast lint format advance manage chaos chaos-whole chaos-quick bench bench-quick lock clean

help: ## Show what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

$(BIN)/python:
	@$(PY) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PY=python3.12 run" if sys.version_info < (3, 11) else 0)'
	@$(PY) -m venv $(VENV) || { echo "No virtual environment could be made. On Debian or Ubuntu: apt-get install python3-venv"; rm -rf $(VENV); exit 1; }

# uv is fast; pip is the way out when uv cannot reach the registry.
define install_from
	@echo "Installing $(1) into $(VENV)"
	@{ $(BIN)/python -m pip install -q --disable-pip-version-check uv==$(UV_VERSION) \
	   && $(BIN)/uv pip install -q --system-certs --only-binary :all: --python $(BIN)/python -r $(1); } \
	 || $(BIN)/python -m pip install -q --disable-pip-version-check --only-binary :all: -r $(1)
	@touch $@
endef

$(VENV)/.local: requirements-local.txt requirements.txt | $(BIN)/python
	$(call install_from,requirements-local.txt)

$(VENV)/.dev: requirements-dev.txt requirements-local.txt requirements.txt | $(BIN)/python
	$(call install_from,requirements-dev.txt)
	@touch $(VENV)/.local

install: $(VENV)/.local ## Install what runs the system into .venv

run: $(VENV)/.local ## Run everything here: PORT=8000 FLOWER_PORT=5555, and any setting of docs/settings.md
	@exec $(BIN)/python -m dev run

stop: ## Stop what `make run` started
	@$(BIN)/python -m dev stop

test: lint ## Run every check and every test
	@exec $(BIN)/python -m dev test

test-fast: $(VENV)/.dev ## Run what answers within a minute: units, contracts, patterns, journeys
	@exec $(BIN)/python -m dev test -q -n 2 -m "not stack and not browser and not slow" \
	  tests/unit tests/contract tests/patterns tests/journeys

lint: $(VENV)/.dev ## Check style, types, layers and migrations
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	DJANGO_SETTINGS_MODULE=tests.settings $(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m dev exec manage.py makemigrations --check --dry-run

format: $(VENV)/.dev ## Put code into the house style
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format --quiet .

advance: $(VENV)/.local ## Move the demo's clock, with everything in between carried out: make advance BY=30d
	@$(BIN)/python -m dev exec $(BIN)/python manage.py clock advance "$(or $(BY),1d)"

manage: $(VENV)/.local ## Run a command of manage.py on the running system: make manage DO="doctor"
	@$(BIN)/python -m dev exec $(BIN)/python manage.py $(DO)

chaos: $(VENV)/.dev ## Do to the running stack whatever can happen to it, then judge it, in ten minutes: SEED=7
	@exec $(BIN)/python -m tests.chaos.live $(if $(SEED),--seed $(SEED)) $(if $(MINUTES),--minutes $(MINUTES))

chaos-whole: $(VENV)/.dev ## Have processes die at every hit of every point, and every race run long
	@CHAOS_FORM=whole exec $(BIN)/python -m dev test -q tests/chaos tests/integration/engine/test_races.py \
	  --ignore tests/chaos/test_live_quick.py

chaos-quick: $(VENV)/.dev ## Run its short form, which is part of `make test`: crash points, faults, and what each defence is for
	@exec $(BIN)/python -m dev test -q tests/chaos/test_live_quick.py tests/chaos/test_crash_points.py \
	  tests/chaos/test_mutations.py

bench: $(VENV)/.dev ## Measure everything beside a yardstick, in eight minutes: QUESTION=latency for one of them
	@exec $(BIN)/python -m dev exec $(BIN)/python -m bench $(QUESTION)

bench-quick: $(VENV)/.dev ## Measure the core in about a minute: rate, latency, priority
	@exec $(BIN)/python -m dev exec $(BIN)/python -m bench --quick

lock: $(VENV)/.dev ## Compile the requirements again after a change of an .in file
	for name in requirements requirements-local requirements-dev requirements-bench; do \
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	    --no-emit-index-url --system-certs $$name.in -o $$name.txt || exit 1; done

clean: ## Remove the local data, logs and keys; the virtual environment stays
	@$(BIN)/python -m dev clean
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
