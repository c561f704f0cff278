"""What a command does not need is not loaded: the structure that keeps start-up quick, whatever the machine's speed."""

import sys

import pytest

from tests.conftest import Run

ASKING = {"openai", "httpx", "httpx2", "tenacity"}
"""What only those load who ask a judge or fetch data."""
NEVER = {
    "pydantic_settings",
    "torch",
    "lmms_eval",
    "datasets",
    "transformers",
    "pandas",
    "scipy.stats",
    "huggingface_hub",
}
PAGES = {"vl_convert", "jinja2", "rich"}
FORBIDDEN = {
    "settings": ASKING | NEVER | PAGES | {"numpy", "pyarrow", "PIL", "yaml"},
    "ledger.contents": ASKING | NEVER | PAGES | {"numpy", "pyarrow", "PIL", "yaml", "pydantic"},
    "ledger.steady": ASKING | NEVER | PAGES | {"numpy", "pyarrow", "PIL", "yaml"},
    "trust.anchor": ASKING | NEVER | PAGES | {"pyarrow", "PIL", "yaml"},
    "trust.agreement_report": ASKING | NEVER | PAGES | {"pyarrow", "PIL", "yaml"},
    "trust.annotator_sheets": ASKING | NEVER | PAGES,
    "compare.decide": ASKING | NEVER | PAGES | {"pyarrow", "PIL", "yaml"},
    "compare.baseline_file": ASKING | NEVER | PAGES | {"pyarrow", "PIL", "yaml"},
    "report.report_json": ASKING | NEVER | PAGES | {"pyarrow", "PIL"},
    "report.write": ASKING | NEVER | PAGES | {"pyarrow", "PIL", "tqdm"},
    "cost.estimate": ASKING | NEVER | PAGES,
    "session": ASKING | NEVER | PAGES,
    "judging": ASKING | NEVER | PAGES,
    "cli": ASKING | NEVER | PAGES | {"numpy", "pyarrow", "PIL", "yaml", "pydantic"},
    "cli.anchor": ASKING | NEVER | PAGES | {"numpy", "pyarrow", "PIL", "yaml", "pydantic"},
    "cli.anchor_build": ASKING | NEVER | PAGES | {"pyarrow", "PIL", "yaml"},
    "cli.compare": ASKING | NEVER | PAGES | {"numpy", "pyarrow", "PIL", "yaml", "pydantic"},
    "cli.deciding": ASKING
    | NEVER
    | {"vl_convert", "jinja2", "pyarrow", "PIL", "yaml", "lmms_eval_cross.compare.gate_document"},
    "cli.label": ASKING | NEVER | PAGES | {"numpy", "pyarrow", "PIL", "yaml", "pydantic"},
    "cli.label_correct": ASKING | NEVER | {"vl_convert", "jinja2", "pyarrow", "PIL", "yaml"},
    "cli.ledger": ASKING | NEVER | PAGES | {"numpy", "pyarrow", "PIL", "yaml", "pydantic"},
    "cli.ledger_show": ASKING | NEVER | {"vl_convert", "jinja2", "numpy", "pyarrow", "PIL"},
    "harness.run_command": ASKING | NEVER | PAGES,
}
"""Module -> what importing it must not load."""


@pytest.mark.parametrize("module", FORBIDDEN)
def test_a_module_loads_nothing_that_it_does_not_need(module: str, run: Run) -> None:
    code = f"import sys, lmms_eval_cross.{module}; print(*sys.modules)"
    done = run(sys.executable, "-c", code)
    assert done.returncode == 0, done.stderr
    assert sorted(FORBIDDEN[module] & set(done.stdout.split())) == []
