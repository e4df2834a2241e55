# Everything runs in .venv, which the first target that needs it builds from the hashed lock file.
PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help install demo test test-slow test-faults bench docs site dist lint lock

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: .venv/installed  ## build .venv: locked dependencies and this package, editable

.venv/installed: requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

demo: install  ## train the demo ablation; write its table, figures and page
	$(BIN)/python scripts/train.py +ablation=demo

test: install  ## run the test suite, about 15 minutes on 2 cores
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow and not faults"

test-slow: install  ## run the slow tests
	$(BIN)/python -m pytest -m slow

test-faults: install  ## run sweeps through kills, power cuts, full disks, lost leases; print what was survived, about 10 minutes
	DROPGRID_FAULTS=$(or $(FAULTS),outputs/faults.json) $(BIN)/python -m pytest -m "faults or survives"

bench: install  ## run the quick benchmarks and compare with the committed ratios, under 5 minutes
	$(BIN)/python benchmarks/quick.py

lint: install  ## run ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: install  ## write docs/methods and docs/ablations (not committed), under a minute
	$(BIN)/python docs/methods.py

site: docs  ## build the site of docs/ in build/site; warnings are errors
	$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going --jobs auto --conf-dir docs/site . build/site

dist: install  ## build and check wheel and source archive in dist/ (needs build and twine)
	$(BIN)/python -m build
	$(BIN)/python -m twine check --strict dist/*

lock:  ## rewrite requirements.lock (needs uv)
	uv pip compile --universal --python-version 3.11 --no-header --generate-hashes --no-emit-index-url \
		--extra dev --extra docs --extra tensorboard --extra dashboard pyproject.toml --output-file requirements.lock
