# Two commands set everything up: `make demo` shows what taxoeval does, `make test` proves it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test slurm-test lint wheel-test clean

demo: $(VENV)/.installed  ## install, then evaluate the bundled encoder on the simulated clade, offline
	$(BIN)/python -m taxoeval

test: $(VENV)/.installed-dev  ## install what the tests need and run them
	$(BIN)/python -m pytest -n 2

slurm-test: $(VENV)/.installed-dev  ## sweeps on a one-node SLURM; skipped where its packages are not installed
	$(BIN)/python -m pytest tests/slurm -m slurm -rs

lint: $(VENV)/.installed-dev  ## style, types, imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

wheel-test: $(VENV)/.installed-dev  ## build the wheel, install it in a clean environment, run it there
	$(BIN)/python scripts/check_wheel.py

clean:
	rm -rf $(VENV) dist build outputs

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "taxoeval needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@
