# Everything runs in .venv, which the first target that needs it builds from the hashed lock file.
PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help install demo test test-slow test-faults bench docs site dist lint lock

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: .venv/installed  ## build .venv: the locked dependencies and this package, editable

.venv/installed: requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

demo: install  ## the main job: train the demo ablation, show its table, figure and page
	$(BIN)/python scripts/train.py +ablation=demo

test: install  ## the test suite, under 10 minutes on 2 cores
	$(BIN)/python -m pytest -n 2 -m "not slow and not faults"

test-slow: install  ## the slow suites
	$(BIN)/python -m pytest -m slow

test-faults: install  ## a sweep through a hundred kills, a full disk and damaged checkpoints: about 8 minutes
	DROPGRID_FAULTS=$(or $(FAULTS),outputs/faults.json) $(BIN)/python -m pytest -m faults

bench: install  ## the quick benchmarks, compared with the committed ratios: under 5 minutes
	$(BIN)/python benchmarks/quick.py

lint: install  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: install  ## docs/methods and docs/ablations, not committed: a page for each method, axis and ablation, under a minute
	$(BIN)/python docs/methods.py

site: docs  ## the site in build/site, of docs/ and what `make docs` writes; a warning is an error
	$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going --jobs auto --conf-dir docs/site . build/site

dist: install  ## the wheel and the source archive in dist/, checked (needs build and twine)
	$(BIN)/python -m build
	$(BIN)/python -m twine check --strict dist/*

lock:  ## write requirements.lock anew (needs uv)
	uv pip compile --universal --python-version 3.11 --no-header --generate-hashes --no-emit-index-url \
		--extra dev --extra docs --extra tensorboard --extra dashboard pyproject.toml --output-file requirements.lock
