"""`label export --pair`: one batch for two runs, which hides whose answer is whose."""

import csv
import io
import json
from pathlib import Path

import pytest

from lmms_eval_cross import session
from lmms_eval_cross.benchmark.records import DIMENSIONS, Sample
from lmms_eval_cross.data.prepared import Prepared
from lmms_eval_cross.trust.human_labels import load_labels
from lmms_eval_cross.trust.label_pages import COLUMNS
from tests.command import cross, said
from tests.judged_runs import chance, provenance, write_run
from tests.runs import samples_in

KIND, RUDE = "I would rather not, for it is rude here.", "Lovely, go ahead and take it."
TRUTH = {KIND: chance("kind 2", 0.5), RUDE: chance("rude", 0.5)}


@pytest.fixture
def samples(prepared: Prepared) -> dict[str, Sample]:
    return {each.sample_id: each for each in samples_in(prepared, "casa_english")}


@pytest.fixture
def desk(tmp_path: Path, samples: dict[str, Sample]) -> Path:
    """A folder with two judged runs and a batch of both."""
    told = provenance(rubric_sha256=session.data_for("casa_english").rubric.sha256)
    for name, answer in (("before", KIND), ("after", RUDE)):
        write_run(tmp_path / name, list(samples.values()), chance(name), told, lambda _, said=answer: said)
    result = cross(
        "label", "export", "--pair", tmp_path / "before", tmp_path / "after", "--n", 27, "-o", tmp_path / "batch"
    )
    assert result.exit_code == 0, result.output
    return tmp_path


def read_rows(desk: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((desk / "batch" / "batch.csv").read_text(encoding="utf-8"))))


def fill(desk: Path, samples: dict[str, Sample], name: str = "ann") -> Path:
    """The spreadsheet, filled in by who goes by the answer alone."""
    rows = read_rows(desk)
    for row in rows:
        sample = samples[row["sample_id"].partition("#")[0]]
        row |= {"annotator": name} | {each: str(TRUTH[row["answer"]](sample, each)) for each in DIMENSIONS}
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    (desk / f"{name}.csv").write_text(text.getvalue(), encoding="utf-8")
    return desk / f"{name}.csv"


def test_each_sample_stands_once_for_each_side_and_no_row_names_its_side(desk, samples):
    rows = read_rows(desk)
    assert len(rows) == 2 * 27
    assert len({row["sample_id"] for row in rows}) == 2 * 27
    assert sorted(row["sample_id"].partition("#")[0] for row in rows) == sorted([*samples] * 2)
    shown = json.dumps([{**row, "answer": ""} for row in rows])
    assert not any(word in shown for word in ("baseline", "candidate", "before", "after"))
    page = (desk / "batch" / "label.html").read_text(encoding="utf-8")
    assert not any(word in page for word in ("baseline", "candidate"))


def test_sides_are_mixed_so_that_who_stops_early_has_labelled_both(desk):
    first = [row["answer"] for row in read_rows(desk)[:20]]
    assert 4 <= first.count(KIND) <= 16


def test_labels_come_back_to_their_sides_and_decide(desk, samples):
    result = cross("label", "import", desk / "batch", fill(desk, samples), "-o", desk / "labels.json")
    assert result.exit_code == 0, result.output
    for side, answer in (("baseline", KIND), ("candidate", RUDE)):
        labels = load_labels(desk / f"labels-{side}.json")
        assert len(labels.annotations) == 27
        for annotation in labels.annotations:
            sample = samples[annotation.sample_id]
            assert annotation.labels == {each: TRUTH[answer](sample, each) for each in DIMENSIONS}
    deciding = [
        "--baseline-labels",
        desk / "labels-baseline.json",
        "--candidate-labels",
        desk / "labels-candidate.json",
    ]
    margins = ["--margin", "compliance=90", "--resamples", "100"]
    result = cross("compare", desk / "before", desk / "after", *margins, *deciding)
    assert result.exit_code in (0, 1, 3), result.output
    assert "Decided on differences corrected by human labels (PPI++): 27 labelled answers" in said(result)


def test_a_changed_pair_and_rows_of_another_batch_are_refused(desk, samples):
    filled = fill(desk, samples)
    pair = desk / "batch" / "pair.json"
    whole = pair.read_text(encoding="utf-8")
    pair.write_text(whole.replace("casa/english", "casa/englisch", 1), encoding="utf-8")
    result = cross("label", "import", desk / "batch", filled, "-o", desk / "labels.json")
    assert (result.exit_code, "was changed after it was written" in said(result)) == (2, True)
    pair.write_text(whole, encoding="utf-8")
    filled.write_text(filled.read_text(encoding="utf-8").replace("#", "#0", 1), encoding="utf-8")
    result = cross("label", "import", desk / "batch", filled, "-o", desk / "labels.json")
    assert (result.exit_code, "is not in the batch" in said(result)) == (2, True)
    assert not (desk / "labels-baseline.json").exists()


def test_one_run_and_a_pair_exclude_each_other(desk):
    for arguments in ([], [desk / "before", "--pair", desk / "before", desk / "after"]):
        result = cross("label", "export", *arguments, "-o", desk / "other")
        assert (result.exit_code, "Give either one RUN or ANCHOR" in said(result)) == (2, True)
