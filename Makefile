# The only doors: each makes .venv and installs what it needs on first use.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test check docs bench serve clean

demo: .venv/ready
	$(BIN)/milepost demo

test: .venv/ready
	$(BIN)/pytest -n auto --dist loadfile

check: .venv/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: .venv/ready
	$(BIN)/pip install --quiet --disable-pip-version-check --editable ".[docs]"
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --nitpicky --fresh-env --write-all --jobs auto docs build/docs

bench: .venv/ready
	$(BIN)/pip install --quiet --disable-pip-version-check --editable ".[bench]"
	$(BIN)/python tests/bench/exchange.py
	$(BIN)/python tests/bench/isolation.py
	$(BIN)/python tests/bench/store.py
	$(BIN)/python tests/bench/dashboard.py
	$(BIN)/python tests/bench/daily_files.py
	$(BIN)/python tests/bench/capture.py
	$(BIN)/python tests/bench/parity.py
	$(BIN)/python tests/bench/migration.py
	$(BIN)/python tests/bench/connect.py
	$(BIN)/python tests/bench/scale.py

serve: .venv/ready
	$(BIN)/milepost --workspace demo serve

clean:
	rm -rf .venv demo dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

.venv/ready: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[demo,dev]'
	touch $@
