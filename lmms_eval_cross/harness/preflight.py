"""All that can be checked before a model is made: settings, data, rubric, judge, ledger."""

from collections.abc import Collection

from lmms_eval_cross import session
from lmms_eval_cross.benchmark.splits import DEMO
from lmms_eval_cross.data.prepared import find_prepared
from lmms_eval_cross.data.preparing import prepare
from lmms_eval_cross.judging import check_judge
from lmms_eval_cross.settings import Settings, load_settings


def check(splits: Collection[str], judged: bool = True) -> None:
    """Check what a run over these splits will need.

    Args:
        splits: such as `casa_english` and `demo`.
        judged: the run judges its answers; False for a run that only collects them.

    Raises:
        CrossError: the first thing that is wrong, in one sentence.
    """
    settings = load_settings()
    session.forget_data()
    if set(splits) - {DEMO} or settings.judge_rubric == "official":
        _prepare_from_source(settings)
    for split in sorted(splits):
        session.provenance_for(split)
    if judged:
        check_judge(settings)


def _prepare_from_source(settings: Settings) -> None:
    """Without prepared data, prepare them from CROSS_SOURCE, if that is set; ranks wait for the first."""
    if find_prepared(settings.home) is None and settings.source is not None:
        prepare(settings.home, settings.source, official=settings.judge_rubric != "native")
