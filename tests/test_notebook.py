"""`examples/notebook.ipynb` is what its source gives when it is run on the demo; `make notebook` writes it anew."""

import os
from importlib.resources import files
from pathlib import Path

import jupytext
import nbformat
import pytest
from nbclient import NotebookClient

from lmms_eval_cross import session
from lmms_eval_cross.benchmark.splits import DEMO
from tests.conftest import ROOT
from tests.report_runs import demo_answers, write_run

pytestmark = pytest.mark.long

SOURCE = ROOT / "examples" / "notebook.py"
NOTEBOOK = SOURCE.with_suffix(".ipynb")
WRITE = os.environ.get("CROSS_NOTEBOOK") == "write"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the demo's two runs."""
    monkeypatch.setenv("CROSS_JUDGE", "offline")
    responses = Path(str(files("lmms_eval_cross.demo"))) / "responses"
    for name in ("careful", "careless"):
        write_run(tmp_path / "runs" / name, demo_answers(responses / f"{name}.jsonl"), session.provenance_for(DEMO))
    monkeypatch.delenv("CROSS_JUDGE")
    return tmp_path


def executed(folder: Path) -> nbformat.NotebookNode:
    """The source as a notebook that was run in a folder, without what differs from run to run."""
    notebook = jupytext.read(SOURCE)
    notebook.cells.pop(0)  # the docstring
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": folder}}).execute()
    notebook.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    for number, cell in enumerate(notebook.cells):
        cell.id, cell.metadata = f"cell-{number}", {}
    return notebook


def words(notebook: nbformat.NotebookNode) -> list[tuple[str, list[str]]]:
    """Of each cell what it says and what it gave, however tables are spaced."""
    told: list[tuple[str, list[str]]] = []
    for cell in notebook.cells:
        given = " ".join(output.get("text", "") for output in cell.get("outputs", []))
        told.append((cell.source, given.split()))
    return told


def test_the_notebook_is_what_its_source_gives(folder: Path) -> None:
    fresh = executed(folder)
    if WRITE:
        nbformat.write(fresh, NOTEBOOK)
    kept = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(kept)
    assert words(kept) == words(fresh)
    kinds = {output.output_type for cell in fresh.cells for output in cell.get("outputs", [])}
    assert kinds == {"stream"}  # what is computed shows nothing by itself
    everything = " ".join(" ".join(given) for _, given in words(kept))
    assert "Exit 1, worse: compliance fell by" in everything
    assert "11 of 11 answers comply; 1 has no verdict (no_response)" in everything
    assert str(folder) not in NOTEBOOK.read_text(encoding="utf-8")
