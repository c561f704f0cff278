"""Recipes for picture contrast: one request, two pictures, and an answer that is right for one of them.

Ordinary pairs teach a model nothing about the picture; these can be told apart by it alone.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise
from pathlib import Path

from lmms_eval_cross.align.build_pairs import case_of, dataset_source, shown
from lmms_eval_cross.align.building import Made, Results, Task, Workshop
from lmms_eval_cross.align.dataset import AlignDataset
from lmms_eval_cross.align.examining import Case, Dropped, refusal_of_chosen, refusal_of_rejected
from lmms_eval_cross.align.examples import (
    Example,
    ImageBlock,
    Kind,
    Origin,
    PreferencePair,
    TextBlock,
    Turn,
    images_of,
)
from lmms_eval_cross.align.manifest import SourceFile
from lmms_eval_cross.align.norm_list import TwoPictures, list_source, read_list
from lmms_eval_cross.data.images import StoredImage, check_image


@dataclass(frozen=True, slots=True)
class Half:
    """A picture with the answer that is right for it."""

    prompt: tuple[Turn, ...]
    case: Case
    answer: str
    origin: Origin


def contrast_pair(half: Half, other: Half, workshop: Workshop) -> Made | Dropped:
    """The pair that prefers a picture's own answer to the other picture's."""
    if half.answer == other.answer:
        return Dropped("the two pictures have equal answers")
    chosen = workshop.examiner.examine(half.case, half.answer)
    refusal = refusal_of_chosen(chosen)
    if refusal is not None:
        return refusal
    rejected = workshop.examiner.examine(half.case, other.answer)
    refusal = refusal_of_rejected(rejected, "picture")
    if refusal is not None:
        return refusal
    pair = PreferencePair(
        half.prompt, half.answer, other.answer, "picture", half.origin, chosen.scores, rejected.scores
    )
    return Made(pair, shown(half.case))


class SharedRequests:
    """Pairs from SFT examples that share a request and differ in picture and answer; each with the next, both ways.

    Args:
        data: SFT examples with pictures that know norm and country.
    """

    kind: Kind = "dpo"
    uses_teacher = False

    def __init__(self, data: AlignDataset) -> None:
        self._data = data

    def __len__(self) -> int:
        """Twos of examples."""
        return len(self._twos)

    @property
    def sources(self) -> list[SourceFile]:
        """The dataset."""
        return [dataset_source(self._data)]

    def tasks(self) -> Iterator[Task]:
        """A task for each two."""
        for one, other in self._twos:
            yield partial(_both_directions, _half(one, self._data), _half(other, self._data))

    @cached_property
    def _twos(self) -> list[tuple[Example, Example]]:
        by_request: dict[tuple[str, ...], list[Example]] = defaultdict(list)
        for example in self._data.examples():
            if any(True for _ in images_of(example)):
                by_request[tuple(turn.text for turn in example.prompt)].append(example)
        twos = [two for examples in by_request.values() for two in pairwise(examples)]
        return [(one, other) for one, other in twos if _pictures(one) != _pictures(other)]


class TwoPictureList:
    """Pairs from a list that names a request and two pictures; answers that it leaves out are the teacher's.

    Args:
        path: the list; pictures are named from its folder.

    Raises:
        AlignError: the list can't be read.
    """

    kind: Kind = "dpo"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows = read_list(path, TwoPictures)
        self.uses_teacher = not all(row.answer and row.other_answer for _, row in self._rows)

    def __len__(self) -> int:
        """Rows."""
        return len(self._rows)

    @property
    def sources(self) -> list[SourceFile]:
        """The list."""
        return [list_source(self._path, len(self._rows))]

    def tasks(self) -> Iterator[Task]:
        """A task for each row.

        Raises:
            DataError: a picture is not there or can't be decoded.
        """
        folder = self._path.parent
        for line, row in self._rows:
            images = [check_image(folder / name, name) for name in (row.picture, row.other_picture)]
            yield partial(self._make, line, row, images[0], images[1])

    def _make(
        self, line: int, row: TwoPictures, image: StoredImage, other_image: StoredImage, workshop: Workshop
    ) -> Results:
        half = self._half(line, row, row.norm, row.answer, image, row.picture, workshop)
        other = self._half(line, row, row.other_norm, row.other_answer, other_image, row.other_picture, workshop)
        if isinstance(half, Dropped) or isinstance(other, Dropped):
            return [part for part in (half, other) if isinstance(part, Dropped)]
        pairs = [contrast_pair(half, other, workshop)]
        if row.other_norm:
            pairs.append(contrast_pair(other, half, workshop))
        return pairs

    def _half(
        self, line: int, row: TwoPictures, norm: str, answer: str, image: StoredImage, name: str, workshop: Workshop
    ) -> Half | Dropped:
        told = {"request": row.request, "country": row.country, "language": row.language}
        text: str | Dropped = answer
        if not answer:
            text = (
                workshop.write("answer", image, **told, norm=norm) if norm else workshop.write("plain", image, **told)
            )
        if isinstance(text, Dropped):
            return text
        prompt = (Turn("user", (TextBlock(row.request), ImageBlock(image.sha256, Path(name).name))),)
        origin = Origin(self._path.name, line, row.licence, row.country, row.language, norm or None)
        return Half(prompt, Case(row.request, norm, row.country, row.language, image), text, origin)


def _both_directions(one: Half | Dropped, other: Half | Dropped, workshop: Workshop) -> Results:
    if isinstance(one, Dropped) or isinstance(other, Dropped):
        return [half for half in (one, other) if isinstance(half, Dropped)]
    return [contrast_pair(one, other, workshop), contrast_pair(other, one, workshop)]


def _half(example: Example, data: AlignDataset) -> Half | Dropped:
    case = case_of(example, data)
    if isinstance(case, Dropped):
        return case
    return Half(example.prompt, case, example.answers[0], example.origin)


def _pictures(example: Example) -> list[str | None]:
    return [image.sha256 for image in images_of(example)]
