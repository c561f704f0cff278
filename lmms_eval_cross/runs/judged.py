"""Whether runs are judged well enough to build on: baselines, anchors, labels."""

from collections.abc import Iterable
from pathlib import Path

from lmms_eval_cross.errors import RunError
from lmms_eval_cross.runs.sample_record import JudgedAnswer
from lmms_eval_cross.runs.scorecard import advice, describe_incomplete, whys
from lmms_eval_cross.say import tell
from lmms_eval_cross.settings import load_settings


def check_judged(path: Path, answers: Iterable[JudgedAnswer]) -> None:
    """Refuse the answers of the run at `path` if none has a verdict, and warn if too few have one.

    Raises:
        RunError: none of them has a verdict.
    """
    answers = list(answers)
    if not any(answer.has_verdict for answer in answers):
        missing = whys(answer.outcomes for answer in answers)
        raise RunError(f"None of the {len(answers)} answers in {path} has a verdict. {advice(missing, str(path))}")
    incomplete = describe_incomplete(str(path), answers, load_settings().min_coverage)
    if incomplete:
        tell(incomplete)
