# Every target sets up .venv by itself when it is missing or pyproject.toml has changed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Other people's programs that the tests run, in environments of their own: clients of the Bot API, a server of S3.
CLIENTS := .clients
# Other people's queues, beside which ours are measured.
QUEUES := .peers
NPM := $(shell command -v npm 2>/dev/null)
# The PostgreSQL that the tests run on: "embedded", or a directory with postgres, initdb and pg_ctl.
POSTGRES ?= embedded
DEBIAN_POSTGRES := $(lastword $(sort $(wildcard /usr/lib/postgresql/*/bin)))
# What stands in front of that PostgreSQL: nothing, or "pgbouncer" (Debian's, in transaction mode).
POOLER ?=
PGBOUNCER := $(wildcard /usr/sbin/pgbouncer)
PYTEST_ARGS ?=
# Processes that share the tests: more than cores, since most tests wait.
JOBS ?= 3
# Empty: only the tests that stand on PostgreSQL, without the minutes of sending at the rate.
EVERYTHING ?= yes
# Which rows `make bench` measures, with commas between them (all), on which scale (1: as many events as each wants),
# and how often what is compared takes turns. PEERS: other people's queues beside ours instead.
ROWS ?=
SCALE ?= 1
ROUNDS ?= 3
PEERS ?=
comma := ,

.PHONY: demo test clients check lint shape surface bench bench-baseline clean
demo: $(READY)
	$(BIN)/vestnik demo

test: export VESTNIK_TEST_POSTGRES = $(POSTGRES)
test: export VESTNIK_TEST_POOLER = $(POOLER)
test: $(READY) clients
ifeq ($(PYTEST_ARGS),)
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m "$(if $(EVERYTHING),,postgres and )not alone"
ifneq ($(EVERYTHING),)
	$(BIN)/python -m pytest -m alone
endif
else
	$(BIN)/python -m pytest $(PYTEST_ARGS)
endif

clients: $(CLIENTS)/python/.ready $(CLIENTS)/s3/.ready $(if $(NPM),$(CLIENTS)/node/.ready)
ifeq ($(NPM),)
	@echo "no npm: the tests of the Node clients are left out. On Debian: apt-get install nodejs npm"
endif

check:
	$(MAKE) --jobs=3 --output-sync lint clients
	$(MAKE) test
ifneq ($(DEBIAN_POSTGRES),)
ifneq ($(PGBOUNCER),)
	$(MAKE) test POSTGRES=$(DEBIAN_POSTGRES) POOLER=pgbouncer EVERYTHING=
	$(MAKE) test POSTGRES=$(DEBIAN_POSTGRES) PYTEST_ARGS="-n $(JOBS) --dist worksteal -m 'direct and postgres' tests/integration"
else
	@echo "no PgBouncer: the second run of the tests goes to PostgreSQL directly. On Debian: apt-get install pgbouncer"
	$(MAKE) test POSTGRES=$(DEBIAN_POSTGRES) EVERYTHING=
endif
else
	@echo "no Debian PostgreSQL under /usr/lib/postgresql: the second run of the tests is left out"
endif

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/squawk --config .squawk.toml $$(grep -L '^-- no transaction\|^-- breaking' outbox/migrations/*.sql)
	$(BIN)/squawk --config .squawk.toml --no-assume-in-transaction $$(grep -l '^-- no transaction' outbox/migrations/*.sql)

# What the migrations give, for `vestnik migrate --check` and, as outbox/schema.sql, for people; after a migration was added.
shape: $(READY)
	$(BIN)/python -m tests.shape

# What others rely on, as text; to be written anew, and looked at, after something of it was changed.
surface: $(READY)
	$(BIN)/python -m tests.surface

bench: export VESTNIK_TEST_POSTGRES = $(POSTGRES)
bench: export VESTNIK_TEST_POOLER = $(POOLER)
bench: $(READY) $(if $(PEERS),$(QUEUES)/python/.ready $(if $(NPM),$(QUEUES)/node/.ready))
ifneq ($(PEERS),)
	$(BIN)/python -m tests.bench.peers --scale $(SCALE) --rounds $(ROUNDS)
else
	$(BIN)/python -m tests.bench $(subst $(comma), ,$(ROWS)) --scale $(SCALE) --rounds $(ROUNDS)
endif

# What a message may take of what the engines count; to be written anew, with a line in the changelog, when it changes.
bench-baseline: $(READY)
	$(BIN)/python -m tests.bench baseline

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Vestnik needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1). Try: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "Python's venv module is missing. On Debian: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

# No dependencies are looked for: the pins name them all, and `pip check` says so when they do not.
$(CLIENTS)/python/.ready: tests/clients/requirements.txt
$(CLIENTS)/s3/.ready: tests/s3/requirements.txt
$(QUEUES)/python/.ready: tests/bench/peers/requirements.txt
$(CLIENTS)/python/.ready $(CLIENTS)/s3/.ready $(QUEUES)/python/.ready:
	$(PYTHON) -m venv --clear $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --requirement $<
	$(@D)/bin/python -m pip --disable-pip-version-check check >/dev/null
	@touch $@

# No lock file: it would record the addresses of one machine's registry. package.json pins everything.
$(CLIENTS)/node/.ready: tests/clients/package.json
$(QUEUES)/node/.ready: tests/bench/peers/package.json
$(CLIENTS)/node/.ready $(QUEUES)/node/.ready:
	rm -rf $(@D) && mkdir -p $(@D) && cp $< $(@D)/
	$(NPM) install --prefix $(@D) --no-package-lock --no-audit --no-fund --ignore-scripts --loglevel=error
	@touch $@

clean:
	rm -rf $(VENV) $(CLIENTS) $(QUEUES) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
