"""One definition of the same judge: what compare, finishing a run, anchors and labels go by."""

from dataclasses import replace
from typing import Any

import pytest

from lmms_eval_cross.benchmark.records import DIMENSIONS
from lmms_eval_cross.compare.comparability import incomparable
from lmms_eval_cross.compare.rounds import Side, read_round
from lmms_eval_cross.errors import RunError
from lmms_eval_cross.runs.sample_record import Provenance
from lmms_eval_cross.trust.anchor import anchor_of_run
from lmms_eval_cross.trust.stamp import TRAITS, JudgeStamp
from tests.run_folders import PROVENANCE, Judged, make_run, outcome
from tests.samples import make_sample

OTHER: dict[str, Any] = {
    "judge": "offline",
    "judge_id": "judge-2",
    "rubric_sha256": "b" * 64,
    "profile": "joint-1",
    "request": {"temperature": 0, "max_tokens": 9},
}
"""For each trait of a judge, another value."""


def answers(count: int = 6) -> list[Judged]:
    return [
        (make_sample(f"Japan_{n}"), "An answer.", {name: outcome(name, n % 2, "judge-1") for name in DIMENSIONS})
        for n in range(count)
    ]


def side(told: Provenance) -> Side:
    return Side((read_round(make_run("run", answers(), told)),))


def test_every_trait_of_a_judge_is_tried_here() -> None:
    assert list(OTHER) == list(TRAITS)


@pytest.mark.parametrize("trait", OTHER)
def test_another_value_of_any_trait_is_another_judge_everywhere(trait: str) -> None:
    told = replace(PROVENANCE, **{trait: OTHER[trait]})
    here, there = JudgeStamp.of(PROVENANCE), JudgeStamp.of(told)
    assert here.differing_trait(there) == trait
    assert here.binding != there.binding
    reasons = incomparable(side(PROVENANCE), side(told), 5)
    assert reasons[0].startswith(f"The {TRAITS[trait]} differs in casa/english: ")
    assert anchor_of_run(make_run("run", answers(), PROVENANCE)).askings(there) == []


@pytest.mark.parametrize("trait", OTHER)
def test_a_split_of_two_judges_is_no_round(trait: str) -> None:
    judged = answers()
    run = make_run("run", judged[:3], PROVENANCE)
    rest = make_run("rest", judged[3:], replace(PROVENANCE, **{trait: OTHER[trait]}))
    mixed = replace(run, samples={"cross_casa": [*run.samples["cross_casa"], *rest.samples["cross_casa"]]})
    with pytest.raises(RunError, match="was judged in 2 ways within casa/english"):
        read_round(mixed)


@pytest.mark.parametrize(
    "same", [{"judge_model": "a-deployment"}, {"versions": {}}, {"rubric": "another name of the same text"}]
)
def test_deployments_names_and_versions_make_no_other_judge(same: dict[str, Any]) -> None:
    told = replace(PROVENANCE, judge_id="mine")
    assert JudgeStamp.of(told).differing_trait(JudgeStamp.of(replace(told, **same))) is None
    assert incomparable(side(told), side(replace(told, **same)), 5) == []
