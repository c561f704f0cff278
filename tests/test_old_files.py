"""What release 0.1 wrote still opens: ledger, run, baseline, anchor, batch, labels, and the answers of a killed run.

tests/fixtures/release_0_1 was written by that release's own code: cross_demo, `careful`, offline judge; the labels are
invented.
"""

import json
import os
import shutil
from contextlib import closing
from pathlib import Path

import pytest

from lmms_eval_cross.benchmark.records import DIMENSIONS, Verdict
from lmms_eval_cross.compare.inputs import load_side
from lmms_eval_cross.data.demo_split import prepare_demo
from lmms_eval_cross.ledger.contents import verify
from lmms_eval_cross.ledger.store import Ledger
from lmms_eval_cross.runs.run_files import load_run
from lmms_eval_cross.trust.anchor import load_anchor
from lmms_eval_cross.trust.human_labels import load_labels
from tests.conftest import Run

OLD = Path(__file__).parent / "fixtures" / "release_0_1"
MEANS = {"awareness": 11, "education": 10, "compliance": 11, "helpfulness": 11}
"""Of twelve answers, those that scored 1."""


def test_the_ledger_opens_and_every_key_is_still_derived(tmp_path: Path) -> None:
    shutil.copy(OLD / "ledger.sqlite", tmp_path)
    with closing(Ledger(tmp_path / "ledger.sqlite")) as ledger:
        assert (ledger.count("response"), ledger.count("verdict")) == (12, 48)
        report = verify(ledger)
    assert report.sentence.startswith("48 keys are right, 0 wrong")


def test_the_run_opens_with_its_scores() -> None:
    answers = load_run(OLD / "run").answers
    scored = {name: [answer.outcomes[name] for answer in answers] for name in DIMENSIONS}
    for name, outcomes in scored.items():
        assert sum(outcome.score for outcome in outcomes if isinstance(outcome, Verdict)) == MEANS[name]


def test_the_baseline_says_the_same_as_the_run_that_it_was_made_of() -> None:
    baseline, run = load_side([OLD / "baseline.json"]), load_side([OLD / "run"])
    assert baseline.rounds[0].scores == run.rounds[0].scores


def test_the_anchor_and_the_batch_keep_their_seals() -> None:
    assert len(load_anchor(OLD / "anchor.json").items) == 8
    assert len(load_anchor(OLD / "batch.json").items) == 12


def test_the_labels_open_and_name_their_batch() -> None:
    labels = load_labels(OLD / "labels.json")
    assert labels.batch.id == load_anchor(OLD / "batch.json").id
    assert {annotation.annotator for annotation in labels.annotations} == {"a", "b"}


def test_a_run_that_was_killed_before_the_upgrade_goes_on_from_its_answers(
    cross: Run, bare_environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSS_JUDGE", "offline")
    prepare_demo(bare_environment)
    shutil.copytree(OLD / "interrupted" / "answers", bare_environment / "answers")
    shutil.copy(OLD / "interrupted" / "answers.jsonl", tmp_path)
    os.utime(tmp_path / "answers.jsonl", (1767225600, 1767225600))  # a checkpoint of another time is another model
    arguments = ["--model", "cross_replay", "--model_args", "responses=answers.jsonl", "--tasks", "cross_demo"]
    done = cross("run", "--chunk", "3", "--", *arguments, "--output_path", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "9 of 12 answers were kept" in done.stderr
    (results,) = (tmp_path / "out").glob("*_results.json")
    assert json.loads(results.read_text(encoding="utf-8"))["results"]["cross_demo"]["coverage,none"] == 100
