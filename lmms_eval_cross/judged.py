"""Whether runs are judged well enough to build on: baselines, anchors, labels."""

import sys
from collections.abc import Iterable
from pathlib import Path

from lmms_eval_cross.errors import RunError
from lmms_eval_cross.records import Verdict
from lmms_eval_cross.runs import RESULTS_ENDING, load_run
from lmms_eval_cross.scorecard import advice, describe_incomplete, whys
from lmms_eval_cross.settings import load_settings


def check_judged(paths: Iterable[Path]) -> None:
    """Refuse a run without any verdict and warn of one with too few; files that were made from runs are passed over.

    Raises:
        RunError: none of a run's answers has a verdict, or the run can't be read.
    """
    min_coverage = load_settings().min_coverage
    for path in paths:
        if path.suffix == ".json" and not path.name.endswith(RESULTS_ENDING):
            continue
        answers = [answer.outcomes for answer in load_run(path).answers]
        if answers and not any(isinstance(outcome, Verdict) for each in answers for outcome in each.values()):
            raise RunError(
                f"None of the {len(answers)} answers in {path} has a verdict. {advice(whys(answers), str(path))}"
            )
        incomplete = describe_incomplete(str(path), answers, min_coverage)
        if incomplete:
            print(f"lmms-eval-cross: {incomplete}", file=sys.stderr, flush=True)
