"""Judge an anchor again with the judge in force; the ledger answers what was asked before."""

from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import Final

from lmms_eval_cross import session
from lmms_eval_cross.benchmark.records import Sample
from lmms_eval_cross.benchmark.splits import TASKS, split_of
from lmms_eval_cross.errors import AnchorError
from lmms_eval_cross.judge.caller import Caution
from lmms_eval_cross.judging import open_judging
from lmms_eval_cross.ledger.store import RunNote
from lmms_eval_cross.settings import Settings
from lmms_eval_cross.trust.anchor import Anchor, Judgement, verdicts_of
from lmms_eval_cross.trust.anchor_samples import samples_of
from lmms_eval_cross.trust.stamp import JudgeStamp

_CAUTION: Final = Caution(finish_later="The same `anchor judge` asks for the rest later.")


def judge_anchor(anchor: Anchor, settings: Settings, repeats: int = 1) -> Anchor:
    """The anchor with the verdicts of the judge in force added, asked `repeats` times in all.

    What this judge was asked before is kept, and only further askings are made.

    Raises:
        CrossError: judge, rubric, data or ledger can't be used, or all of this is in the anchor already.
    """
    samples = samples_of(anchor)
    stamp = _stamp_in_force(samples)
    done = {judgement.repeat for judgement in anchor.askings(stamp)}
    missing = sorted(set(range(repeats)) - done)
    if not missing:
        raise AnchorError(
            f"{anchor.name} holds {len(done)} askings of {stamp} already; set another judge, or raise --repeats."
        )
    new = _ask(anchor, samples, settings, stamp, missing)
    return anchor.model_copy(update={"judgements": anchor.judgements + new})


def _stamp_in_force(samples: Sequence[Sample]) -> JudgeStamp:
    """The judge that the settings name, with the one rubric of all splits."""
    stamps = {}
    for split in sorted(set(map(split_of, samples))):
        stamp = JudgeStamp.of(session.provenance_for(split))
        stamps[stamp.binding] = stamp
    if len(stamps) > 1:
        raise AnchorError("The anchor's splits have different rubrics; set CROSS_JUDGE_RUBRIC to one for all.")
    return next(iter(stamps.values()))


def _ask(
    anchor: Anchor, samples: Sequence[Sample], settings: Settings, stamp: JudgeStamp, repeats: Sequence[int]
) -> list[Judgement]:
    """A judgement for each of `repeats`; all are asked at once, so that no asking waits for the one before."""
    jobs = []
    for repeat in repeats:
        for sample, item in zip(samples, anchor.items, strict=True):
            jobs.append(session.job_for(sample, item.response, settings, repeat))
    tasks = sorted({TASKS[split_of(sample)] for sample in samples})
    note = RunNote(tasks=",".join(tasks), folder=anchor.name)
    with open_judging(settings, caution=_CAUTION, note=note) as judging:
        verdicts = map(verdicts_of, judging.ask(jobs))
        return [
            Judgement(judge=stamp, repeat=repeat, verdicts=list(islice(verdicts, len(samples)))) for repeat in repeats
        ]


def failure_counts(anchor: Anchor) -> Counter[str]:
    """How often each reason stands in for a score of the judge that judged last."""
    counts: Counter[str] = Counter()
    for asking in anchor.askings(anchor.judgements[-1].judge):
        for verdicts in asking.verdicts:
            counts.update(verdict.reason for verdict in verdicts.values() if verdict.reason is not None)
    return counts
