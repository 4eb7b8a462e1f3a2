# Needs GNU make, git and Python 3.11 or newer; everything else comes with `make setup`.
# `make PYTHON=python3.12 setup` chooses the interpreter of a new .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CONSTRAINTS := .ci/constraints.txt
READY := $(VENV)/.ready
# There while an installation runs. Found at the start of one, it says that the last died half-way.
UNFINISHED := $(VENV)/.unfinished
# Wheels only: nothing here may need a compiler, and a missing wheel should say so at once.
PIP = $(1)/bin/python -m pip --disable-pip-version-check install --quiet --only-binary=:all:
EVERYTHING := -e '.[all]' --group dev
# npm writes this file last, so it is there only when the installation is whole.
TYPESCRIPT := .ci/node_modules/.package-lock.json

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo chromium test check bench train-audio train-volumes train-digits sound-experiments volume-experiments robustness-experiment sanity-experiment table screenshots notebooks lesson-times release site lab clean constraints

define require-python
$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
  echo "wam_widgets needs Python 3.11 or newer; $(PYTHON) is: $$($(PYTHON) --version 2>&1)." \
    "Name another: make PYTHON=python3.11 setup"; exit 1; }
endef

define find-chromium
{ command -v chromium || command -v chromium-browser || command -v google-chrome; } >/dev/null
endef

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-22s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## make .venv with everything in it (quick when nothing changed)

$(READY): pyproject.toml $(CONSTRAINTS)
	@$(call require-python)
	@if [ -e $(UNFINISHED) ]; then echo "The last set-up died half-way: starting afresh."; rm -rf $(VENV); fi
	@mkdir -p $(VENV) && touch $(UNFINISHED) && rm -f $@
	@echo "Installing into $(VENV): some minutes the first time."
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	@$(call PIP,$(VENV)) --constraint $(CONSTRAINTS) --upgrade pip # `--group` needs pip 25.1
	@$(call PIP,$(VENV)) --constraint $(CONSTRAINTS) $(EVERYTHING)
	@mv $(UNFINISHED) $@ && touch $@

# Node and npm are a wheel in .venv. (`node_modules/.bin/tsc` would ask for a Node on the PATH.)
$(TYPESCRIPT): .ci/package-lock.json | $(READY)
	@$(BIN)/npm --prefix .ci ci --loglevel=error >/dev/null

demo: setup ## explain sample photos, sounds and shapes, and write demo/index.html, a page of live explorers
	@$(BIN)/python -m wam_widgets demo

# The views are tested in a browser of the system (tests/chromium.py). Without one, those tests are skipped.
chromium:
	@$(find-chromium) && exit; sudo=; [ "$$(id -u)" = 0 ] || sudo='sudo -n'; \
	if command -v apt-get >/dev/null && $$sudo true 2>/dev/null; then \
	  echo 'Installing Chromium, in which the views are tested.'; \
	  apt="$$sudo env DEBIAN_FRONTEND=noninteractive apt-get --yes --no-install-recommends"; \
	  { $$apt install chromium || { $$apt update && $$apt install chromium; }; } >/dev/null 2>&1; \
	fi; \
	$(find-chromium) || echo 'No Chromium, and none can be installed from here: views are not tested in a browser.'

test: setup chromium ## run the tests on the cores there are
	@$(BIN)/python -m pytest --numprocesses=logical --maxprocesses=8 --dist=worksteal

check: setup $(TYPESCRIPT) ## lint, format, types and layers, without changing a file
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/node .ci/node_modules/typescript/bin/tsc --project .ci
	@$(BIN)/lint-imports

bench: setup ## measure against the bare model passes and Captum
	@$(BIN)/python -m tests.benchmarks

train-audio: setup ## train the sample models of sound anew, from tests/data
	@$(BIN)/python -m tests.training.audio

train-volumes: setup ## train the sample models of volumes anew, from tests/data
	@$(BIN)/python -m tests.training.volumes

train-digits: setup ## train the sample models of pictures of digits anew, from tests/data: plainly, against attacks, by heart
	@$(BIN)/python -m tests.training.digits

sound-experiments: setup ## overlap and noise: what explanations of sound keep of either part (bench/sound.csv)
	@$(BIN)/python -m tests.experiments.sound

volume-experiments: setup ## where in a digit each scale of an explanation lies (bench/volumes.csv)
	@$(BIN)/python -m tests.experiments.volumes

robustness-experiment: setup ## which scales a network uses that was trained against attacks (bench/robustness.md)
	@$(BIN)/python -m tests.experiments.robustness

sanity-experiment: setup ## which explanations notice that the model learnt something else (bench/sanity.md)
	@$(BIN)/python -m tests.experiments.sanity

table: setup ## how faithful is each method: pictures, sounds and volumes, beside controls (bench/table.md)
	@$(BIN)/python -m tests.experiments.table

screenshots: setup ## photograph the views for the documentation (notebooks/pictures)
	@$(BIN)/python -m tests.screenshots

notebooks: setup ## generate the lessons' notebooks from notebooks/src
	@$(BIN)/python notebooks/src/generate.py

lesson-times: setup ## measure the lessons' time and memory on one core (the table in notebooks/README.md)
	@$(BIN)/python -m notebooks.src.measure

site: setup ## make the pages for teachers: lessons, gallery, recipes and reference, live and offline (dist/site)
	@$(BIN)/python -m notebooks.site.build

release: setup ## build wheel and sdist, and try the wheel bare and with every extra alone (dist)
	@$(BIN)/python -m tests.release

lab: setup ## open the lessons in JupyterLab
	@$(BIN)/jupyter lab --ServerApp.root_dir=. --LabApp.default_url=/lab/tree/notebooks

clean: ## remove outputs and caches (.venv stays: remove it by hand)
	@rm -rf demo bench dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find wam_widgets tests notebooks -name __pycache__ -type d -prune -exec rm -rf {} +

# The one place that names the tested torch. Local version suffixes ("+cpu") go: they exist on no other machine.
constraints: ## resolve every package anew and pin what came (.ci/constraints.txt)
	@$(call require-python)
	@fresh=$$(mktemp -d) && trap 'rm -rf "$$fresh"' EXIT && $(PYTHON) -m venv "$$fresh" && \
	$(call PIP,"$$fresh") --upgrade pip && \
	$(call PIP,"$$fresh") torch==2.13.0 $(EVERYTHING) && \
	"$$fresh/bin/python" -m pip freeze --all --exclude-editable | sed 's/+.*//' > "$$fresh/pins" && \
	{ echo '# Every package as tested, on Python 3.11. Written by `make constraints`.'; cat "$$fresh/pins"; } > $(CONSTRAINTS)
