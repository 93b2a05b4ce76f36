# liftwerk. `make demo` runs the main job and opens the dashboard; `make test` passes the tests.
# Nothing is needed beforehand but Python >= 3.12 and make.
BIN := .venv/bin
# One thread a process: the work is parallel over chains and tests, and two BLAS pools on two cores only fight.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
BENCHES := bench-mmm bench-recovery bench-lifts bench-stability bench-sbc bench-geo bench-budget bench-bandits bench-content bench-attribution bench-paths bench-app bench-job
.PHONY: help env demo test test-all test-oidc lint format lock docs sample bench clean $(BENCHES)

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

env: .venv/.ready ## make .venv from requirements.lock

.venv/.ready: requirements.lock pyproject.toml scripts/bootstrap
	@PYTHON="$(PYTHON)" sh scripts/bootstrap

demo: env ## sample data -> weekly decision -> dashboard (ARGS=--no-app stops before the dashboard)
	@$(BIN)/liftwerk demo $(ARGS)

test: env ## the quick suite, under 12 minutes on 2 cores
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile $(ARGS)

test-all: env ## everything, the slow tests too
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "slow or not slow" $(ARGS)

test-oidc: env ## sign-in with OpenID Connect against a provider of its own (authlib beside the environment)
	@.uv/bin/uv pip install --quiet --python $(BIN)/python --target .oidc "authlib>=1.6" "httpx>=0.28"
	@PYTHONPATH="$(CURDIR)/.oidc" $(BIN)/python -m pytest -q tests/app/test_app_oidc.py $(ARGS)

lint: env ## ruff, mypy --strict, the import contracts of the house
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: env ## let ruff lay out the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

docs: env ## redraw what docs/ draws from the code
	@$(BIN)/python scripts/draw_architecture.py

sample: env ## rebuild sample_data from its seed
	@$(BIN)/python -m sample_data.build

lock: env ## pin the newest versions that pyproject.toml allows
	@.uv/bin/uv pip compile pyproject.toml --group dev --universal --python-version 3.12 --generate-hashes --upgrade \
		--no-emit-index-url --no-emit-find-links --no-header --quiet -o requirements.lock

bench: $(BENCHES) ## every benchmark, one after the other (hours); docs/benchmarks.md has the results

bench-mmm: env ## CPU-s to convergence on public data: ours, pymc-marketing, Meridian (ARGS="--only ours")
	@$(BIN)/python -m benchmarks.mmm_peers $(ARGS)

bench-recovery: env ## simulated markets with known truth, fitted: coverage and error
	@$(BIN)/python benchmarks/mmm_recovery.py $(ARGS)

bench-lifts: env ## what a lift test, right or wrong, does to the media mix model
	@$(BIN)/python benchmarks/mmm_lifts.py $(ARGS)

bench-stability: env ## the media mix model when one more week comes in
	@$(BIN)/python benchmarks/mmm_stability.py $(ARGS)

bench-sbc: env ## simulation-based calibration of the media mix model
	@$(BIN)/python benchmarks/mmm_sbc.py $(ARGS)

bench-geo: env ## speed and weights beside other packages; false alarms and coverage (ARGS="--windows 100")
	@OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m benchmarks.geo_peers
	@OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python benchmarks/geo_speed.py
	@$(BIN)/python benchmarks/geo_aa.py $(ARGS)
	@$(BIN)/python benchmarks/geo_invariance.py

bench-budget: env ## certified plans beside local solvers; which test is worth running
	@$(BIN)/python benchmarks/budget_bench.py $(ARGS)
	@$(BIN)/python benchmarks/budget_next_test.py $(ARGS)

bench-bandits: env ## exactness, regret, off-policy coverage, fatigue, the endpoint under load; ours beside MABWiser and Vowpal Wabbit
	@$(BIN)/python -m benchmarks.bandits_peers
	@for name in propensity regret off_policy fatigue contextual service; do $(BIN)/python -m benchmarks.bandits_$$name $(ARGS) || exit 1; done

bench-content: env ## canary false alarms, coverage of intervals, spans a second, layouts of Parquet
	@for name in canary coverage speed layouts intake; do $(BIN)/python benchmarks/content_$$name.py $(ARGS) || exit 1; done

bench-attribution: env ## Markov credit of 10,000, 1 M and 10 M journeys beside ChannelAttribution and do-attribution
	@$(BIN)/python -m benchmarks.attribution_peers $(ARGS)

bench-paths: env ## order, coverage and calibration on journeys with known truth
	@$(BIN)/python benchmarks/attribution_recovery.py $(ARGS)

bench-app: env ## the dashboard: first load, page switch, widgets, bytes, 30 sessions at once
	@$(BIN)/python -m benchmarks.app_bench $(ARGS)

bench-job: env ## a newcomer's two commands, from a fresh clone with empty caches
	@$(BIN)/python benchmarks/main_job.py $(ARGS)

clean: ## remove what can be made again
	@rm -rf .venv .uv .oidc dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
