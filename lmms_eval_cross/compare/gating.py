"""The sequential gate: judge some norms, look, and go on only with what is not decided yet."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from lmms_eval_cross.benchmark.records import DIMENSIONS, Dimension, Outcome
from lmms_eval_cross.compare.comparability import incomparable
from lmms_eval_cross.compare.comparison import DEFAULT_MARGIN, Comparison, Rules
from lmms_eval_cross.compare.look_plan import plan_looks
from lmms_eval_cross.compare.looked_comparison import looked_comparison
from lmms_eval_cross.compare.looks import Look, LookedAt, LookLevels, Looks, look_at, plan_levels
from lmms_eval_cross.compare.low_coverage import low_coverage
from lmms_eval_cross.compare.pairs import PairedScores, pair_scores
from lmms_eval_cross.compare.rounds import Side, with_outcomes
from lmms_eval_cross.errors import RunError
from lmms_eval_cross.runs.sample_record import JudgedAnswer

AskFor: TypeAlias = Callable[[Sequence[JudgedAnswer], Sequence[Dimension]], Sequence[Mapping[Dimension, Outcome]]]
"""Judge answers on some dimensions; the outcomes of each."""


def gate_by_looks(baseline: Side, candidate: Side, rules: Rules, ask: AskFor) -> Comparison:
    """Judge and decide look by look.

    Args:
        baseline: what the candidate must not fall behind.
        candidate: the checkpoint under test.
        rules: margins, level and coverage.
        ask: the judge; asked for the outcomes that answers of either side lack.

    Raises:
        RunError: a margin names something that the judge does not score.
    """
    margins = _margins(rules)
    start = Comparison(baseline, candidate, rules, "inconclusive", None)
    obstacles = incomparable(baseline, candidate, 100 - rules.min_coverage)
    if obstacles:
        return replace(start, obstacles=obstacles)
    return _Gating(start, margins, ask).run()


def _margins(rules: Rules) -> dict[Dimension, float]:
    """In points, in the order of the dimensions."""
    others = sorted(set(rules.margins) - set(DIMENSIONS))
    if others:
        raise RunError(
            f"--margin names {others[0]!r}, which no judge scores; gate dimensions here, and other tasks by `compare`."
        )
    given = rules.margins or dict.fromkeys(DIMENSIONS, DEFAULT_MARGIN)
    return {name: given[name] for name in DIMENSIONS if name in given}


@dataclass(frozen=True, slots=True)
class _Open:
    """An answer that lacks outcomes, and where it stands."""

    side: int
    round: int
    answer: JudgedAnswer
    dimensions: Sequence[Dimension]
    """Those that it lacks."""


class _Gating:
    """A gate under way."""

    def __init__(self, start: Comparison, margins: Mapping[Dimension, float], ask: AskFor) -> None:
        self._start, self._margins, self._ask = start, margins, ask
        self._rules = start.rules
        self._sides = [start.baseline, start.candidate]
        pairs = pair_scores(*self._sides)
        self._plan = plan_looks(start.baseline, start.candidate, pairs)
        verdicts = sum(len(one.dimensions) for one in self._open(self._plan.norms, list(margins)))
        self._looks = Looks([], len(self._plan.counts), self._plan.order, len(self._plan.norms), verdicts)
        self._asked = 0

    def run(self) -> Comparison:
        """Look until nothing is open, and put together what was seen."""
        worse_alpha = self._rules.level / len(self._margins)
        levels = plan_levels(self._rules.alpha, worse_alpha, self._plan.fractions)
        obstacles: list[str] = []
        for count, fraction, of_look in zip(self._plan.counts, self._plan.fractions, levels, strict=True):
            obstacles = self._judge(self._plan.norms[:count])
            if obstacles:
                break
            obstacles = self._look(self._plan.norms[:count], fraction, of_look)
            if self._is_over:
                break
        baseline, candidate = self._sides
        start = replace(self._start, baseline=baseline, candidate=candidate, looks=self._looks, obstacles=obstacles)
        return looked_comparison(start, pair_scores(baseline, candidate), self._plan, self._margins)

    @property
    def _undecided(self) -> list[Dimension]:
        last = self._looks.last
        return [name for name in self._margins if name not in last or last[name].decision == "inconclusive"]

    @property
    def _is_over(self) -> bool:
        """One dimension that is worse decides, and else all must be decided."""
        decisions = {looked.decision for looked in self._looks.last.values()}
        return "worse" in decisions or not self._undecided

    def _open(self, norms: Collection[str], dimensions: Sequence[Dimension]) -> Iterator[_Open]:
        """The answers to samples of these norms that lack an outcome of these dimensions."""
        for place, side in enumerate(self._sides):
            for number, one in enumerate(side.rounds):
                for answer in one.answers.values():
                    lacking = [name for name in dimensions if name not in answer.outcomes]
                    if lacking and answer.sample.norm_id in norms:
                        yield _Open(place, number, answer, lacking)

    def _judge(self, norms: Sequence[str]) -> list[str]:
        """Ask for what is lacking; gives why the sides can't be compared, now that a judge has spoken."""
        wanted = self._undecided
        lacking = list(self._open(frozenset(norms), wanted))
        if lacking:
            self._asked += sum(len(one.dimensions) for one in lacking)
            self._take(lacking, self._ask([one.answer for one in lacking], wanted))
        baseline, candidate = self._sides
        return incomparable(baseline, candidate, 100 - self._rules.min_coverage)

    def _take(self, lacking: Sequence[_Open], outcomes: Sequence[Mapping[Dimension, Outcome]]) -> None:
        """Put outcomes into the sides' rounds."""
        further: dict[tuple[int, int], dict[str, Mapping[Dimension, Outcome]]] = {}
        for one, of_answer in zip(lacking, outcomes, strict=True):
            further.setdefault((one.side, one.round), {})[one.answer.sample.sample_id] = of_answer
        for (place, number), of_round in further.items():
            rounds = list(self._sides[place].rounds)
            rounds[number] = with_outcomes(rounds[number], of_round)
            self._sides[place] = Side(tuple(rounds))

    def _look(self, norms: Sequence[str], fraction: float, levels: LookLevels) -> list[str]:
        """Decide what can be decided; gives why nothing can, where verdicts are missing."""
        pairs = pair_scores(*self._sides).of_norms(frozenset(norms))
        obstacles = list(low_coverage(pairs, self._undecided, self._rules.min_coverage))
        waits = self._rules.slices == "fail" and len(norms) < len(self._plan.norms)
        dimensions = [self._look_at(pairs, name, levels, bool(obstacles), waits) for name in self._undecided]
        look = Look(len(norms), len(pairs.facts), fraction, levels, self._asked, dimensions)
        self._looks = replace(self._looks, taken=[*self._looks.taken, look])
        return obstacles

    def _look_at(
        self, pairs: PairedScores, name: Dimension, levels: LookLevels, is_obstructed: bool, waits: bool
    ) -> LookedAt:
        """One dimension; slices that may decide need all norms before anything is called not worse."""
        looked = look_at(pairs, name, self._margins[name] * self._rules.shrink(name) / 100, levels)
        if is_obstructed or (waits and looked.decision == "not worse"):
            return looked.put_off()
        return looked
