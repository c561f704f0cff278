"""A plan from what a user gives: runs or rates, margins, tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lmms_eval_cross.benchmark.records import DIMENSIONS, Dimension
from lmms_eval_cross.compare.comparison import DEFAULT_MARGIN
from lmms_eval_cross.compare.inputs import load_side
from lmms_eval_cross.compare.rounds import SampleFacts
from lmms_eval_cross.cost.estimate import Lengths
from lmms_eval_cross.cost.task_costs import usd_by_sample
from lmms_eval_cross.errors import RunError, SettingsError
from lmms_eval_cross.judge.prices import load_prices
from lmms_eval_cross.judge.profiles import PROFILES
from lmms_eval_cross.planning.designs import Prices, Wish, plan_designs
from lmms_eval_cross.planning.plan_text import Plan
from lmms_eval_cross.planning.variance import estimate_components
from lmms_eval_cross.settings import Settings, load_settings
from lmms_eval_cross.trust.anchor import load_anchor


@dataclass(frozen=True, slots=True)
class Known:
    """What is known before."""

    runs: Sequence[Path]
    """A baseline and a candidate, or one run, or none."""
    anchor: Path | None
    """ToJudge several times by one judge."""
    rate: float | None
    """0..1."""
    flips: float | None
    """0..1."""


@dataclass(frozen=True, slots=True)
class ToJudge:
    """What is to be judged, and at what price."""

    tasks: Sequence[str]
    model: str | None
    lengths: Lengths
    label_usd: float


def make_plan(
    known: Known,
    margins: Mapping[str, float],
    power: float,
    alpha: float,
    accuracy: Mapping[str, tuple[float, float]],
    to_judge: ToJudge,
) -> Plan:
    """Plan a comparison.

    Raises:
        RunError: a run can't be read, or a margin names no dimension.
        SettingsError: a panel is in force, and no model is named.
        NotPreparedError: the tasks' data are not prepared.
    """
    wanted = _margins(margins)
    sides = [load_side([path]) for path in known.runs]
    anchor = None if known.anchor is None else load_anchor(known.anchor)
    estimated = estimate_components(sides, anchor, known.rate, known.flips)
    gated = [one for one in estimated.components if one.dimension in wanted]
    facts, prices, priced = _prices(to_judge, load_settings())
    wish = Wish(wanted, power, alpha, accuracy)
    return Plan(wish, estimated, plan_designs(facts, gated, wish, prices), priced)


def _margins(margins: Mapping[str, float]) -> dict[Dimension, float]:
    others = sorted(set(margins) - set(DIMENSIONS))
    if others:
        raise RunError(f"--margin names {others[0]!r}; a plan is for the dimensions {', '.join(DIMENSIONS)}.")
    given = margins or dict.fromkeys(DIMENSIONS, DEFAULT_MARGIN)
    return {name: given[name] for name in DIMENSIONS if name in given}


def _prices(to_judge: ToJudge, settings: Settings) -> tuple[list[SampleFacts], Prices, str]:
    """The samples, what judging them costs, and a sentence on what that stands on."""
    if settings.judge_panel and to_judge.model is None:
        raise SettingsError("CROSS_JUDGE_PANEL is set, and a plan counts what one judge costs; name one with --model.")
    model, profile = to_judge.model or settings.judge_model, PROFILES[settings.judge_profile]
    samples, usd = usd_by_sample(to_judge.tasks, profile, model, to_judge.lengths)
    calls = sum(map(len, profile.waves))
    money = f"{model} has no price, and CROSS_JUDGE_PRICES can name one"
    if usd is not None:
        money = f"USD are list prices of {model} of {load_prices(settings.judge_prices).date}, profile {profile.name}"
    sentence = (
        f"{money}; answers of {to_judge.lengths.answer} tokens, replies of {to_judge.lengths.reply} a dimension. Calls "
        "and USD are for both sides; a baseline that stays is paid for once."
    )
    return list(map(SampleFacts.of, samples)), Prices(calls, usd, to_judge.label_usd), sentence
