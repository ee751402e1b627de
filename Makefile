# Paths stay relative, so that a folder with spaces in its name works.
PYTHON ?= python3
PIP_FLAGS ?=
PY := .venv/bin/python
INSTALL := $(PY) -m pip install --quiet --disable-pip-version-check $(PIP_FLAGS) -c constraints.txt

.PHONY: demo test check format docs release-check install clean

demo: .venv/installed  ## the whole pipeline on shipped data, ending in a page to look at
	$(PY) -m lacss_tools demo -o demo-output --overwrite

test: .venv/dev  ## all tests
	$(PY) -m pytest -q -n auto --dist worksteal

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

release-check: .venv/release  ## wheel and sdist, checked; the demo from an empty environment with the wheel alone
	rm -rf dist .release
	$(PY) -m build .
	$(PY) -m twine check --strict dist/*
	$(PYTHON) -m venv .release
	.release/bin/python -m pip install --quiet --disable-pip-version-check $(PIP_FLAGS) -c constraints.txt dist/*.whl
	cd .release && bin/lacss --version && bin/lacss demo --minutes 0.5 && test -f lacss-demo/predictions/predict.toml

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

.venv/release: .venv/installed
	$(PY) -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	$(INSTALL) --group release
	touch $@

clean:
	rm -rf .venv .release dist demo-output site .docs-cache docs/commands.md docs/examples docs/source
