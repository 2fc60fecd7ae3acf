# The commands a person must know. Nothing is installed outside .venv, and nothing needs root,
# Docker, a running database or a variable. ARGS goes to the program: make run ARGS=--no-demo

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
ARGS ?=
# Examples schemathesis and the body mutations try on each operation.
FUZZ_EXAMPLES ?= 200
UV_VERSION := 0.13.8

VENV := .venv
BIN := $(VENV)/bin
# Stamps of what is installed, so that a second call does nothing.
UV := $(BIN)/uv
RUNTIME := $(VENV)/.runtime-installed
DEV := $(VENV)/.dev-installed
SCHEMA := tests/contract/openapi.yaml
COMPILE := $(UV) pip compile -q --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate pyproject.toml

.PHONY: help setup run test lint schema bench fuzz chaos screenshots lock released
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

help: ## list the commands
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 13

setup: $(RUNTIME) ## install what the service needs

run: setup ## start everything: database, demo, web server, worker
	@exec $(BIN)/python manage.py quickstart $(ARGS)

# Plugins of packages that `make fuzz` and others bring: a second each at every start.
UNUSED := -p no:schemathesis -p no:faker
# Compiled files are kept, also where the environment says otherwise: tests start many processes.
test fuzz: export PYTHONDONTWRITEBYTECODE :=
test: $(DEV) ## the suite, on the embedded Postgres (ARGS=-mslow for browsers and crashes)
	$(BIN)/python -m pytest -n 2 --dist loadfile --ignore=tests/fuzz $(UNUSED) $(ARGS)

lint: $(DEV) ## style, types, import directions, JavaScript, missing migrations, a stale schema
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/oxlint --deny-warnings
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py spectacular --validate --fail-on-warn --file $(VENV)/openapi.yaml
	diff -u $(SCHEMA) $(VENV)/openapi.yaml || { echo 'Run: make schema' >&2; exit 1; }

schema: $(DEV) ## refresh the committed OpenAPI document
	$(BIN)/python manage.py spectacular --validate --fail-on-warn --file $(SCHEMA)

bench: $(DEV) ## measure against a bare server that runs the same SQL
	$(BIN)/python -m benchmarks $(ARGS)

fuzz: $(DEV) ## new mutated bodies, requests and properties: never a 5xx (FUZZ_EXAMPLES=200)
	FUZZ_EXAMPLES=$(FUZZ_EXAMPLES) $(BIN)/python -m pytest tests/fuzz -m "" \
		--hypothesis-profile=default $(ARGS)
	$(BIN)/python -m pytest -n 2 --ignore=tests/fuzz -m hypothesis \
		--hypothesis-profile=default $(ARGS)

chaos: $(DEV) ## kill processes of a working service, and count what is left (ARGS="--kills 20")
	$(BIN)/python -m tests.house.chaos $(ARGS)

screenshots: $(DEV) ## take the README's pictures of the desk (ARGS=prediction for one)
	$(BIN)/python -m tests.browser.readme_pictures $(ARGS)

lock: $(UV) ## pin what pyproject.toml asks for (ARGS=--upgrade for newer versions)
	$(COMPILE) -o requirements.lock $(ARGS)
	$(COMPILE) --group dev -o requirements-dev.lock $(ARGS)

released: ## write down the hashes of a release's migrations, which never change again
	git ls-files '*/migrations/0*.py' | xargs sha256sum > tests/house/released_migrations.txt

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' \
		|| { echo 'Python 3.11 or 3.12 is needed: make setup PYTHON=/path/to/python3.11' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null \
		|| { echo 'This Python cannot make virtual environments: apt-get install python3-venv' >&2; exit 1; }
	@echo 'Making .venv, and installing uv in it.'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

# Compiled here and once: every process that starts would do it again where Python may not write
# beside its modules, and the first start would wait for it anywhere.
INSTALL := $(UV) pip install --compile-bytecode --python $(BIN)/python --require-hashes -r

$(RUNTIME): requirements.lock | $(UV)
	@echo 'Installing what the service needs: a minute or two.'
	$(INSTALL) $<
	@touch $@

$(DEV): requirements-dev.lock | $(UV)
	@echo 'Installing what tests and checks need.'
	$(INSTALL) $<
	@touch $@
