# Paths stay relative, so that a folder with spaces in its name works.
PYTHON ?= python3
PIP_FLAGS ?=
PY := .venv/bin/python
INSTALL := $(PY) -m pip install --quiet --disable-pip-version-check $(PIP_FLAGS) -c constraints.txt

.PHONY: demo test check format docs install clean

demo: .venv/installed  ## the whole pipeline on shipped data, ending in a page to look at
	$(PY) -m lacss_tools demo -o demo-output --overwrite

test: .venv/dev  ## all tests
	$(PY) -m pytest -q

check: .venv/dev  ## format, lint, types, import contracts
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	.venv/bin/lint-imports

format: .venv/dev
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

docs: .venv/docs  ## the site, into site/index.html; runs the notebooks of examples/
	$(PY) -m sphinx --fail-on-warning --keep-going --quiet -d .docs-cache/doctrees docs site

install: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(INSTALL) -e .
	touch $@

.venv/dev: .venv/installed
	$(PY) -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	$(INSTALL) --group dev
	# only its module of metrics is used, as an oracle: none of its dependencies
	$(INSTALL) --no-deps "stardist==0.9.2"
	touch $@

.venv/docs: .venv/installed
	$(PY) -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	$(INSTALL) --group docs
	touch $@

clean:
	rm -rf .venv demo-output site .docs-cache docs/commands.md docs/examples docs/source
