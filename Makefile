# Every target makes its own virtual environment: python3 with venv and the package registries are
# all it needs. Settings: PYTHON, WORKERS, DEMO_ARGS, TEST_ARGS, BENCH_ARGS, LOCK_ARGS.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
WORKERS ?= auto
DEMO_ARGS ?=
TEST_ARGS ?=
BENCH_ARGS ?=
LOCK_ARGS ?=

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
SLOW := story or delivery
# Needs the programs of a real control plane, which take long to build.
APART := control_plane
# Kills and storms: mostly waiting, so two at a time.
HARD := tests/hard
# Everything that the control plane's tests need from Go modules and packages; what is needed first,
# first.
BUILD := $(BIN)/python -m tests.delivery.helm && $(BIN)/python -m tests.testbed.build && \
	$(BIN)/python -m tests.testbed.modules
# Pods have addresses of a network of their own, which leads nowhere else: build outside of it.
IN_NETWORK := $(BIN)/python -m tests.testbed.namespace $(BIN)/python -m
# What decides, renders and judges is covered to the last branch.
PURE := canary/core/*,canary/api/*,canary/resources/*,canary/routers/*,analysis/judges/*
LOCK := $(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	--no-emit-index-url --no-annotate --no-header

comma := ,

# Where each stage writes how long it took.
TIMES := .venv/.times

# $(call stage,what,command): run one command and say how long it took.
define stage
@printf '\n== %s\n' '$(1)'; SECONDS=0; { $(2); } || { printf '== %s: failed\n' '$(1)' >&2; exit 1; }; \
	printf '== %s: %d s\n' '$(1)' $$SECONDS | tee -a $(TIMES)
endef

.PHONY: help demo check embedded control-plane test bench crds lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/.demo ## Watch a good release promoted and a bad one rolled back (DEMO_ARGS)
	@$(BIN)/tidegate demo $(DEMO_ARGS)

check: .venv/.dev ## Lint, types, import contracts and unit tests, in under two minutes
	$(call stage,lint,$(BIN)/ruff check . && $(BIN)/ruff format --check .)
	$(call stage,types,$(BIN)/mypy)
	$(call stage,import contracts,$(BIN)/lint-imports --no-cache --no-logo)
	$(call stage,unit tests,$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m 'not ($(SLOW) or $(APART))' --durations=10 --cov --cov-report= $(TEST_ARGS))
	$(call stage,coverage of what is pure,$(BIN)/coverage report --include='$(PURE)' --fail-under=100)

embedded: .venv/.dev ## Stories in the embedded world, delivery, and what is hard to survive
	$(call stage,stories and delivery,$(BIN)/python -m pytest -m '($(SLOW)) and not $(APART)' --ignore $(HARD) --durations=25 $(TEST_ARGS))
	$(call stage,crashes$(comma) faults and replicas,$(BIN)/python -m pytest -n 2 --dist worksteal $(HARD) --durations=10 $(TEST_ARGS))

control-plane: .venv/.dev ## Build a real control plane with Istio, once, and prove everything on it
	@$(BIN)/python -m tests.testbed.namespace true
	$(call stage,build,$(BUILD))
	$(call stage,CRDs$(comma) objects$(comma) pods$(comma) gateway and chart,$(IN_NETWORK) pytest -m '$(APART)' tests/testbed tests/delivery --durations=10 $(TEST_ARGS))
	$(call stage,conformance,$(BIN)/python -m tests.testbed.control_plane $(BIN)/python -m pytest tests/conformance $(TEST_ARGS))
	$(call stage,stories on the control plane,$(IN_NETWORK) pytest tests/stories --ignore tests/stories/test_demo.py --world control-plane --durations=10 $(TEST_ARGS))
	$(call stage,crashes$(comma) faults and replicas on the control plane,$(IN_NETWORK) pytest -n 2 --dist worksteal $(HARD) --world control-plane --durations=10 $(TEST_ARGS))

test: .venv/.dev ## Everything: `check`, `embedded`, `control-plane`; ends with where the time went
	@$(BIN)/python -m tests.testbed.namespace true
	@rm -f $(TIMES)
	@$(MAKE) --no-print-directory check
	@# Stories mostly wait: what they leave of the machine builds the control plane meanwhile.
	@mkdir -p .cache; set -m; nice -n 19 bash -c '$(BUILD)' >.cache/build.log 2>&1 & building=$$!; \
	set +m; trap 'kill -- -$$building 2>/dev/null || true' EXIT; \
	$(MAKE) --no-print-directory embedded; \
	$(MAKE) --no-print-directory control-plane
	@printf '\nWhere the time went\n'; cat $(TIMES)

bench: .venv/.dev ## Measure against the figures to reach (BENCH_ARGS)
	@$(BIN)/python -m tests.bench.run $(BENCH_ARGS)

crds: .venv/.dev ## Write the CRDs from the typed models
	@$(BIN)/tidegate crds --write crds --write charts/tidegate/crds

lock: .venv/.dev ## Renew requirements/*.txt, with hashes and without addresses (LOCK_ARGS=--upgrade)
	@$(LOCK) pyproject.toml --all-extras --group dev -o requirements/dev.txt $(LOCK_ARGS)
	@$(LOCK) pyproject.toml --extra demo --group build -c requirements/dev.txt -o requirements/demo.txt
	@$(LOCK) pyproject.toml -c requirements/dev.txt -o requirements/runtime.txt
	@$(LOCK) --group build -c requirements/dev.txt -o requirements/build.txt
	@$(LOCK) --group go -o requirements/go.txt $(LOCK_ARGS)

clean: ## Remove everything that was made here
	rm -rf .venv .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage .coverage.* build dist

# One environment, filled as far as the target needs: the locks agree with each other, so `demo`
# after `check` downloads nothing.
.venv/.demo: requirements/demo.txt pyproject.toml | .venv/.made
	@echo 'Installing what the demonstration needs into .venv'
	@$(PIP) install --require-hashes --no-deps -r requirements/demo.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.dev: requirements/dev.txt pyproject.toml | .venv/.made
	@echo 'Installing what development needs into .venv'
	@$(PIP) install --require-hashes --no-deps -r requirements/dev.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.made:
	@command -v $(PYTHON) >/dev/null || { echo 'There is no $(PYTHON): install Python 3.11, 3.12 or 3.13, or name one with PYTHON=...' >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || { echo "$$($(PYTHON) --version) is not supported: name Python 3.11, 3.12 or 3.13, as in: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo '$(PYTHON) cannot make virtual environments: its venv package is missing. On Debian and Ubuntu: apt-get install python3-venv' >&2; exit 1; }
	@$(PYTHON) -m venv --clear .venv
	@touch $@
