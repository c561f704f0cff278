"""What release 0.1 wrote still opens: ledger, run, baseline, anchor, batch, labels, and the answers of a killed run.

tests/fixtures/release_0_1 was written by that release's own code: cross_demo, `careful`, offline judge; the labels are
invented.
"""

import json
import os
import shutil
from contextlib import closing
from itertools import chain
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
from tests.command import cross as command
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


def test_every_output_says_that_an_old_baseline_has_no_seal_and_what_to_do(tmp_path: Path) -> None:
    outputs = [tmp_path / name for name in ("gate.md", "gate.xml", "gate.json")]
    options = zip(("--markdown", "--junit", "--json"), map(str, outputs), strict=True)
    sides = (OLD / "baseline.json", OLD / "run")
    result = command("compare", *sides, "--margin", "compliance=60", *chain.from_iterable(options))
    assert result.exit_code == 0, result.output
    for text in (result.output, *(output.read_text(encoding="utf-8") for output in outputs)):
        told = " ".join(text.replace("\\", "").split())
        assert "is of an earlier release and has no seal" in told
        assert "write it anew from its run with `lmms-eval-cross baseline RUN -o FILE`" in told


@pytest.mark.parametrize("name", ["compare", "gate"])
def test_an_old_baseline_can_be_refused(name: str) -> None:
    result = command(name, OLD / "baseline.json", OLD / "run", "--unsealed", "refuse")
    assert result.exit_code == 2
    assert "has no seal" in result.output


def test_an_old_baseline_is_not_given_a_seal(tmp_path: Path) -> None:
    result = command("baseline", OLD / "baseline.json", "-o", tmp_path / "sealed.json")
    assert result.exit_code == 2
    assert "write it anew from its run" in result.output
    assert not (tmp_path / "sealed.json").exists()


def test_a_sealed_baseline_whose_seal_was_taken_off_is_edited_or_an_old_one(tmp_path: Path) -> None:
    """A downgrade can't be told from an old file, which is why CI refuses both."""
    file = tmp_path / "baseline.json"
    assert command("baseline", OLD / "run", "-o", file).exit_code == 0
    content = json.loads(file.read_text(encoding="utf-8"))
    del content["sha256"]
    file.write_text(json.dumps(content), encoding="utf-8")
    assert "was edited" in command("compare", file, OLD / "run").output
    content["schema"] = "cross-baseline/1"
    content["samples"] = {name: row[:4] for name, row in content["samples"].items()}
    file.write_text(json.dumps(content), encoding="utf-8")
    assert "has no seal" in command("compare", file, OLD / "run").output
    assert command("compare", file, OLD / "run", "--unsealed", "refuse").exit_code == 2


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
