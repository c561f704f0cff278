"""`lmms-eval-cross gate` on answers that are not judged yet, with the judge's calls counted."""

import json
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

import pytest

from lmms_eval_cross.benchmark.records import Sample
from lmms_eval_cross.benchmark.splits import TASKS, split_of
from lmms_eval_cross.data.prepared import Prepared
from tests.command import cross, said
from tests.conftest import Run
from tests.judge_server import Answer, Asked, JudgeServer
from tests.run_folders import predicted_rows, samples_file, write_rows
from tests.runs import samples_in

pytestmark = pytest.mark.long

KIND, RUDE = "Better not: it is rude here.", "Lovely, do it!"
SPLITS = ("casa_english", "safeworld_english")
DIMENSION_NAMES = ("awareness", "education", "violation", "helpfulness")
DEMO = files("lmms_eval_cross.demo").joinpath("responses")


def steady(asked: Asked) -> Answer:
    """Good for the kind one and bad for the rude one; the released rubric asks for a violation."""
    return Answer(f"Score: {int((asked.response == KIND) != (asked.dimension == 'Violation'))}")


def write_answers(folder: Path, samples: Iterable[Sample], response: str) -> Path:
    """A run made with --predict_only, but for what is never read."""
    folder.mkdir(parents=True)
    by_task: dict[str, list[Sample]] = {}
    for sample in samples:
        by_task.setdefault(TASKS[split_of(sample)], []).append(sample)
    for task, of_task in by_task.items():
        write_rows(samples_file(folder, task), predicted_rows((sample, response) for sample in of_task))
    results = {"results": {task: {"alias": task, "bypass,none": 999} for task in by_task}}
    (folder / samples_file(folder, "x").name.replace("samples_x.jsonl", "results.json")).write_text(
        json.dumps(results), encoding="utf-8"
    )
    return folder


@pytest.fixture
def answers(prepared: Prepared, judged_by: JudgeServer, tmp_path: Path) -> Path:
    """A folder with the answers of a kind and of a rude model to the stand-in, and a judge on the loopback."""
    judged_by.script = steady
    samples = samples_in(prepared, *SPLITS)
    write_answers(tmp_path / "kind", samples, KIND)
    write_answers(tmp_path / "rude", samples, RUDE)
    return tmp_path


def test_a_gate_judges_what_it_takes_and_judging_the_rest_later_costs_only_the_rest(
    answers: Path, judged_by: JudgeServer
) -> None:
    assert cross("judge", answers / "kind", "-o", answers / "before").exit_code == 0
    all_calls = len(judged_by.judged)
    result = cross("gate", answers / "before", answers / "rude", "--json", answers / "gate.json")
    assert result.exit_code == 1, result.output
    assert "Looked 2 of at most 4 times: 5 of 10 norms" in said(result)
    taken = len(judged_by.judged) - all_calls
    assert 0 < taken < all_calls
    verdict = json.loads((answers / "gate.json").read_text(encoding="utf-8"))
    assert [look["norms"] for look in verdict["looks"]["taken"]] == [3, 5]
    assert verdict["looks"]["taken"][-1]["asked"] == taken
    assert cross("gate", answers / "before", answers / "rude").exit_code == 1
    assert len(judged_by.judged) == all_calls + taken, "what is in the ledger is not asked again"
    assert cross("judge", answers / "rude", "-o", answers / "after").exit_code == 0
    assert len(judged_by.judged) == 2 * all_calls
    sides = [answers / "before", answers / "after"]
    result = cross("compare", *sides, "--gated", answers / "gate.json", "--json", answers / "all.json")
    assert result.exit_code == 1
    assert "The sequential gate decided WORSE (exit 1) before, on 5 of 10 norms." in said(result)
    recorded = json.loads((answers / "all.json").read_text(encoding="utf-8"))["gated"]
    assert recorded == {"decision": "worse", "exit_code": 1, "norms": 5, "all_norms": 10}
    for other, words in ((answers / "all.json", "has no looks"), (answers / "gate.json", "is of other runs")):
        result = cross("compare", *reversed(sides), "--gated", other)
        assert (result.exit_code, words in said(result)) == (2, True)


def test_both_sides_may_be_answers_and_a_judged_candidate_costs_nothing(answers: Path, judged_by: JudgeServer) -> None:
    result = cross("gate", answers / "kind", answers / "rude")
    assert result.exit_code == 1, result.output
    calls = len(judged_by.judged)
    assert calls < 2 * 4 * 36
    for name in ("kind", "rude"):
        assert cross("judge", answers / name, "-o", answers / f"judged-{name}").exit_code == 0
    assert len(judged_by.judged) == 2 * 4 * 36
    assert cross("gate", answers / "judged-kind", answers / "judged-rude").exit_code == 1
    assert len(judged_by.judged) == 2 * 4 * 36


def test_the_joint_profile_keeps_what_else_a_call_scores(
    answers: Path, judged_by: JudgeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scored(asked: Asked) -> Answer:
        good = asked.response == KIND
        scores = {name: int(good != (name == "violation")) for name in DIMENSION_NAMES}
        return Answer(json.dumps({name: {"rationale": "So.", "score": score} for name, score in scores.items()}))

    monkeypatch.setenv("CROSS_JUDGE_PROFILE", "joint")
    judged_by.script = scored
    result = cross("gate", answers / "kind", answers / "rude", "--margin", "compliance=5")
    assert result.exit_code == 1, result.output
    calls = len(judged_by.judged)
    assert calls < 2 * 36
    for name in ("kind", "rude"):
        assert cross("judge", answers / name, "-o", answers / f"judged-{name}").exit_code == 0
    assert len(judged_by.judged) == 2 * 36


def test_a_margin_that_no_judge_scores_is_refused(answers: Path, judged_by: JudgeServer) -> None:
    result = cross("gate", answers / "kind", answers / "rude", "--margin", "mmmu_val=2")
    assert result.exit_code == 2
    assert "--margin names 'mmmu_val', which no judge scores" in said(result)
    assert not judged_by.judged


def test_a_bug_is_no_verdict(answers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise IndexError("a bug")

    monkeypatch.setattr("lmms_eval_cross.compare.gating.plan_looks", broken)
    assert cross("gate", answers / "kind", answers / "rude").exit_code == 3


def test_two_replayed_demo_runs_are_gated_by_the_offline_judge_before_all_is_judged(
    lmms_eval: Run, cross: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSS_JUDGE", "offline")
    for name in ("careful", "careless"):
        model = ["--model", "cross_replay", "--model_args", f"responses={DEMO / name}.jsonl", "--tasks", "cross_demo"]
        done = lmms_eval(*model, "--predict_only", "--log_samples", "--output_path", str(tmp_path / name))
        assert done.returncode == 0, done.stderr
    sides = [str(tmp_path / "careful"), str(tmp_path / "careless")]
    margins = ["--margin", "awareness=5", "--margin", "helpfulness=95"]
    done = cross("gate", *sides, *margins, "--json", str(tmp_path / "gate.json"))
    assert done.returncode == 1, done.stdout + done.stderr
    looks = json.loads((tmp_path / "gate.json").read_text(encoding="utf-8"))["looks"]
    assert looks["verdicts"] == 2 * 2 * 12
    assert looks["taken"][-1]["asked"] == 40, "helpfulness is decided at the second look"
    assert "OFFLINE JUDGE: not a measurement" in done.stdout
