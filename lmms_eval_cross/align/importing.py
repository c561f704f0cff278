"""`align import`: the release's training files as dataset folders."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from tqdm import tqdm

from lmms_eval_cross.align.cvqa import CvqaRow
from lmms_eval_cross.align.dataset import AlignDataset, DatasetWriter
from lmms_eval_cross.align.defects import REPAIRS, Defect, DefectFinder, repaired
from lmms_eval_cross.align.examples import (
    Block,
    Example,
    ImageBlock,
    Kind,
    Origin,
    PreferencePair,
    SftExample,
    TextBlock,
    Turn,
)
from lmms_eval_cross.align.manifest import SourceFile
from lmms_eval_cross.align.pictures import Pictures
from lmms_eval_cross.align.training_release import (
    Message,
    Question,
    Record,
    SftRecord,
    TextPart,
    TrainingFile,
    parse_question,
    read_lines,
    training_files,
)
from lmms_eval_cross.data.images import StoredImage
from lmms_eval_cross.errors import AlignError, SourceError, listing
from lmms_eval_cross.files import file_sha256
from lmms_eval_cross.text import printable

REPAIRED: Final = "repaired by `align import --repair`"


@dataclass
class Imported:
    """What an import made, and what it met on the way."""

    datasets: list[AlignDataset]
    absent: list[str]
    """Files that the release names and this copy lacks."""
    defects: dict[Defect, list[str]] = field(default_factory=dict)
    """Defect -> `file:line`."""
    repaired: bool = False


class Importer:
    """Turns records into examples and hands them, with their pictures, to a writer."""

    def __init__(self, root: Path, pictures: Pictures, repair: bool) -> None:
        self._root, self._pictures, self._repair = root, pictures, repair
        self.finder = DefectFinder()

    def write(self, files: list[TrainingFile], kind: Kind, folder: Path) -> AlignDataset:
        """The dataset of all files of a kind."""
        notes = [REPAIRED] if self._repair else []
        with DatasetWriter(folder, kind, notes=notes) as writer:
            sources = [self._copy(file, writer.add, writer.add_image) for file in files]
            writer.sources = sources
        return AlignDataset(folder, writer.manifest)

    def _copy(
        self, file: TrainingFile, add: Callable[[Example], None], add_image: Callable[[StoredImage], None]
    ) -> SourceFile:
        number = 0
        lines = tqdm(read_lines(self._root, file), desc=printable(Path(file.path).name), unit="record", disable=None)
        for number, record in lines:
            example, images = self._example(file, number, record)
            final = self._checked(example) if example is not None else None
            if final is not None:
                for image in images:
                    add_image(image)
                add(final)
        return SourceFile(file.path, file_sha256(self._root / file.path), number)

    def _checked(self, example: Example) -> Example | None:
        defects = self.finder.defects(example)
        return repaired(example, defects) if self._repair else example

    def _example(self, file: TrainingFile, line: int, record: Record) -> tuple[Example | None, list[StoredImage]]:
        prompt, images, row = self._prompt(record.prompt)
        origin = Origin(file.path, line, language=file.language, part=file.part)
        if row is not None:
            origin = replace(origin, country=row.country, licence=row.licence)
        if isinstance(record, SftRecord):
            return SftExample(prompt, record.messages[-1].text, origin), images
        chosen, rejected = record.preferred_output[0].text, record.non_preferred_output[0].text
        if chosen == rejected:
            self.finder.places["equal answers"].append(str(origin))
            return None, []
        return PreferencePair(prompt, chosen, rejected, "compliance", origin), images

    def _prompt(self, messages: list[Message]) -> tuple[tuple[Turn, ...], list[StoredImage], CvqaRow | None]:
        """The turns as they stand, the pictures that are there, and the row of CVQA that the record comes from."""
        question = parse_question(messages[0].text)
        turns, images = [], []
        row: CvqaRow | None = None
        for message in messages:
            blocks: list[Block] = []
            for block, image, found_row in self._blocks(message, question):
                blocks.append(block)
                row = row or found_row
                if image is not None:
                    images.append(image)
            turns.append(Turn(message.role, tuple(blocks)))
        return tuple(turns), images, row

    def _blocks(
        self, message: Message, question: Question | None
    ) -> Iterator[tuple[Block, StoredImage | None, CvqaRow | None]]:
        for part in message.parts:
            if isinstance(part, TextPart):
                yield TextBlock(part.text), None, None
            else:
                found = self._pictures.find(part.image_url.url, question)
                sha256 = None if found.image is None else found.image.sha256
                yield ImageBlock(sha256, found.name), found.image, found.row


def import_release(root: Path, output: Path, pictures: Pictures, repair: bool = False) -> Imported:
    """Write `output/sft` and, where the copy has preference files, `output/dpo`.

    Args:
        root: a copy of CROSS in the official layout.
        output: a folder that has neither yet.
        pictures: where pictures are looked for.
        repair: change what REPAIRS names.

    Raises:
        SourceError: the copy holds no training file at all.
        DataError: a line is in no known shape, or a picture is damaged; nothing of its kind is left behind.
        AlignError: a dataset is there already.
    """
    files, absent = training_files(root)
    if not files:
        raise SourceError(f"{root} holds none of the training files ({listing(absent)}); give a clone of CROSS.")
    kinds: list[Kind] = [kind for kind in ("sft", "dpo") if any(file.kind == kind for file in files)]
    _require_room(output, kinds)
    importer = Importer(root, pictures, repair)
    written = [importer.write([file for file in files if file.kind == kind], kind, output / kind) for kind in kinds]
    return Imported(written, absent, dict(importer.finder.places), repair)


def import_summary(imported: Imported) -> str:
    """What was made and met, for people."""
    lines = [_dataset_line(dataset) for dataset in imported.datasets]
    lines += [f"Absent in this copy, as upstream: {', '.join(imported.absent)}."] if imported.absent else []
    if imported.defects:
        lines += ["", *_defect_table(imported)]
    return "\n".join(lines)


def _dataset_line(dataset: AlignDataset) -> str:
    manifest = dataset.manifest
    pictures = f"{manifest.images} pictures, {manifest.missing_images} missing"
    return f"{dataset.folder}: {manifest.examples} {manifest.kind} examples, {pictures}; not checked for leaks yet."


def _defect_table(imported: Imported) -> Iterator[str]:
    yield f"{'Defect':<40}{'Records':>8}  {'Done':<37}Where"
    for defect, places in sorted(imported.defects.items(), key=lambda item: -len(item[1])):
        done = REPAIRS.get(defect, "left as it is") if imported.repaired else "left as it is"
        if defect == "equal answers":
            done = "left out"
        yield f"{defect:<40}{len(places):>8}  {done:<37}{listing([Path(place).name for place in places], 2)}"
    if not imported.repaired:
        yield "`--repair` puts right what it can; the table then says what was done."


def _require_room(output: Path, kinds: list[Kind]) -> None:
    there = [str(output / kind) for kind in kinds if (output / kind).exists()]
    if there:
        raise AlignError(f"{listing(there)} is there already; name another --output, or delete it.")
