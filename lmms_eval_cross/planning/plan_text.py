"""A plan for people, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any, Final

from lmms_eval_cross import numbers
from lmms_eval_cross.planning.designs import Planned, Wish
from lmms_eval_cross.planning.variance import Components, Estimated

SCHEMA: Final = "cross-plan/1"
SHOWN: Final = 6
"""Designs, the cheapest first."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What was asked, what is known of the variance, and every design, the cheapest first."""

    wish: Wish
    estimated: Estimated
    designs: Sequence[Planned]
    priced: str
    """What the money is: the model, the date of the prices, what is assumed of lengths."""

    @property
    def enough(self) -> list[Planned]:
        """Those that show what was asked for."""
        return [one for one in self.designs if one.is_enough]

    @property
    def once(self) -> Planned:
        """All samples, answered and judged once, without labels."""
        simple = [one for one in self.designs if one.design[2:] == (1, 1, 0)]
        return max(simple, key=lambda one: one.samples)


def render_plan(plan: Plan) -> str:
    """The plan for a terminal, in Markdown."""
    return "\n".join(_lines(plan))


def _lines(plan: Plan) -> Iterator[str]:
    wish = plan.wish
    margins = ", ".join(f"{name} {numbers.short(margin)}" for name, margin in wish.margins.items())
    yield (
        f"To show two equal models to be within the margin ({margins} points) with {100 * wish.power:g}% power at "
        f"alpha {wish.alpha:g}, each dimension by itself:"
    )
    yield ""
    yield from _designs(plan)
    yield ""
    yield from _variance(plan.estimated.components)
    yield ""
    yield "Assumed:"
    for assumption in (*plan.estimated.assumptions, plan.priced):
        yield f"- {assumption}"


def _designs(plan: Plan) -> Iterator[str]:
    """The cheapest that are enough, or the best, and what running all samples once shows."""
    shown = plan.enough[:SHOWN]
    if not shown:
        shown = [min(plan.designs, key=lambda one: one.worst)]
        yield f"None of {len(plan.designs)} designs does. The best, and all samples judged once:"
        yield ""
    elif plan.once not in shown:
        yield "The cheapest designs that do, and last what all samples judged once show:"
        yield ""
    if plan.once not in shown:
        shown = [*shown, plan.once]
    yield from _table(shown)


def _table(designs: Sequence[Planned]) -> Iterator[str]:
    yield "| wordings | translations | rounds | judge repeats | labels a side | calls | USD | shows (points) |"
    yield "|--:|---|--:|--:|--:|--:|--:|--:|"
    for planned in designs:
        design = planned.design
        usd = "-" if planned.usd is None else f"{planned.usd:,.2f}"
        translations = "yes" if design.multilingual else "no"
        counts = (design.rounds, design.repeats, design.labels, f"{planned.calls:,}")
        cells = (design.wordings, translations, *counts, usd, _points(planned.worst))
        yield f"| {' | '.join(map(str, cells))} |"


def _points(margin: float) -> str:
    if not isfinite(margin):
        return "none"
    return f"{margin:.1f}"


def _variance(components: Sequence[Components]) -> Iterator[str]:
    yield "Where the difference of one verdict a side varies (standard deviation in points):"
    yield ""
    yield "| dimension | norm | item | wording | generation | judge |"
    yield "|---|--:|--:|--:|--:|--:|"
    for one in components:
        variances = (one.norm, one.item, one.wording, one.generation, one.judge)
        cells = [f"{100 * variance**0.5:.1f}" for variance in variances]
        yield f"| {one.dimension} | {' | '.join(cells)} |"


def plan_json(plan: Plan) -> str:
    """The plan as JSON; margins in points, variances on a squared 0..1 scale, null where nothing is shown."""
    content = {
        "schema": SCHEMA,
        "wish": asdict(plan.wish),
        "components": [asdict(one) for one in plan.estimated.components],
        "assumptions": [*plan.estimated.assumptions, plan.priced],
        "designs": [_design(one) for one in plan.designs],
        "cheapest": _design(plan.enough[0]) if plan.enough else None,
    }
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def _design(planned: Planned) -> dict[str, Any]:
    margins = {name: margin if isfinite(margin) else None for name, margin in planned.smallest_margins.items()}
    return {
        **planned.design._asdict(),
        "samples": planned.samples,
        "calls": planned.calls,
        "usd": planned.usd,
        "smallest_margins": margins,
        "enough": planned.is_enough,
    }
