# Needs Python 3.10 or later and nothing else: `make demo` and `make test` install into .venv what constraints.txt names.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
MADE := $(VENV)/.made-with-$(VERSION)
INSTALLED := $(VENV)/.installed
TOOLS := $(VENV)/.tools
LIGHT := .venv-light
SERVERS := .venv-servers
LOCK := constraints.txt
DEPENDENCIES := setup.cfg pyproject.toml $(LOCK)
EXTRAS := dev,models,align,postgres
UV := $(BIN)/uv
PYTHONS := 3.10 3.11 3.12 3.13 3.14
PLATFORMS := x86_64-manylinux_2_28 aarch64-manylinux_2_28 aarch64-apple-darwin
export MACOSX_DEPLOYMENT_TARGET := 14.0

.PHONY: help demo demo-efforts tune-demo test fuzz quick light check format docs formats servers schemas pictures notebook dist lock resolve newest lowest clean FORCE
help: ## show this list
	@grep -hE '^[a-z -]+:.* ## ' $(MAKEFILE_LIST) | sed -E 's/:.* ## /\t/' | expand -t 12

demo: runs/careless runs/careful ## run lmms-eval on twelve scenes of our own, offline, and write the report
	@echo "The report of both:"
	$(BIN)/lmms-eval-cross report $(filter runs/%,$^) -o runs/report.html

demo-efforts: runs/thoughtful-low runs/thoughtful-medium runs/thoughtful-high ## the same of a third invented model: three efforts, three rounds
	$(BIN)/lmms-eval-cross report $(filter runs/%,$^) -o runs/efforts.html

# demo BIN, RESPONSES, OUTPUT: a run of the demo in an environment
demo = CROSS_JUDGE=offline $(1)/lmms-eval-cross run -- --model cross_replay \
	--model_args responses=$$($(1)/lmms-eval-cross demo-responses $(2)) --tasks cross_demo --output_path $(3)

runs/thoughtful-%: $(INSTALLED) FORCE
	CROSS_JUDGE=offline $(BIN)/lmms-eval-cross run -- --model cross_replay --repeats 3 --tasks cross_demo --output_path $@ \
		--model_args responses=$$($(BIN)/lmms-eval-cross demo-responses thoughtful-$*),reasoning_effort=$*

runs/%: $(INSTALLED) FORCE
	$(call demo,$(BIN),$*,$@)

FORCE:

tune-demo: $(TOOLS) ## tune a tiny random model on the demo's own answers and gate it: plumbing, not a measurement
	PATH="$(CURDIR)/$(BIN):$$PATH" sh examples/align/tune-demo.sh runs/tune

test: $(TOOLS) ## run every test
	$(BIN)/python -m pytest -n auto

fuzz: $(TOOLS) ## try every boundary with many more hostile inputs than `make test`; EXAMPLES=2000
	CROSS_TEST_FUZZ=$(or $(EXAMPLES),2000) $(BIN)/python -m pytest -n auto -m fuzz --timeout 36000

# half as many workers again as processors, since tests wait for sockets and clocks
quick: $(TOOLS) ## run the short half of the tests: no browser, no other process, none marked `long`
	$(BIN)/python -m pytest -n $(shell expr $$(getconf _NPROCESSORS_ONLN) \* 3 / 2) --dist loadfile -m "not process and not long"

light: $(INSTALLED) $(LIGHT)/.installed ## run the gate's commands without lmms-eval and torch; outputs must be the full set's
	$(LIGHT)/bin/python -m pip install --quiet --no-deps .
	CROSS_FULL_PYTHON=$(CURDIR)/$(BIN)/python $(LIGHT)/bin/python -m pytest -m light tests/test_light.py

check: $(TOOLS) ## lint, format, types, import rules, declared dependencies
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python requirements/declared.py > $(VENV)/declared.txt
	$(BIN)/deptry . --requirements-files $(VENV)/declared.txt

format: $(TOOLS) ## mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(TOOLS) ## build the documentation's pages into build/docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet --site-dir build/docs

formats: $(TOOLS) ## have LLaMA-Factory, ms-swift, Axolotl and Together read our exports, in environments of their own (10 GB)
	$(BIN)/python .ci/formats/make.py $(FORMATS)

servers: $(SERVERS)/.installed ## install litellm's proxy and transformers serve for `python -m benchmarks.endpoints` (6 GB, Python 3.11 or later)

schemas: $(TOOLS) ## write the JSON schemas of compare and report anew, from the types of their documents
	$(BIN)/python .ci/write_schemas.py

pictures: $(TOOLS) ## take the pictures of README and docs anew
	CROSS_PICTURES=docs/images $(BIN)/python -m pytest tests/test_report_browser.py -k pictures

notebook: $(TOOLS) ## run the example notebook on the demo anew
	CROSS_NOTEBOOK=write $(BIN)/python -m pytest tests/test_notebook.py

dist: $(TOOLS) ## build the sdist and the wheel, and check them; REPOSITORY=https://... makes the README's links absolute
	rm -rf dist
	$(BIN)/python .ci/release_tree.py build/release $(REPOSITORY)
	$(BIN)/python -m build --outdir dist build/release
	$(BIN)/twine check --strict dist/*

# ---- the environment ----

# pip builds us, and what has no wheel, with what PIP_CONSTRAINT (PIP_BUILD_CONSTRAINT from pip 25.3 on) names.
$(INSTALLED) $(TOOLS) light dist: export PIP_CONSTRAINT := $(CURDIR)/$(LOCK)
$(INSTALLED) $(TOOLS) light dist: export PIP_BUILD_CONSTRAINT := $(CURDIR)/$(LOCK)

$(MADE):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || { echo "$(PYTHON) is \
	$$($(PYTHON) --version 2>&1 || true), and lmms-eval-cross needs Python 3.10 or later; name one: PYTHON=python3.12 make $(MAKECMDGOALS)" >&2; exit 2; }
	$(PYTHON) -m venv --clear $(VENV)
	touch $@

$(INSTALLED): $(MADE) $(DEPENDENCIES)
	$(BIN)/python -m pip install --quiet --constraint $(LOCK) --editable .
	touch $@

$(LIGHT)/.installed: requirements/light-test.txt
	$(PYTHON) -m venv --clear $(LIGHT)
	$(LIGHT)/bin/python -m pip install --quiet --requirement $<
	touch $@

$(SERVERS)/.installed: benchmarks/servers.txt $(TOOLS)
	$(UV) venv --quiet --clear --python $(BIN)/python $(SERVERS)
	$(UV) pip install --quiet --only-binary :all: --python $(SERVERS)/bin/python --requirements $<
	touch $@

$(TOOLS): $(INSTALLED)
	$(BIN)/python -m pip install --quiet --constraint $(LOCK) --editable ".[$(EXTRAS)]"
	touch $@

lock: $(TOOLS) ## choose the versions of constraints.txt anew: the newest that go together
	$(UV) pip compile --quiet --universal --python-version 3.10 --all-extras --no-annotate --no-header --upgrade \
		setup.cfg requirements/pins.in --output-file $(LOCK).new
	@{ echo "# Written by \`make lock\`; nvidia's packages are left to torch, which names their versions itself."; \
		grep -vE '^(nvidia|cuda)-' $(LOCK).new; } > $(LOCK)
	@rm $(LOCK).new
	UV=$(UV) requirements/lock.sh

resolve: $(TOOLS) ## ask the index whether everything resolves: locked, lowest and newest, each Python and platform
	@for python in $(PYTHONS); do for platform in $(PLATFORMS); do \
		printf '%s\n' "$$python $$platform --constraint $(LOCK)" "$$python $$platform --resolution lowest-direct" \
			"$$python $$platform --resolution highest"; \
	done; done | xargs -P 6 -L 1 $(SHELL) -c '$(UV) pip compile --quiet --all-extras --output-file /dev/null setup.cfg \
		--python-version $$0 --python-platform $$1 $$2 $$3 >/dev/null && echo "resolves: Python $$0 on $$1, $$2 $$3" || exit 255'

newest lowest: $(TOOLS) ## run the demo and the tests with the newest, or lowest, versions that setup.cfg allows
	$(UV) venv --quiet --clear --seed --python $(BIN)/python .venv-$@
	$(UV) pip install --quiet --python .venv-$@/bin/python --editable ".[$(EXTRAS)]" \
		--resolution $(if $(filter lowest,$@),lowest-direct,highest)
	$(BIN)/python .ci/drift.py $(LOCK) .venv-$@/bin/python
	$(call demo,.venv-$@/bin,careful,runs/$@)
	.venv-$@/bin/python -m pytest -n auto

clean: ## remove what make made, but runs
	rm -rf .venv .venv-formats $(LIGHT) .venv-newest .venv-lowest build dist *.egg-info
