# Every target makes its own virtual environment: python3 with venv and the package registries are
# all it needs. `image` needs buildah, podman or docker instead. Settings: PYTHON, WORKERS,
# DEMO_ARGS, TEST_ARGS, BENCH_ARGS, LOCK_ARGS, IMAGE, BUILDER.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The tests start hundreds of processes, and each would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
WORKERS ?=
DEMO_ARGS ?=
TEST_ARGS ?=
BENCH_ARGS ?=
LOCK_ARGS ?=
IMAGE ?= tidegate:$(shell sed -n 's/^version = "\(.*\)"$$/\1/p' pyproject.toml)
BUILDER ?= $(firstword $(notdir $(shell command -v buildah podman docker)))

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
LOCK := $(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	--no-emit-index-url --no-annotate --no-header --no-emit-package tidegate-embedded

# $(call stages,group): run the stages of a group; what they are stands in tests/stages.py.
stages = $(BIN)/python -m tests.stages $(1) $(if $(WORKERS),--workers $(WORKERS)) -- $(TEST_ARGS)

.PHONY: help demo check coverage searches embedded control-plane test proofs bench image release crds generated lock docs clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/.demo ## Watch a good release promoted and a bad one rolled back (DEMO_ARGS)
	@$(BIN)/tidegate demo $(DEMO_ARGS)

check: .venv/.dev ## Lint, types, import contracts and unit tests, in under two minutes
	@$(call stages,check)

coverage: .venv/.dev ## The unit tests, traced: they reach every branch of what is pure
	@$(call stages,coverage)

searches: .venv/.dev ## All seeds of searches by chance, of which the unit tests try the first
	@$(call stages,searches)

embedded: .venv/.dev ## Stories in the embedded world, delivery, and what is hard to survive
	@$(call stages,embedded)

control-plane: .venv/.dev ## Build a real control plane with Istio, once, and prove everything on it
	@$(call stages,control-plane)

test: .venv/.dev ## Everything: `check`, `coverage`, `searches`, `embedded`, `control-plane`; says where the time went
	@$(call stages,test)

proofs: .venv/.dev ## Prove what Flux, Argo CD, kstatus, Envoy Gateway, a Collector and Jaeger make of what tidegate writes, by their own code, what real stores answer, and a signature by OpenSSH
	@TIDEGATE_CONTROL_PLANE=1 $(BIN)/python -m pytest -q tests/proofs $(TEST_ARGS)
	@$(BIN)/python -m tests.testbed.build prometheus envoy-gateway
	@$(BIN)/python -m tests.testbed.modules
	@$(BIN)/python -m tests.testbed.namespace $(BIN)/python -m pytest -q tests/stories --world envoy-gateway $(TEST_ARGS)

bench: .venv/.dev ## Measure against the figures to reach (BENCH_ARGS)
	@$(BIN)/python -m tests.bench.run $(BENCH_ARGS)

image: ## Build the controller's image with buildah, podman or docker (IMAGE, BUILDER)
	@[ -n '$(BUILDER)' ] || { echo 'There is no buildah, podman or docker: install one of them, or name another tool with BUILDER=...' >&2; exit 1; }
	@echo 'Building $(IMAGE) with $(BUILDER)'
	@$(BUILDER) build --tag '$(IMAGE)' --file Dockerfile .

crds: .venv/.dev ## Write the CRDs from the typed models
	@$(BIN)/tidegate crds --write crds --write charts/tidegate/crds
	@$(BIN)/tidegate crds --hub --write deploy/hub

generated: crds ## Write what is made from models and tables: CRDs, rights, tables of the docs
	@$(BIN)/python -m pytest -q --update-golden tests/delivery/test_chart_files.py tests/delivery/test_argocd.py tests/docs/test_reference.py tests/docs/test_written.py tests/views/test_canary_view.py

lock: .venv/.dev ## Renew locks/*.txt, with hashes and without addresses (LOCK_ARGS=--upgrade)
	@$(LOCK) pyproject.toml --all-extras --group dev -o locks/dev.txt $(LOCK_ARGS)
	@$(LOCK) pyproject.toml --extra demo --group build -c locks/dev.txt -o locks/demo.txt
	@$(LOCK) pyproject.toml --extra aws --extra google --extra oidc --extra otel --extra records -c locks/dev.txt -o locks/runtime.txt
	@$(LOCK) --group build -c locks/dev.txt -o locks/build.txt
	@$(LOCK) --group browser -o locks/browser.txt $(LOCK_ARGS)
	@$(LOCK) --group go -o locks/go.txt $(LOCK_ARGS)
	@$(LOCK) --group sbom -o locks/sbom.txt $(LOCK_ARGS)
	@$(LOCK) --group pip-oldest -o locks/pip-oldest.txt
	@$(LOCK) --group pip-newest -o locks/pip-newest.txt $(LOCK_ARGS)

release: .venv/.dev .cache/sbom/.made ## Build the wheel, its source, and the list of what the image holds into dist/, the same each time
	@rm -rf dist
	@$(BIN)/python -m hatchling build -t sdist -t wheel -d dist
	@.cache/sbom/bin/python -W ignore -m cyclonedx_py requirements --pyproject pyproject.toml --output-reproducible -o dist/tidegate.cdx.json locks/runtime.txt
	@cd dist && sums=$$(sha256sum *) && tee SHA256SUMS <<< "$$sums"

docs: .venv/.dev ## Build the documentation's site into build/docs, and take no warning
	@$(BIN)/python -m sphinx -q -W --keep-going -b html docs build/docs
	@echo 'Open build/docs/index.html'

clean: ## Remove everything that was made here
	rm -rf .venv .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage .coverage.* build dist

# One environment, filled as far as the target needs: the locks agree with each other, so `demo`
# after `check` downloads nothing.
.venv/.demo: locks/demo.txt pyproject.toml embedded/pyproject.toml | .venv/.made
	@echo 'Installing what the demonstration needs into .venv'
	@$(PIP) install --require-hashes --no-deps -r locks/demo.txt
	@$(PIP) install --no-deps --no-build-isolation --editable ./embedded --editable .
	@touch $@

.venv/.dev: locks/dev.txt pyproject.toml embedded/pyproject.toml | .venv/.made
	@echo 'Installing what development needs into .venv'
	@$(PIP) install --require-hashes --no-deps -r locks/dev.txt
	@$(PIP) install --no-deps --no-build-isolation --editable ./embedded --editable .
	@touch $@

.cache/sbom/.made: locks/sbom.txt | .venv/.made
	@echo 'Installing what lists the packages of the image into .cache/sbom'
	@$(BIN)/python -m venv --clear .cache/sbom
	@.cache/sbom/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes --no-deps -r $<
	@touch $@

.venv/.made:
	@command -v $(PYTHON) >/dev/null || { echo 'There is no $(PYTHON): install Python 3.11, 3.12 or 3.13, or name one with PYTHON=...' >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || { echo "$$($(PYTHON) --version) is not supported: name Python 3.11, 3.12 or 3.13, as in: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo '$(PYTHON) cannot make virtual environments: its venv package is missing. On Debian and Ubuntu: apt-get install python3-venv' >&2; exit 1; }
	@$(PYTHON) -m venv --clear .venv
	@touch $@
