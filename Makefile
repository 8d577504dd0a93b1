# Each target sets itself up: python3 with pip, and make, are enough.
BIN := .venv/bin
# What `make next` installs over .venv-next: the next release, which livekit-agents does not allow yet.
NEXT ?= livekit==1.2.1

.PHONY: help demo test check bench soak strain long docs packaging dist workflows next format clean
.PHONY: long-slow long-listeners long-weak-lines long-flood long-worker-kills long-orders long-provisioning long-cancellations long-ledger long-overhead long-kills long-namespaces long-sounds long-matrix long-walks long-vendor-faults long-false-losses long-monitor long-bridge long-node

help: ## Show this
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' Makefile

demo: ## Talk to a face on a page: make demo AVATAR_PROVIDER=local DEMO_SECONDS=20
	@tools/setup.sh demo
	@exec $(BIN)/avatar demo

test: check ## Check, then run all tests
	@$(BIN)/python -m avatar_core.testing.server
	$(BIN)/pytest -n 2 --dist worksteal -m "not alone and not benchmark and not slow"
	$(BIN)/pytest -m "alone and not slow"

check: ## Lint, types, layers, prose
	@tools/setup.sh test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/check_module_strings.py
	$(BIN)/python tools/check_vocabulary.py
	$(BIN)/python tools/check_prose.py
	$(BIN)/python tools/check_typing.py

bench: ## Measure beside livekit-agents' own avatar stack (half an hour): make bench [QUICK=1]
	@tools/setup.sh test
	@tools/setup.sh bench
	@$(BIN)/pytest -q -m benchmark
	@$(BIN)/python -m benchmarks.bench $(if $(QUICK),--quick)
	@$(BIN)/python -m benchmarks.bench.page

soak: ## Talk for long, with interruptions and kills: make soak [SOAK_MINUTES=20]
	@tools/setup.sh bench
	@exec $(BIN)/python -m benchmarks.bench.soak

strain: ## Hiccups, long pauses, a slow renderer: make strain [STRAIN_MINUTES=10]
	@tools/setup.sh bench
	@exec $(BIN)/python -m benchmarks.bench.stress

# Sizes of `make long`: about half an hour with these defaults. The nightly workflow raises them.
# LONG_ORDERS: random orders of an application's calls, in virtual time (0.1 s each).
# LONG_SEEDS: runs of each vendor fault with each kind of vendor and each native provider, in virtual
# time (12 s a seed).
# LONG_STARTS: measured starts over TCP (0.5 s each).
# LONG_PROCESSES, LONG_LEDGER_S: processes that write to one ledger, and for how many seconds.
# LONG_WORKER_KILLS: killed workers in one conversation, for each of two kinds (5 s each).
# LONG_KILLS: killed agents for each of two kinds of vendor (6 s each).
# LONG_NAMESPACES: killed agents in pid namespaces of their own, and restarted ones (16 s each).
# LONG_SOUNDS_S: length of each altered sound (2 s of computing for each second).
# LONG_CELLS: pattern of the cells of the fault matrix; all 1547 cells take 10 minutes.
# LONG_STEPS: turns of random conversations with random faults, in virtual time (0.3 s each).
# LONG_FAULT_RUNS: runs of each fault of a vendor's worker on a server (10 s each, 16 faults).
# LONG_QUIET_MINUTES: minutes with a vendor's worker that must not be lost.
# AGENTS_JS: a folder with node_modules/@livekit/agents; without it, long-node is skipped.
# LONG_MONITOR_S: length of each sound for the monitor; needs recorded voices.
# SOAK_MINUTES: 6 here; a shorter run has too few sessions to show growth.
# STRAIN_MINUTES: 1 here, of unbroken speech; the other cases take five minutes more.
LONG_ORDERS ?= 1000
LONG_SEEDS ?= 4
LONG_STARTS ?= 20
LONG_PROCESSES ?= 8
LONG_LEDGER_S ?= 20
LONG_KILLS ?= 5
LONG_WORKER_KILLS ?= 5
LONG_NAMESPACES ?= 4
LONG_SOUNDS_S ?= 20
LONG_CELLS ?= *
LONG_STEPS ?= 1000
LONG_FAULT_RUNS ?= 1
LONG_QUIET_MINUTES ?= 1
LONG_MONITOR_S ?= 5
LONG_RUNS := long-slow long-orders long-provisioning long-cancellations long-ledger long-overhead long-kills long-worker-kills long-flood long-listeners long-weak-lines long-namespaces long-sounds long-matrix long-walks long-vendor-faults long-false-losses long-monitor long-bridge long-node soak strain

long: ## Run every long test, soak and strain, and report each failure: make long [LONG_KILLS=50 SOAK_MINUTES=60]
	@tools/setup.sh test
	@tools/setup.sh bench
	@BENCH_RESULTS=build/long SOAK_MINUTES=$(or $(SOAK_MINUTES),6) STRAIN_MINUTES=$(or $(STRAIN_MINUTES),1) \
		$(MAKE) -j1 --no-print-directory --keep-going $(LONG_RUNS)

long-orders:
	$(BIN)/python -m tests.long.session_orders $(LONG_ORDERS)

long-provisioning:
	$(BIN)/python -m tests.long.provisioning $(LONG_SEEDS)

long-cancellations:
	$(BIN)/python -m tests.long.cancellations

long-ledger:
	$(BIN)/python -m tests.long.ledger_stress $(LONG_PROCESSES) $(LONG_LEDGER_S)

long-overhead:
	$(BIN)/python -m tests.long.overhead $(LONG_STARTS)

long-worker-kills:
	$(BIN)/python -m tests.long.kill_workers $(LONG_WORKER_KILLS)
	$(BIN)/python -m tests.long.kill_workers $(LONG_WORKER_KILLS) stock

long-listeners:
	$(BIN)/python -m tests.long.late_listeners

long-weak-lines:
	$(BIN)/python -m tests.long.weak_lines

long-slow:
	$(BIN)/pytest -m slow

long-flood:
	$(BIN)/python -m tests.long.flood

long-kills:
	$(BIN)/python -m tests.long.kill_agents $(LONG_KILLS)

long-namespaces:
	$(BIN)/python -m tests.long.pid_namespaces $(LONG_NAMESPACES)

long-sounds:
	$(BIN)/python -m tests.long.altered_sounds $(LONG_SOUNDS_S)

long-matrix:
	$(BIN)/python -m tests.long.fault_matrix --only "$(LONG_CELLS)"

long-walks:
	$(BIN)/python -m tests.long.random_walks $(LONG_STEPS)

long-vendor-faults:
	$(BIN)/python -m tests.long.vendor_faults $(LONG_FAULT_RUNS)
	$(BIN)/python -m tests.long.server_matrix

long-false-losses:
	$(BIN)/python -m tests.long.false_losses $(LONG_QUIET_MINUTES)

long-monitor:
	$(BIN)/python -m tests.long.monitor_sounds $(LONG_MONITOR_S)
	$(BIN)/python -m tests.long.positions $(LONG_FAULT_RUNS)
	$(BIN)/python -m tests.long.monitor_cpu 12

long-bridge:
	$(BIN)/python -m tests.long.bridge_matrix

long-node:
	$(BIN)/python -m tests.long.gateway_node

docs: ## Build the documentation into site/
	@tools/setup.sh docs
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

packaging: ## The wheels in clean environments: make packaging PYTHONS="3.12 3.13"
	@tools/setup.sh test
	@for python in $(or $(PYTHONS),3.11 3.12 3.13); do \
		echo "Python $$python" && PACKAGING_PYTHON=$$python $(BIN)/pytest -q tests/packaging || exit 1; \
	done

next: ## Tests on a real server with a newer livekit: make next [NEXT="livekit==1.2.1"]
	@tools/setup.sh next $(NEXT)
	.venv-next/bin/pytest -m "livekit and not benchmark" --ignore=tests/packaging

dist: ## Build every distribution into dist/: make dist [TAG=v1.2.3]
	@tools/setup.sh demo
	@$(BIN)/python tools/release.py build $(TAG)

workflows: ## Check the GitHub workflows with actionlint
	@tools/setup.sh test
	@PATH="$$PATH:$(CURDIR)/$(BIN)" go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12

format: ## Format, and fix what can be fixed
	@tools/setup.sh test
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

clean: ## Remove .venv and every cache of this folder
	rm -rf .venv .venv-next .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
