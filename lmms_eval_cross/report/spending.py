"""What the judge calls behind a run's verdicts cost at list prices."""

from lmms_eval_cross.benchmark.records import Outcome, Usage
from lmms_eval_cross.judge.prices import PriceList
from lmms_eval_cross.report.measured import Measured


def usd_of(model: Measured, prices: PriceList) -> float | None:
    """US dollars for all judge calls behind a run's verdicts, whichever run paid for them.

    At list prices, without the Batch API's discount; None where a judge that took tokens has no price.
    """
    return prices.usd(_usage_by_judge(model))


def _usage_by_judge(model: Measured) -> dict[str, Usage]:
    by_judge: dict[str, Usage] = {}
    for answer in model.all_answers:
        for outcome in answer.outcomes.values():
            for judge_model, usage in _calls(answer.provenance.judge_model, outcome):
                by_judge[judge_model] = by_judge.get(judge_model, Usage()) + usage
    return by_judge


def _calls(judge_model: str, outcome: Outcome) -> list[tuple[str, Usage]]:
    """Who was asked, and what that took: the judge, or each member of a panel."""
    if not outcome.votes:
        return [(judge_model, outcome.usage)]
    return [(vote.judge_model, vote.outcome.usage) for vote in outcome.votes]
