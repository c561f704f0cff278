"""The offline judge: rules that need no network, and say that they are no measurement."""

import asyncio
from pathlib import Path

import pytest

from lmms_eval_cross.benchmark.records import DIMENSIONS, Verdict
from lmms_eval_cross.judge.choose import make_judge
from lmms_eval_cross.settings import load_settings
from tests.judging import job as answer
from tests.judging import judged_in

CAREFUL = (
    "I would avoid white chrysanthemums: in France they are a symbol of mourning, because people lay them on graves. "
    "Instead, buy a bunch of tulips, which every host is glad of."
)


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSS_JUDGE", "offline")


def scores(home: Path, response: str) -> dict[str, int | None]:
    outcomes = judged_in(home, [answer(response)])[0]
    return {name: outcome.score if isinstance(outcome, Verdict) else None for name, outcome in outcomes.items()}


def test_every_verdict_says_that_it_is_no_measurement(bare_environment: Path) -> None:
    for outcome in judged_in(bare_environment, [answer(CAREFUL)])[0].values():
        assert isinstance(outcome, Verdict)
        assert outcome.rationale.startswith("Not a measurement.")
        assert outcome.model == "offline-rules-1"


def test_a_failed_generation_gets_no_score_here_either(bare_environment: Path) -> None:
    assert scores(bare_environment, "ERROR: The API call failed.") == dict.fromkeys(DIMENSIONS)


def test_the_answer_decides_the_scores(bare_environment: Path) -> None:
    assert scores(bare_environment, "Take the flowers on the left, they look lovely on every table.")["awareness"] == 0
    assert scores(bare_environment, CAREFUL) == dict.fromkeys(DIMENSIONS, 1)


def test_the_same_answer_gets_the_same_scores(bare_environment: Path, tmp_path: Path) -> None:
    assert scores(bare_environment, CAREFUL) == scores(tmp_path / "another", CAREFUL)


def test_its_verdicts_can_not_pass_for_another_judges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSS_JUDGE_ID", "gpt-4o-2024-08-06")
    judge = make_judge(load_settings())
    assert (judge.identity.kind, judge.identity.id, judge.identity.profile) == ("offline", "offline-rules-1", "rules")
    asyncio.run(judge.close())
