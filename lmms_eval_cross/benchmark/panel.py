"""A panel of judges: the majority decides, once nobody who is missing could change it."""

from collections import Counter
from collections.abc import Sequence
from typing import Literal

from lmms_eval_cross.benchmark.records import Dimension, JudgeFailure, Outcome, Usage, Verdict, Vote


def panel_outcome(dimension: Dimension, votes: Sequence[Vote], model: str) -> Outcome:
    """What a panel says of an answer on one dimension.

    A score stands with more than half of all members behind it, those who failed counted in: a score that two of three
    agree on, no third can change. To count only who answered would score the answers on which judges find it easy to
    answer. Where the model under test gave no answer nobody judges, and the panel's failure is the members'.

    Args:
        dimension: of all outcomes.
        votes: of each member.
        model: the panel's.
    """
    scores = Counter(scores_of(votes))
    usage = sum((vote.outcome.usage for vote in votes), Usage())
    for score, behind in scores.items():
        if 2 * behind > len(votes):
            return Verdict(dimension, score, _in_a_line(votes), model, usage, votes=tuple(votes))
    if all(isinstance(vote.outcome, JudgeFailure) and vote.outcome.reason == "no_response" for vote in votes):
        return votes[0].outcome
    if scores.total() == len(votes):
        detail = f"The panel is divided: {_in_a_line(votes)}."
        return JudgeFailure(dimension, "panel_tie", detail, None, model, usage, votes=tuple(votes))
    detail = f"{scores.total()} of the panel's {len(votes)} members gave a verdict, which is no majority yet: "
    detail += "; ".join(filter(None, map(_why_missing, votes)))
    return JudgeFailure(dimension, "panel_incomplete", detail, None, model, usage, votes=tuple(votes))


def scores_of(votes: Sequence[Vote]) -> list[Literal[0, 1]]:
    """The scores of the members who gave one."""
    return [vote.outcome.score for vote in votes if isinstance(vote.outcome, Verdict)]


def agreeing_share(votes: Sequence[Vote]) -> float | None:
    """The share of pairs of members with equal scores, of those who gave one; None with fewer than two."""
    scores = scores_of(votes)
    ones, zeros = sum(scores), len(scores) - sum(scores)
    pairs = len(scores) * (len(scores) - 1)
    if not pairs:
        return None
    return (ones * (ones - 1) + zeros * (zeros - 1)) / pairs


def _in_a_line(votes: Sequence[Vote]) -> str:
    """`gpt 1, qwen 0, gemma no verdict`."""
    return ", ".join(f"{vote.judge_id} {_score(vote.outcome)}" for vote in votes)


def _score(outcome: Outcome) -> str:
    return str(outcome.score) if isinstance(outcome, Verdict) else "no verdict"


def _why_missing(vote: Vote) -> str:
    """Why a member gave no verdict; empty if it did."""
    if isinstance(vote.outcome, Verdict):
        return ""
    return f"{vote.judge_id} {vote.outcome.reason} ({vote.outcome.detail.rstrip('.')})"
