"""`align check`: is anything of the benchmark in the data, and what else should be known of them."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

from tqdm import tqdm

from lmms_eval_cross.align.benchmark import Benchmark
from lmms_eval_cross.align.dataset import AlignDataset, DatasetWriter
from lmms_eval_cross.align.examples import Example, images_of, texts_of
from lmms_eval_cross.align.manifest import LeakCheck, LeakState
from lmms_eval_cross.align.ngrams import BREAK, batches
from lmms_eval_cross.align.perceptual import view_hashes
from lmms_eval_cross.align.within import Within
from lmms_eval_cross.errors import AlignError

SHOWN: Final = 10
"""Leaks that the terminal shows; the JSON file has all."""
SCHEMA: Final = "cross-align-check/1"


@dataclass(frozen=True, slots=True)
class Leak:
    """A text or picture of the benchmark in one example."""

    example: int
    """Number in the data, from 0."""
    place: str
    """`file:line`"""
    sample_id: str
    what: str
    """`query`, `original query`, `norm` or `picture`."""
    how: str
    """How much of the text, or how near the picture."""


@dataclass(frozen=True)
class CheckReport:
    """Everything that `align check` has to say."""

    state: LeakState
    benchmark: Benchmark
    examples: int
    leaks: list[Leak]
    gaps: list[str]
    """Why the data can't be called clean."""
    missing_images: int
    within: Within

    @property
    def leaked_examples(self) -> set[int]:
        """Numbers of the examples with a leak."""
        return {leak.example for leak in self.leaks}

    @property
    def leak_check(self) -> LeakCheck:
        """What the manifest keeps."""
        kinds = Counter("images" if leak.what == "picture" else "texts" for leak in self.leaks)
        numbers = {
            "leaked_examples": len(self.leaked_examples),
            "leaked_texts": kinds["texts"],
            "leaked_images": kinds["images"],
            "missing_images": self.missing_images,
        }
        release = self.benchmark.release
        return LeakCheck(
            state=self.state,
            date=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            benchmark=release.manifest.sha256_all if release is not None else None,
            demo=self.benchmark.demo.manifest.sha256_all,
            numbers=numbers,
        )


def check_dataset(data: AlignDataset, home: Path) -> CheckReport:
    """Compare every text and picture with the benchmark and with `cross_demo`, in one pass over each.

    Args:
        data: what to check.
        home: CROSS_HOME, with the prepared benchmark.
    """
    benchmark = Benchmark(home)
    within = Within()
    pictures = dict(_picture_leaks(data, benchmark))
    leaks = list(_leaks(data, benchmark, pictures, within))
    gaps = list(benchmark.gaps)
    if benchmark.text_index.too_short:
        gaps.append(f"{benchmark.text_index.too_short} texts of the benchmark are too short to be looked for")
    missing = data.manifest.missing_images
    if missing:
        gaps.append(f"{missing} pictures are missing and can't be compared (`align import --cvqa` may have them)")
    state: LeakState = "leaked" if leaks else "unverified" if gaps else "clean"
    return CheckReport(state, benchmark, len(data), leaks, gaps, missing, within)


def require_checked(data: AlignDataset, allow_leaks: bool = False, allow_unverified: bool = False) -> None:
    """The guard of everything that is made from training data.

    Raises:
        AlignError: they hold parts of the benchmark, or nobody knows, and the user didn't allow it.
    """
    check = data.manifest.leak_check
    if check.state == "leaked" and not allow_leaks:
        raise AlignError(
            f"{data.folder} holds parts of the benchmark ({check}); a model trained on them can't be measured by it. "
            "Take them out (`align check --without-leaks OUT`), or give --allow-leaks, which every result will say."
        )
    if check.state in {"unchecked", "unverified"} and not allow_unverified:
        raise AlignError(
            f"{data.folder} is not known to be free of the benchmark ({check}); type `lmms-eval-cross align check "
            f"{data.folder}` for why, or give --allow-unverified, which every result will say."
        )


def write_without_leaks(data: AlignDataset, report: CheckReport, folder: Path) -> AlignDataset:
    """A copy of the data without the examples that leak, and without pictures that nobody shows any more."""
    leaked = report.leaked_examples
    notes = [*data.manifest.notes, f"{len(leaked)} examples with parts of the benchmark were left out"]
    with DatasetWriter(folder, data.manifest.kind, data.manifest.sources, notes) as writer:
        shown: set[str] = set()
        for number, example in enumerate(data.examples()):
            if number not in leaked:
                writer.add(example)
                shown.update(image.sha256 for image in images_of(example) if image.sha256)
        for image in data.images():
            if image.sha256 in shown:
                writer.add_image(image)
    return AlignDataset(folder, writer.manifest)


def report_json(report: CheckReport) -> dict[str, Any]:
    """The report as JSON; it quotes no text of the benchmark."""
    within, check = report.within, report.leak_check
    return {
        "schema": SCHEMA,
        "state": report.state,
        "date": check.date,
        "benchmark": check.benchmark,
        "demo": check.demo,
        "examples": report.examples,
        "numbers": check.numbers,
        "unverified": report.gaps,
        "leaks": [
            {"place": leak.place, "sample_id": leak.sample_id, "what": leak.what, "how": leak.how}
            for leak in report.leaks
        ],
        "benchmark_country_in_exclusive": within.false_exclusive,
        "verdicts_that_contradict": within.contradicted,
        "repeated": within.repeated,
        "near_duplicates": [{"place": place, "of": earlier} for place, earlier in within.near],
        "near_duplicates_looked_for_in": within.near_looked_for,
        "non_commercial": dict(within.non_commercial),
        "without_licence": within.without_licence,
        "countries": dict(within.countries.most_common()),
        "languages": dict(within.languages.most_common()),
    }


def _picture_leaks(data: AlignDataset, benchmark: Benchmark) -> Iterator[tuple[str, tuple[str, str]]]:
    """SHA-256 -> (sample, how) of every stored picture that is one of the benchmark's."""
    samples = list(benchmark.pictures.values())
    bar = tqdm(
        data.images(), total=data.manifest.images, desc="Comparing pictures", unit="image", disable=None, leave=False
    )
    for image in bar:
        if image.sha256 in benchmark.pictures:
            yield image.sha256, (benchmark.pictures[image.sha256], "the same file")
            continue
        likeness = benchmark.picture_index.find(view_hashes(image.data))
        if likeness is not None:
            yield image.sha256, (samples[likeness.picture], f"{likeness.distance} of 64 bits differ")


def _leaks(
    data: AlignDataset, benchmark: Benchmark, pictures: dict[str, tuple[str, str]], within: Within
) -> Iterator[Leak]:
    examples = _counted(data, within)
    for names, documents in batches(((number, str(each.origin), each), _document(each)) for number, each in examples):
        for found in benchmark.text_index.find(documents):
            number, place, _ = names[found.document]
            text = benchmark.texts[found.text]
            yield Leak(number, place, text.sample_id, text.field, f"{found.share:.0%} of it")
        for number, place, example in names:
            for picture in images_of(example):
                if picture.sha256 in pictures:
                    yield Leak(number, place, pictures[picture.sha256][0], "picture", pictures[picture.sha256][1])


def _counted(data: AlignDataset, within: Within) -> Iterator[tuple[int, Example]]:
    bar = tqdm(data.examples(), total=len(data), desc="Comparing texts", unit="example", disable=None, leave=False)
    for number, example in enumerate(bar):
        within.add(example)
        yield number, example


def _document(example: Example) -> str:
    """All texts of an example, its norm too: what was made from a norm of the benchmark leaks it."""
    return BREAK.join([*texts_of(example), example.origin.norm or ""])
