# `make demo` and `make test` need Python 3.10 or later and nothing else; all is installed into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo tune-demo pictures FORCE test check format clean

demo: runs/careless runs/careful
	@echo "The report of both:"
	@$(BIN)/lmms-eval-cross report $^ -o runs/report.html

runs/%: $(STAMP) FORCE
	CROSS_JUDGE=offline $(BIN)/lmms-eval --model cross_replay \
		--model_args responses=$$($(BIN)/lmms-eval-cross demo-responses $*) \
		--tasks cross_demo --output_path $@ --log_samples

FORCE:

# Tunes a tiny random model on the demo's own answers, and gates it: plumbing, not a measurement. Python 3.11 or later.
tune-demo: $(STAMP)
	$(BIN)/python -m pip install --quiet --editable ".[align,models]"
	PATH="$(CURDIR)/$(BIN):$$PATH" sh examples/align/tune-demo.sh runs/tune

pictures: $(STAMP)
	CROSS_PICTURES=docs/images $(BIN)/python -m pytest tests/test_report_browser.py -k pictures

test: $(STAMP)
	$(BIN)/python -m pytest -n auto

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(STAMP): setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable ".[dev,models]"
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info
