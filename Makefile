# `make demo` and `make test` are the two commands; the rest is for who works on Bitscape. Logic lives in scripts/.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo test lint typecheck bench package qgis venv lock clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## from sample data to a change map in demo/: project, picture, accuracy
	@scripts/set_up.sh demo
	@scripts/run_demo.sh

test: ## lint, types, backend, plugin and system tests (REQUIRE_DATA=1: missing real data fails)
	@scripts/set_up.sh test
	@scripts/run_tests.sh

lint: venv ## ruff
	@.venv/bin/ruff check .

typecheck: venv ## mypy, strict, on processing/
	@scripts/check_types.sh

bench: venv ## benchmarks against peers (ONLY=name: one, or all that start so)
	@scripts/run_benchmarks.sh "$(ONLY)"

package: ## the plugin's zip in build/
	@scripts/package.sh

qgis: ## open the demo in QGIS with the plugin enabled, in a profile of its own
	@scripts/set_up.sh demo
	@scripts/open_qgis.sh

venv: ## the backend's environment with the test tools, from requirements/dev.lock
	@scripts/set_up.sh venv

lock: ## resolve requirements/*.txt again into hash-pinned lock files (needs uv)
	@scripts/lock_requirements.sh

clean: ## remove what was built: build/, demo/, caches (keeps .venv)
	@scripts/clean.sh
