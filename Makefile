# `make help` lists the targets. Everything runs in .venv; the first target that needs it makes it.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TORCH := $(shell sed -n 's/^torch==/torch==/p' constraints.txt)
INSTALLED := $(VENV)/.installed-all
PARTS := bench,study,serving,dashboard,report,postgres,team,test
RUNTIME := $(VENV)/.installed-runtime
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: help demo bench gpu-proof proofs study dashboard report screenshots test test-all models-walk soak sbom \
  licences audit pins locked check format clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(RUNTIME) ## measure this machine, price what was measured, write a report
	$(BIN)/modelworth demo

bench: $(RUNTIME) ## measure this machine with the standard suite
	$(BIN)/modelworth bench --suite standard

gpu-proof: $(RUNTIME) ## prove the harness on this machine's GPU, within ten minutes
	$(BIN)/modelworth bench --suite gpu-proof --device cuda

proofs: $(RUNTIME) ## the same steps on the processor, with small models
	$(BIN)/modelworth bench --suite gpu-proof --device cpu --out out/gpu-proof

study: $(INSTALLED) ## measure the chain from text to trust: a quarter of an hour on two cores
	$(BIN)/modelworth study all --report docs/chain.md

dashboard: $(RUNTIME) ## open the dashboard on http://127.0.0.1:8501
	$(BIN)/modelworth dashboard

report: $(RUNTIME) ## the base scenario's documents, in the folder out
	$(BIN)/modelworth report data/scenarios/base.yaml --out out --formats html,pdf,xlsx,pptx,md

screenshots: $(INSTALLED) ## take the pictures of docs/screenshots again
	$(BIN)/python docs/screenshots/take.py

test: $(INSTALLED) ## the tests, without the slow ones
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadgroup -q -m "not slow" $(PYTEST_ARGS)

test-all: $(INSTALLED) ## every test
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadgroup -q $(PYTEST_ARGS)

models-walk: $(INSTALLED) ## build every type of transformers, an hour on two cores; makes docs/models.md
	OMP_NUM_THREADS=1 $(BIN)/python -m docs.model_walk

soak: $(INSTALLED) ## hostile inputs and sudden deaths for SOAK_MINUTES (10); makes docs/reliability.md
	$(BIN)/python -m tests.soak

sbom: $(RUNTIME) ## what users install, as a CycloneDX bill of materials, in the folder out
	@mkdir -p out
	$(BIN)/python .ci/supply.py sbom > out/sbom.json

licences: $(RUNTIME) ## what users install, with versions and licences
	@$(BIN)/python .ci/supply.py licences

audit: $(INSTALLED) ## packages without a release in two years, and vulnerabilities that PyPI knows of
	@$(BIN)/python .ci/supply.py ages
	@$(BIN)/python .ci/supply.py audit

pins: $(INSTALLED) ## .ci/hashes.txt anew from constraints.txt and PyPI
	$(BIN)/python .ci/supply.py pins

check: $(INSTALLED) ## style, types and the rules between rooms
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(INSTALLED) ## format the code and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## remove what was built; measurements (modelworth.db) are kept
	rm -rf $(VENV) build dist out *.egg-info .pytest_cache .hypothesis .ruff_cache .mypy_cache

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "modelworth needs Python 3.11 or later; set PYTHON=")'
	$(PYTHON) -m venv $(VENV)

# torch first and by its exact version, so that pip takes the build meant for this machine.
$(RUNTIME): pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing modelworth into $(VENV) (once; a minute or two)"
	$(PIP) $(TORCH)
	$(PIP) -e '.[bench,dashboard,report]'
	@touch $@

# What CI installs: each package by its hash but torch, whose build is the machine's own.
locked: $(VENV)/bin/python ## the whole installation, each package but torch checked by its hash
	$(PIP) --no-deps --require-hashes -r .ci/hashes.txt
	$(PIP) $(TORCH)
	$(PIP) --no-build-isolation -e '.[$(PARTS)]'
	@touch $(RUNTIME) $(INSTALLED)

$(INSTALLED): $(RUNTIME)
	@echo "Installing what the tests need"
	$(PIP) -e '.[$(PARTS)]'
	@touch $@
