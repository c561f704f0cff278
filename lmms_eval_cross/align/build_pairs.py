"""A recipe for preference pairs: a teacher makes a good answer worse in one named dimension."""

from collections.abc import Iterator, Sequence
from functools import partial

from lmms_eval_cross.align.building import Made, Results, Task, Workshop
from lmms_eval_cross.align.dataset import AlignDataset
from lmms_eval_cross.align.examining import Case, Dropped, refusal_of_chosen, refusal_of_rejected
from lmms_eval_cross.align.examples import (
    Contrast,
    Example,
    Kind,
    PreferencePair,
    SftExample,
    images_of,
)
from lmms_eval_cross.align.manifest import SourceFile
from lmms_eval_cross.data.images import StoredImage

NO_NORM = Dropped("the example names no norm or country to judge by")
SEVERAL_TURNS = Dropped("the example has several turns or pictures, and the judge is shown one of each")
MISSING = Dropped("the example's picture is missing")


class DegradedAnswers:
    """Pairs of an SFT example's answer and a worse one of the teacher.

    Args:
        data: SFT examples that know norm and country.
        contrasts: the dimensions; a pair for each.
    """

    kind: Kind = "dpo"
    uses_teacher = True

    def __init__(self, data: AlignDataset, contrasts: Sequence[Contrast]) -> None:
        self._data, self._contrasts = data, contrasts

    def __len__(self) -> int:
        """Pairs, if none is dropped."""
        return len(self._data) * len(self._contrasts)

    @property
    def sources(self) -> list[SourceFile]:
        """The dataset."""
        return [dataset_source(self._data)]

    def tasks(self) -> Iterator[Task]:
        """A task for each pair."""
        for example in self._data.examples():
            case = case_of(example, self._data)
            for contrast in self._contrasts:
                yield partial(self._make, example, case, contrast)

    def _make(self, example: Example, case: Case | Dropped, contrast: Contrast, workshop: Workshop) -> Results:
        if isinstance(case, Dropped):
            return [case]
        (answer,) = example.answers
        chosen = workshop.examiner.examine(case, answer)
        refusal = refusal_of_chosen(chosen)
        if refusal is not None:
            return [refusal]
        told = {"request": case.request, "norm": case.norm, "country": case.country, "language": case.language}
        worse = workshop.write("degrade", case.image, **told, answer=answer, contrast=contrast)
        if isinstance(worse, Dropped):
            return [worse]
        if worse == answer:
            return [Dropped("the two answers are equal")]
        rejected = workshop.examiner.examine(case, worse)
        refusal = refusal_of_rejected(rejected, contrast)
        if refusal is not None:
            return [refusal]
        pair = PreferencePair(example.prompt, answer, worse, contrast, example.origin, chosen.scores, rejected.scores)
        return [Made(pair, shown(case))]


def case_of(example: Example, data: AlignDataset) -> Case | Dropped:
    """What an example's answers are judged on, its picture read; or why they can't be judged."""
    origin, images = example.origin, list(images_of(example))
    if not isinstance(example, SftExample) or origin.norm is None or origin.country is None:
        return NO_NORM
    users = [turn for turn in example.prompt if turn.role == "user"]
    if len(users) != 1 or len(example.prompt) != 1 or len(images) > 1:
        return SEVERAL_TURNS
    image = None
    if images:
        sha256 = images[0].sha256
        if sha256 is None:
            return MISSING
        image = data.image(sha256)
    return Case(users[0].text, origin.norm, origin.country, origin.language or "English", image)


def shown(case: Case) -> tuple[StoredImage, ...]:
    """The pictures of a case."""
    return () if case.image is None else (case.image,)


def dataset_source(data: AlignDataset) -> SourceFile:
    """What a manifest says of the data that others are made from."""
    return SourceFile(data.folder.name, data.manifest.files["examples.parquet"], len(data))
