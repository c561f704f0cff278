# `make demo` and `make test` need Python 3.10 or later and nothing else; all is installed into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test check format clean

demo: $(STAMP)
	CROSS_JUDGE=offline $(BIN)/lmms-eval --model cross_replay \
		--model_args responses=$$($(BIN)/lmms-eval-cross demo-responses careful) \
		--tasks cross_demo --output_path runs/careful --log_samples

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
