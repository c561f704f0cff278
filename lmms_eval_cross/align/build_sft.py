"""Recipes for SFT examples: scenes from norms, and open-ended answers from CVQA's options."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

from lmms_eval_cross.align.building import BuildRecipe, Made, Results, Task, Workshop
from lmms_eval_cross.align.cvqa_rows import CvqaQuestion, CvqaSource, cvqa_source
from lmms_eval_cross.align.examining import Case, Dropped, refusal_of_chosen
from lmms_eval_cross.align.examples import ImageBlock, Kind, Origin, SftExample, TextBlock, Turn
from lmms_eval_cross.align.manifest import SourceFile
from lmms_eval_cross.align.norm_list import ENDINGS, ListedNorm, list_source, read_list
from lmms_eval_cross.data.images import check_bytes
from lmms_eval_cross.errors import AlignError, DataError

ENGLISH: Final = "English"


class NormScenes:
    """From each norm some everyday scenes, each with an answer that is aware, educates, complies and helps.

    Args:
        path: a list of norms.
        scenes: how many a norm.

    Raises:
        AlignError: the list can't be read.
    """

    kind: Kind = "sft"
    uses_teacher = True

    def __init__(self, path: Path, scenes: int) -> None:
        self._path, self._scenes = path, scenes
        self._rows = read_list(path, ListedNorm)

    def __len__(self) -> int:
        """Scenes."""
        return len(self._rows) * self._scenes

    @property
    def sources(self) -> list[SourceFile]:
        """The list."""
        return [list_source(self._path, len(self._rows))]

    def tasks(self) -> Iterator[Task]:
        """The first scene of every norm, then the second: so a limit takes from all norms."""
        for number in range(1, self._scenes + 1):
            for line, row in self._rows:
                yield partial(self._make, line, row, number)

    def _make(self, line: int, row: ListedNorm, number: int, workshop: Workshop) -> Results:
        told = {"norm": row.norm, "country": row.country, "language": row.language}
        request = workshop.write("scene", **told, number=str(number), total=str(self._scenes))
        if isinstance(request, Dropped):
            return [request]
        answer = workshop.write("answer", **told, request=request)
        if isinstance(answer, Dropped):
            return [answer]
        examined = workshop.examiner.examine(Case(request, row.norm, row.country, row.language), answer)
        refusal = refusal_of_chosen(examined)
        if refusal is not None:
            return [refusal]
        prompt = (Turn("user", (TextBlock(request),)),)
        return [Made(SftExample(prompt, answer, _origin(self._path, line, row), examined.scores))]


def _origin(path: Path, line: int, row: ListedNorm) -> Origin:
    return Origin(path.name, line, row.licence, row.country, row.language, row.norm)


class OpenAnswers:
    """From each question of CVQA an open-ended, culturally grounded answer around its right option.

    The right answer stands where the judge is given the norm: what an answer must know, explain and not go against.
    """

    kind: Kind = "sft"
    uses_teacher = True

    def __init__(self, rows: CvqaSource) -> None:
        self._rows = rows

    def __len__(self) -> int:
        """Questions."""
        return len(self._rows)

    @property
    def sources(self) -> list[SourceFile]:
        """The copy; its files are too large to be hashed for every build."""
        return [SourceFile(self._rows.name, None, len(self._rows))]

    def tasks(self) -> Iterator[Task]:
        """A task for each question."""
        for line, row in enumerate(self._rows, start=1):
            yield partial(self._make, line, row)

    def _make(self, line: int, row: CvqaQuestion, workshop: Workshop) -> Results:
        if row.option is None or row.country is None or not row.question:
            return [Dropped("the row lacks question, country or right option")]
        try:
            image = check_bytes(row.image, f"the picture of {row.id}")
        except DataError:
            return [Dropped("the row's picture can't be decoded")]
        told = {"country": row.country, "language": ENGLISH, "question": row.question, "option": row.option}
        answer = workshop.write("ground", image, **told)
        if isinstance(answer, Dropped):
            return [answer]
        norm = f"In {row.country}: {row.question} {row.option}"
        examined = workshop.examiner.examine(Case(row.question, norm, row.country, ENGLISH, image), answer)
        refusal = refusal_of_chosen(examined)
        if refusal is not None:
            return [refusal]
        prompt = (Turn("user", (TextBlock(row.question), ImageBlock(image.sha256, row.id))),)
        origin = Origin(self._rows.name, line, row.licence, row.country, ENGLISH, norm)
        return [Made(SftExample(prompt, answer, origin, examined.scores), (image,))]


def sft_recipe(source: str, scenes: int) -> BuildRecipe:
    """A list of norms, a folder with CVQA, or its name on the Hub.

    Raises:
        AlignError: it is nothing that SFT examples are made from.
        SourceError: the Hub has no such dataset.
    """
    path = Path(source)
    if path.suffix in ENDINGS:
        return NormScenes(path, scenes)
    rows = cvqa_source(source)
    if rows is not None:
        return OpenAnswers(rows)
    raise AlignError(
        f"--from {source} is no list of norms ({', '.join(ENDINGS)}), no folder, and no name on the Hub; give one."
    )
