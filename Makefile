# Two commands do everything: `make app` and `make test`. `make help` lists the rest.

PYTHON      ?= python3
PORT        ?= 8501
# For the smaller build of PyTorch without CUDA: make app TORCH_INDEX=https://download.pytorch.org/whl/cpu
TORCH_INDEX ?=

VENV := .venv
BIN  := $(VENV)/bin
PIP  := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: help app test check lint format chromium validators clean
.DEFAULT_GOAL := help

help:  ## list the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/make \1\t\2/' | expand -t 16

app: $(VENV)/app.stamp  ## set up, then run the app on http://localhost:8501 (PORT=… for another port)
	$(BIN)/python -m streamlit run Home.py --server.port=$(PORT) --server.showEmailPrompt=false

test: lint chromium validators  ## set up, then run all checks and tests, and measure what they cover
	$(BIN)/python -m pytest --cov

check: lint  ## for the day's work: lint, and the quick tests (no browser, no datasets, no load)
	$(BIN)/python -m pytest -m "not (browser or data or load or machine)"

lint: $(VENV)/dev.stamp  ## ruff, mypy and the import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/dev.stamp  ## sort imports and format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The browser tests drive an installed Chromium or Chrome; without one they are skipped.
chromium:
	@for name in chromium chromium-browser google-chrome; do \
	  if command -v $$name >/dev/null; then exit 0; fi; \
	done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -q && apt-get install -yq --no-install-recommends chromium || \
	    echo "Chromium could not be installed: the browser tests will be skipped."; \
	else \
	  echo "No Chromium or Chrome is installed: the browser tests will be skipped."; \
	fi

# The tests of DICOM reports ask dciodvfy, dsrdump and dicom-validator; what is missing is skipped.
validators: $(VENV)/dev.stamp
	@if command -v dciodvfy >/dev/null && command -v dsrdump >/dev/null; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -q && apt-get install -yq --no-install-recommends dicom3tools dcmtk || \
	    echo "dicom3tools and dcmtk could not be installed: their tests will be skipped."; \
	else \
	  echo "dicom3tools and dcmtk are not installed: their tests will be skipped."; \
	fi
	@ls $(HOME)/dicom-validator/*/json/module_info.json >/dev/null 2>&1 || \
	  $(BIN)/python -c "from dicom_validator.spec_reader.edition_reader import EditionReader; \
	    EditionReader().dicom_info_for_edition('current')" >/dev/null 2>&1 || \
	  echo "The DICOM standard could not be fetched: dicom-validator's tests will be skipped."

$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "PulmoScan needs Python 3.10 or newer. Name one with: make PYTHON=python3.12 …"; exit 1; }
	$(PYTHON) -m venv $(VENV) || \
	  { echo "Python's venv module is missing; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }

$(VENV)/torch.stamp: | $(VENV)/bin/pip
ifneq ($(TORCH_INDEX),)
	$(PIP) install --index-url $(TORCH_INDEX) $$(grep -E '^torch' requirements.txt)
endif
	@touch $@

$(VENV)/app.stamp: requirements.txt $(VENV)/torch.stamp
	$(PIP) install -r requirements.txt
	@touch $@

$(VENV)/dev.stamp: requirements-dev.txt requirements-xrv.txt $(VENV)/app.stamp
	$(PIP) install -r requirements-dev.txt
	@touch $@

clean:  ## remove the virtual environment and all caches
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
