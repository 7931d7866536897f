# The commands of this project. `make help` lists them; everything lives in .venv and .data.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA ?=
SYSTEMS ?=
CASES ?=
TESTS ?= integration_pipeline_tests

.DEFAULT_GOAL := help
.PHONY: help demo up test cases lint bench bench-latency bench-accounting clean

help: ## list the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

demo: $(VENV)/.installed ## load a data set into a sandbox CRM and bill it (DATA=folder for the public one, SYSTEMS=all)
	@$(BIN)/integration-pipeline demo $(if $(DATA),--data "$(DATA)") $(if $(SYSTEMS),--systems)

up: $(VENV)/.installed ## the demo, left running with Dagster's web pages; Ctrl-C stops everything
	@$(BIN)/integration-pipeline up $(if $(DATA),--data "$(DATA)") $(if $(SYSTEMS),--systems)

test: $(VENV)/.installed-dev ## run all tests, on a real PostgreSQL
	$(BIN)/pytest -n 3 --dist loadgroup $(TESTS)

cases: $(VENV)/.installed-dev ## run published billing cases through the engine (CASES=file)
	$(if $(CASES),,$(error name a file of cases: make cases CASES=file.json))
	@$(BIN)/python -m integration_pipeline_tests.cases "$(CASES)"

lint: $(VENV)/.installed-dev ## style, types, import rules, SQL
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/sqlfluff lint dbt_like_sql integration_pipeline/store/migrations/sql

bench: $(VENV)/.installed-dev ## measure, and print JSON
	@for each in benchmarks/*.py; do $(BIN)/python $$each; done

bench-latency: $(VENV)/.installed-dev ## from webhook to books, at several rates: a table, JSON, a picture (15 minutes)
	@$(BIN)/python -m benchmarks.latency

bench-accounting: $(VENV)/.installed-dev ## lost answers, limits, latency of QuickBooks and Xero: JSON (30 minutes; DATA=folder for a data set, too)
	@$(BIN)/python -m benchmarks.accounting.lost_answers
	@$(BIN)/python -m benchmarks.accounting.throttle
	@$(BIN)/python -m benchmarks.accounting.throttle --vendor xero --day 100
	@$(BIN)/python -m benchmarks.accounting.latency
	$(if $(DATA),@$(BIN)/python -m benchmarks.accounting.data_set "$(DATA)")

clean: ## remove the virtual environment and all demo data
	rm -rf $(VENV) .data .pytest_cache .ruff_cache .hypothesis dbt_like_sql/target dbt_like_sql/logs

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) or sys.version_info >= (3, 14))' \
		|| { echo "Python 3.11 to 3.13 is needed; name one with PYTHON=python3.12"; exit 1; }
	@echo "installing into $(VENV), about two minutes"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt --upgrade pip
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "installing the tools for tests and linters"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@
