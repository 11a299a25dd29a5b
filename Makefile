# Two commands do everything: `make app` and `make test`. `make help` lists the rest.

PYTHON      ?= python3
PORT        ?= 8501
# For the smaller build of PyTorch without CUDA: make app TORCH_INDEX=https://download.pytorch.org/whl/cpu
TORCH_INDEX ?=
# LOCK=no takes the newest versions that requirements.txt allows, instead of the pinned ones with their hashes.
LOCK        ?= yes
# Options for uv: make lock UPGRADE=--upgrade
UPGRADE     ?=

SECONDS     ?= 3600
# Two processes share the test files, the slow folders first (they come first by name).
SIDE_BY_SIDE := --numprocesses 2 --dist loadfile --no-loadscope-reorder

VENV := .venv
BIN  := $(VENV)/bin
PIP  := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: help app test check lint fuzz format wheel lock notices sbom chromium validators archive clean
.DEFAULT_GOAL := help

help:  ## list the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/make \1\t\2/' | expand -t 16

app: $(VENV)/app.stamp  ## set up, then run the app on http://localhost:8501 (PORT=… for another port)
	$(BIN)/python -m pulmoscan app --port $(PORT)

test: lint chromium validators archive  ## set up, then run all checks and tests, and measure what they cover
	$(BIN)/python -m pytest --cov $(SIDE_BY_SIDE)

check: lint  ## for the day's work: lint, and the quick tests (no browser, no datasets, no training)
	$(BIN)/python -m pytest --quick $(SIDE_BY_SIDE)

lint: $(VENV)/dev.stamp  ## ruff, mypy and the import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --num-workers 2
	$(BIN)/lint-imports

fuzz: $(VENV)/dev.stamp  ## spoil files of every kind and read and export them, for SECONDS=3600; see docs/fuzzing.md
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS)

format: $(VENV)/dev.stamp  ## sort imports and format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

wheel: $(VENV)/dev.stamp  ## build dist/*.whl, which holds the app, the weights and the gallery too
	$(PIP) wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .
	@ls dist/*.whl

lock: $(VENV)/dev.stamp  ## pin what make app installs anew, after a change of requirements.txt
	$(BIN)/python -m tools.lock $(UPGRADE)

notices: $(VENV)/dev.stamp  ## write THIRD_PARTY.md, the licences of all that is installed by default
	$(BIN)/python -m tools.notices

sbom: $(VENV)/dev.stamp  ## write dist/pulmoscan.cdx.json, a CycloneDX bill of materials with the weights
	$(BIN)/python -m tools.sbom

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
	  echo "The DICOM standard could not be fetched: dicom-validator goes by the tables that highdicom carries."

# The hospital's tests send to a real archive, Orthanc with its DICOMweb plugin, on this machine's own address.
archive:
	@if command -v Orthanc >/dev/null && ls /usr/share/orthanc/plugins/libOrthancDicomWeb.so >/dev/null 2>&1; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -q && apt-get install -yq --no-install-recommends orthanc orthanc-dicomweb dcmtk || \
	    echo "Orthanc could not be installed: the tests that send to it will be skipped."; \
	else \
	  echo "Orthanc is not installed: the tests that send to it will be skipped."; \
	fi

$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "PulmoScan needs Python 3.10 or newer. Name one with: make PYTHON=python3.12 …"; exit 1; }
	$(PYTHON) -m venv $(VENV) || \
	  { echo "Python's venv module is missing; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }

# PyTorch's own index has builds with other hashes than the package index: from there it is pinned by version alone.
$(VENV)/torch.stamp: requirements.txt requirements-torch.lock | $(VENV)/bin/pip
ifeq ($(TORCH_INDEX),)
	@true
else ifeq ($(LOCK),no)
	$(PIP) install --index-url $(TORCH_INDEX) $$(grep -E '^torch' requirements.txt)
else
	$(PIP) install --index-url $(TORCH_INDEX) $$(grep -oE '^torch(vision)?==[^ ]+' requirements-torch.lock) || \
	  { echo "TORCH_INDEX lacks the pinned versions. Any other that fits: make app TORCH_INDEX=… LOCK=no"; exit 1; }
endif
	@touch $@

# A Python that is newer than the lock gets what requirements.txt allows; a file with another hash than the lock's, never.
$(VENV)/app.stamp: requirements.txt requirements.lock $(VENV)/torch.stamp
	@if [ "$(LOCK)" = no ]; then \
	  $(PIP) install -r requirements.txt; \
	elif $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 15))'; then \
	  echo "The pinned versions are for Python 3.10 to 3.14: on this one, the newest that fit are installed."; \
	  $(PIP) install -r requirements.txt; \
	else \
	  $(PIP) install --require-hashes -r requirements.lock $(if $(TORCH_INDEX),,-r requirements-torch.lock) || \
	    { echo "The pinned versions cannot be installed. Where the message above says that there is none for this"; \
	      echo "system, or an index that you set offers others, use the newest that fit: make app LOCK=no"; exit 1; }; \
	fi
	@$(BIN)/python -m compileall -q pulmoscan || true  # as pip does with what it installs
	@touch $@

$(VENV)/dev.stamp: requirements-dev.txt requirements-train.txt requirements-xrv.txt requirements-hospital.txt \
		requirements-cluster.txt $(VENV)/app.stamp
	$(PIP) install -r requirements-dev.txt -r requirements-train.txt -r requirements-xrv.txt \
		-r requirements-hospital.txt -r requirements-cluster.txt
	@touch $@

clean:  ## remove the virtual environment and all caches
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
