# Everything happens in .venv, made from the hash-locked requirements with nothing but python3 and make.
# A file in .venv marks what stands, so a second run starts at once.
BIN := .venv/bin
RUN := .venv/.ready
DEV := .venv/.ready-dev
.DEFAULT_GOAL := help
CLIENTS := .venv-clients/.ready
# Files of tests over the cores. Those that want the machine for themselves (tests/conftest.py) come after, one by one.
SPREAD := -n auto --maxprocesses 4 --dist loadfile
.PHONY: help run demo test proofs clients lint lock \
	bench bench-quick bench-durability bench-gate bench-curve bench-ledger bench-data bench-reading bench-pages

help:
	@echo "make run     start Starscoo: with the sandbox (make demo) until a provider key is set"
	@echo "make demo    start it with a sandbox upstream, four accounts and 200,000 requests"
	@echo "make test    run all tests; ARGS='tests/api -k stream' runs some"
	@echo "make proofs  prove accounting and limits in their long form: hours; ARGS='--seed 5 -k kill' repeats some"
	@echo "make bench-pages  print how long pages take to paint and to answer, cold and warm"
	@echo "make clients run everybody's client libraries against a server (make test runs the official ones)"
	@echo "make lint    ruff check, ruff format --check, mypy"
	@echo "make bench   measure it against nginx, LiteLLM and Portkey; bench-quick without those two, in two minutes"
	@echo "make bench-durability, bench-curve, bench-gate: what the ledger costs, how cost grows, counts that may not"
	@echo "make bench-data TO=data/million.db makes a database of a million requests; bench-reading measures pages on it"
	@echo "make lock    write the hash-locked requirements anew (needs uv)"

run: $(RUN)
	@if [ -n "$$OPENAI_API_KEY$$ANTHROPIC_API_KEY" ] \
	|| grep -qsE '^ *(export +)?(OPENAI|ANTHROPIC)_API_KEY *= *["'\'']?[^"'\'' #]' .env; \
	then exec $(BIN)/python -m app serve; \
	else exec $(BIN)/python -m app demo; fi

demo: $(RUN)
	@exec $(BIN)/python -m app demo

test: $(DEV)
	@sh .ci/packages.sh
	@if [ -n "$(ARGS)" ]; then exec $(BIN)/python -m pytest $(ARGS); fi; \
	status=0; \
	$(BIN)/python -m pytest $(SPREAD) -m "not clients and not alone" || status=1; \
	$(BIN)/python -m pytest -m alone || status=1; \
	exit $$status

proofs: $(DEV)
	@sh .ci/packages.sh
	@$(BIN)/python -m pytest tests/proofs --long $(ARGS)

clients: $(DEV) $(CLIENTS)
	@sh .ci/packages.sh
	@$(BIN)/python -m pytest tests/clients tests/api/test_openai_sdk.py -m "clients or not clients" $(ARGS)

bench-pages: $(DEV)
	@sh .ci/packages.sh
	@$(BIN)/python bench/pages_paint.py $(ARGS)

lint: $(DEV)
	@status=0; \
	for tool in "ruff check ." "ruff format --check ." mypy; do \
		echo "  $$tool"; $(BIN)/python -m $$tool || status=1; \
	done; exit $$status

# Needs a C compiler; the first one installs LiteLLM and Portkey into the user's cache.
bench: $(DEV)
	@$(BIN)/python -m bench compare $(ARGS)

bench-quick bench-durability bench-curve bench-gate: bench-%: $(DEV)
	@$(BIN)/python -m bench $* $(ARGS)

# How fast the ledger's sums are rebuilt and checked; how fast pages read a million rows, and paint in a browser.
bench-ledger: $(DEV)
	@$(BIN)/python -m bench.ledger $(ARGS)

bench-data: $(DEV)
	@$(BIN)/python -m bench.data $(or $(TO),data/million.db)

bench-reading: $(DEV)
	@$(BIN)/python -m bench.pages $(or $(TO),data/million.db)

# uv writes no index addresses into the locks; the two extras are the build back end and the tests' tools.
LOCK := uv pip compile -q --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command "make lock" pyproject.toml --extra build
lock:
	@uv --version >/dev/null 2>&1 || { echo "starscoo: make lock needs uv" >&2; exit 1; }
	$(LOCK) -o requirements.lock
	$(LOCK) --extra prices --extra dev -o requirements-dev.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes \
		--custom-compile-command "make lock" tests/clients/requirements.in -o tests/clients/requirements.lock

$(RUN): requirements.lock pyproject.toml
	@sh .ci/venv.sh requirements.lock
	@touch $@

$(CLIENTS): tests/clients/requirements.lock tests/clients/package-lock.json | $(DEV)
	@sh .ci/clients.sh
	@touch $@

$(DEV): requirements-dev.lock pyproject.toml
	@sh .ci/venv.sh requirements-dev.lock
	@touch $@ $(RUN)
