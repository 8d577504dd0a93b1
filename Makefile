# Each target sets itself up: python3 with pip, and make, are enough.
BIN := .venv/bin
# What `make next` installs over .venv-next: the next release, which livekit-agents does not allow yet.
NEXT ?= livekit==1.2.1

.PHONY: help demo test check bench soak strain docs packaging next format clean

help: ## Show this
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' Makefile

demo: ## Talk to a face on a page: make demo AVATAR_PROVIDER=local DEMO_SECONDS=20
	@tools/setup.sh demo
	@exec $(BIN)/avatar demo

test: check ## Check, then run all tests
	@$(BIN)/python -m avatar_core.testing.server
	$(BIN)/pytest -n 2 --dist worksteal -m "not alone and not benchmark"
	$(BIN)/pytest -m alone

check: ## Lint, types, layers
	@tools/setup.sh test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/check_module_strings.py

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

format: ## Format, and fix what can be fixed
	@tools/setup.sh test
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

clean: ## Remove .venv and every cache of this folder
	rm -rf .venv .venv-next .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
