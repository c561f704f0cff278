"""A recipe for preference pairs from the user's own model: of its answers in several rounds, best against worst."""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from lmms_eval_cross import session
from lmms_eval_cross.align.building import Made, Results, Task, Workshop
from lmms_eval_cross.align.examining import Dropped, Examined, contrast_of
from lmms_eval_cross.align.examples import ImageBlock, Kind, Origin, PreferencePair, TextBlock, Turn
from lmms_eval_cross.align.manifest import SourceFile
from lmms_eval_cross.benchmark.records import Sample
from lmms_eval_cross.benchmark.splits import split_of
from lmms_eval_cross.files import file_sha256
from lmms_eval_cross.runs.run_files import LoggedRun
from lmms_eval_cross.runs.run_rounds import load_first_round
from lmms_eval_cross.settings import Settings

ONE_ANSWER: Final = Dropped("all rounds gave the same answer")
NONE_GOOD: Final = Dropped("no round's answer passes all four dimensions")
NONE_BAD: Final = Dropped("every round's answer passes all four dimensions")
NO_NAME: Final = Dropped("the failing answers fail what no one dimension stands for")


class SampledAnswers:
    """A pair from each sample that the model answered both well and badly.

    Args:
        paths: run folders of lmms-eval, a round each, over the same tasks of ours.
        settings: those in force, for the data that the runs were made on.

    Raises:
        RunError: a run can't be read or has no answers to our tasks.
        NotPreparedError: the data are not prepared.
    """

    kind: Kind = "dpo"
    uses_teacher = False

    def __init__(self, paths: Sequence[Path], settings: Settings) -> None:
        self._settings = settings
        self._runs = [load_first_round(path) for path in paths]
        self._samples: dict[str, Sample] = {}
        self._answers: dict[str, list[str]] = defaultdict(list)
        for run in self._runs:
            for answer in run.judged_answers:
                self._samples[answer.sample.sample_id] = answer.sample
                self._answers[answer.sample.sample_id].append(answer.response)

    def __len__(self) -> int:
        """Samples."""
        return len(self._samples)

    @property
    def sources(self) -> list[SourceFile]:
        """The samples files of all rounds."""
        return [source for run in self._runs for source in _files(run)]

    def tasks(self) -> Iterator[Task]:
        """A task for each sample."""
        for number, (name, sample) in enumerate(self._samples.items(), start=1):
            yield partial(self._make, number, sample, list(dict.fromkeys(self._answers[name])))

    def _make(self, number: int, sample: Sample, answers: list[str], workshop: Workshop) -> Results:
        if len(answers) < 2:
            return [ONE_ANSWER]
        jobs = [session.job_for(sample, answer, self._settings) for answer in answers]
        examined = workshop.examiner.examine_jobs(jobs)
        pair = best_against_worst(answers, examined)
        if isinstance(pair, Dropped):
            return [pair]
        best, worst = pair
        contrast = contrast_of(examined[worst].failed)
        assert contrast is not None
        image = session.data_for(split_of(sample), self._settings).images.read(sample.image_sha256)
        prompt = (Turn("user", (TextBlock(sample.query), ImageBlock(sample.image_sha256, sample.image_name))),)
        origin = Origin(f"answers of {self._runs[0].model}", number, None, sample.country, sample.language, sample.norm)
        scores = examined[best].scores, examined[worst].scores
        return [Made(PreferencePair(prompt, answers[best], answers[worst], contrast, origin, *scores), (image,))]


def best_against_worst(answers: Sequence[str], examined: Sequence[Examined]) -> tuple[int, int] | Dropped:
    """The places of an answer that passes all and of the one that fails most, of lengths as near as there are."""
    failures = [each.failure for each in examined if each.failure is not None]
    passing = [place for place, each in enumerate(examined) if not each.failed and each.failure is None]
    failing = [place for place, each in enumerate(examined) if each.failed and each.failure is None]
    if not passing or not failing:
        return failures[0] if failures else NONE_GOOD if not passing else NONE_BAD
    named = [place for place in failing if contrast_of(examined[place].failed) is not None]
    if not named:
        return NO_NAME
    most = max(len(examined[place].failed) for place in named)
    worst = [place for place in named if len(examined[place].failed) == most]
    pairs = [(best, bad) for best in passing for bad in worst]
    return min(pairs, key=lambda pair: abs(math.log(len(answers[pair[0]]) / len(answers[pair[1]]))))


def _files(run: LoggedRun) -> Iterator[SourceFile]:
    for task, path in run.files.items():
        yield SourceFile(f"{run.name}/{path.name}", file_sha256(path), len(run.samples[task]))
