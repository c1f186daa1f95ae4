# `make demo` and `make test` set up everything they need below .venv; Python 3.11 or newer is all that must be there.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test lint bench soak fuzz lock clean

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is older than 3.11: name a newer one, as in make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "Setting up $(VENV), once: it takes a minute or two."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

demo: $(STAMP)
	$(BIN)/stormwatch demo $(if $(filter 0,$(SERVE)),--no-serve)

test: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist loadgroup

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench: $(STAMP)
	$(BIN)/python benchmarks/route.py
	$(BIN)/python benchmarks/rule_stage.py
	$(BIN)/python benchmarks/readers.py

# Not part of the tests: needs an environment of its own. FUZZ_TARGETS="rules stix" picks some.
FUZZ_SECONDS ?= 60
FUZZ := .venv-fuzz

$(FUZZ)/.installed: requirements.lock tests/fuzz/requirements.lock
	$(PYTHON) -m venv $(FUZZ)
	$(FUZZ)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(FUZZ)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r tests/fuzz/requirements.lock
	$(FUZZ)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

fuzz: $(FUZZ)/.installed
	$(FUZZ)/bin/python tests/fuzz/harness.py --seconds $(FUZZ_SECONDS) $(FUZZ_TARGETS)

soak: $(STAMP)
	$(BIN)/python benchmarks/route.py --events 1000000 --accounts 50000

# Hashes without addresses: an installer finds the files by name in whatever index it is set up with.
lock: $(STAMP)
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --group dev --extra postgresql -o requirements.lock pyproject.toml

clean:
	rm -rf $(VENV) $(FUZZ) build dist
