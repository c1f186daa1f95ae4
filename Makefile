# `make demo` and `make test` set up everything they need below .venv; Python 3.11 or newer is all that must be there.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# The real LiteLLM, 750 MB with what it needs, apart from ours: only tests and benchmarks talk to it, over HTTP.
GATEWAYS := .venv-gateways
GATEWAYS_LOCK := tests/gateways/requirements-litellm.lock

.PHONY: demo test gateways test-gateways lint bench bench-gateways soak fuzz lock clean

# A peer of the rule benchmark, apart from ours.
NOVA := .venv-nova
# And one of the linking benchmark.
SPLINK := .venv-splink

# The lock names everything, so nothing is resolved: pip would look for `pydantic[email]` beside `pydantic` and find no hash.
$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is older than 3.11: name a newer one, as in make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "Setting up $(VENV), once: it takes a minute or two."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

demo: $(STAMP)
	$(BIN)/stormwatch demo $(if $(filter 0,$(SERVE)),--no-serve)

test: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist loadgroup

gateways: $(GATEWAYS)/.installed

$(GATEWAYS)/.installed: $(GATEWAYS_LOCK)
	@echo "Setting up $(GATEWAYS), once: it takes a few minutes."
	$(PYTHON) -m venv --clear $(GATEWAYS)
	$(GATEWAYS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(GATEWAYS_LOCK)
	touch $@

test-gateways: $(STAMP) $(GATEWAYS)/.installed
	$(BIN)/python -m pytest -m litellm tests/gateways

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench: $(STAMP)
	$(BIN)/python benchmarks/route.py
	test -x $(NOVA)/bin/python || $(PYTHON) -m venv $(NOVA)
	$(NOVA)/bin/python -m pip install --quiet --disable-pip-version-check nova-hunting==0.3.1
	$(BIN)/python benchmarks/rule_stage.py --nova $(NOVA)/bin/python
	$(BIN)/python benchmarks/evasions.py
	$(BIN)/python benchmarks/readers.py
	$(BIN)/python benchmarks/otlp_http.py
	$(BIN)/python benchmarks/post_to_alert.py
	$(BIN)/python benchmarks/retro_hunt.py
	$(BIN)/python benchmarks/intel_import.py
	$(BIN)/python benchmarks/monitor_stage.py
	$(BIN)/python benchmarks/console_pages.py
	$(BIN)/python benchmarks/console_analysts.py
	test -x $(SPLINK)/bin/python || $(PYTHON) -m venv $(SPLINK)
	$(SPLINK)/bin/python -m pip install --quiet --disable-pip-version-check splink==5.0.0 pyarrow
	$(BIN)/python benchmarks/linking_peers.py --splink $(SPLINK)/bin/python
	$(BIN)/python benchmarks/decision_endpoint.py --accounts 200000 --seconds 10 --during-hunt --events 20000

bench-gateways: $(STAMP) $(GATEWAYS)/.installed
	$(BIN)/python benchmarks/litellm_hook.py

# Not part of the tests: needs an environment of its own. FUZZ_TARGETS="rules stix" picks some.
FUZZ_SECONDS ?= 60
FUZZ := .venv-fuzz

$(FUZZ)/.installed: requirements.lock tests/fuzz/requirements.lock
	$(PYTHON) -m venv $(FUZZ)
	$(FUZZ)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(FUZZ)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r tests/fuzz/requirements.lock
	$(FUZZ)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

fuzz: $(FUZZ)/.installed
	$(FUZZ)/bin/python tests/fuzz/harness.py --seconds $(FUZZ_SECONDS) $(FUZZ_TARGETS)

soak: $(STAMP)
	$(BIN)/python benchmarks/route.py --events 1000000 --accounts 50000
	$(BIN)/python benchmarks/post_to_alert.py --minutes 5
	$(BIN)/python benchmarks/decision_endpoint.py --during-hunt

# Hashes without addresses: an installer finds the files by name in whatever index it is set up with.
lock: $(STAMP)
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --group dev --extra postgresql -o requirements.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header -o $(GATEWAYS_LOCK) $(GATEWAYS_LOCK:.lock=.in)

clean:
	rm -rf $(VENV) $(GATEWAYS) $(FUZZ) $(NOVA) $(SPLINK) build dist
