# Two commands: `make run` serves the console, `make test` runs every check and test.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/pip --disable-pip-version-check --quiet
export FLASK_APP := console.app:create_app

.PHONY: run test check format clean browser mutants

run: .venv/run-ready
	@$(BIN)/python run.py

# Two cores: a third worker uses them while another waits. Of the many processes that tests start, only the first compiles.
test: export PYTHONDONTWRITEBYTECODE =
test: check
	$(BIN)/pytest -n 3

check: .venv/test-ready browser
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports

# Breaks the ledger on purpose, one bug at a time, and expects the tests to notice. Takes a while.
mutants: .venv/test-ready
	@$(BIN)/python -m bench.mutants

format: .venv/test-ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Plus One needs Python 3.11 or newer; this is " + sys.version.split()[0])'
	@echo "Making the virtual environment …"
	@$(PYTHON) -m venv .venv

.venv/run-ready: requirements.txt constraints.txt | .venv/bin/python
	@echo "Installing what the console needs (a few minutes the first time) …"
	@$(PIP) install -c constraints.txt -r requirements.txt
	@touch $@

.venv/test-ready: requirements.txt requirements-dev.txt constraints.txt | .venv/bin/python
	@echo "Installing what the tests need (a few minutes the first time) …"
	@$(PIP) install -c constraints.txt -r requirements-dev.txt
	@touch .venv/run-ready $@

# The browser tests use Debian's Chromium; without it, and without the means to install it, they are skipped.
browser:
	@if command -v chromium >/dev/null; then :; \
	elif command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	  echo "Installing Chromium for the browser tests …"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium fonts-dejavu-core >/dev/null; \
	else echo "No Chromium, and no root or apt to install it: the browser tests will be skipped."; fi

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
