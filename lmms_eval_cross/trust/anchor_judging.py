"""Judge an anchor again with the judge in force; the ledger answers what was asked before."""

from collections import Counter
from collections.abc import Sequence

from lmms_eval_cross import session
from lmms_eval_cross.benchmark.records import Dimension, Sample
from lmms_eval_cross.benchmark.splits import split_of
from lmms_eval_cross.errors import AnchorError
from lmms_eval_cross.judge.engine import Outcomes
from lmms_eval_cross.judging import open_judging
from lmms_eval_cross.settings import Settings
from lmms_eval_cross.trust.anchor import Anchor, Judgement, Score
from lmms_eval_cross.trust.anchor_samples import samples_of
from lmms_eval_cross.trust.stamp import JudgeStamp

Verdicts = list[dict[Dimension, Score]]


def judge_anchor(anchor: Anchor, settings: Settings, repeats: int = 1) -> Anchor:
    """The anchor with the verdicts of the judge in force added, asked `repeats` times in all.

    What this judge said of the anchor before is kept, and only further askings are made.

    Raises:
        CrossError: judge, rubric, data or ledger can't be used, or all of this is in the anchor already.
    """
    samples = samples_of(anchor)
    stamp = _stamp_in_force(samples)
    done = {judgement.repeat for judgement in anchor.askings(stamp)}
    missing = [repeat for repeat in range(repeats) if repeat not in done]
    if not missing:
        raise AnchorError(
            f"{anchor.name} holds {len(done)} askings of {stamp} already; set another judge, or raise --repeats."
        )
    new = _ask(anchor, samples, settings, missing)
    judgements = [Judgement(judge=stamp, repeat=repeat, verdicts=new[repeat]) for repeat in missing]
    return anchor.model_copy(update={"judgements": [*anchor.judgements, *judgements]})


def _stamp_in_force(samples: Sequence[Sample]) -> JudgeStamp:
    """The judge that the settings name, with the one rubric of all splits."""
    stamps = {split: JudgeStamp.of(session.provenance_for(split)) for split in {split_of(s) for s in samples}}
    if len({stamp.binding for stamp in stamps.values()}) > 1:
        raise AnchorError("The anchor's splits have different rubrics; set CROSS_JUDGE_RUBRIC to one for all.")
    return next(iter(stamps.values()))


def _ask(anchor: Anchor, samples: Sequence[Sample], settings: Settings, repeats: Sequence[int]) -> dict[int, Verdicts]:
    answers = list(zip(samples, anchor.items, strict=True))
    jobs = [session.job_for(sample, item.response, settings, repeat) for repeat in repeats for sample, item in answers]
    with open_judging(settings) as judging:
        verdicts = [_scores(outcomes) for outcomes in judging.ask(jobs)]
    size = len(answers)
    return {repeat: verdicts[place * size : (place + 1) * size] for place, repeat in enumerate(repeats)}


def _scores(outcomes: Outcomes) -> dict[Dimension, Score]:
    return {name: Score.of(outcome) for name, outcome in outcomes.items()}


def failure_counts(anchor: Anchor) -> Counter[str]:
    """How often each reason stands in for a score of the judge that judged last."""
    askings = anchor.askings(anchor.judgements[-1].judge)
    found = (score for asking in askings for verdict in asking.verdicts for score in verdict.values())
    return Counter(score.reason for score in found if score.reason is not None)
