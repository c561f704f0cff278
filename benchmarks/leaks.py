"""What `align check` finds, what it finds wrongly, and what it costs: the tables of docs/align.md.

    python -m benchmarks.leaks            # CROSS_TEST_DATA names the real records, else the tests' stand-in is used
    python -m benchmarks.leaks --cost     # the last table alone

Benchmark texts are planted in one edit at a time, pictures likewise. Wrong alarms are counted over natural text of this
machine (manual pages in all languages installed, docstrings of Python's standard library, descriptions of installed
packages) and over other pictures of it. Seconds (by the clock, and of CPU) and memory are those of the whole command in
a process of its own.
"""

import argparse
import gzip
import importlib.metadata
import inspect
import io
import json
import os
import pkgutil
import random
import re
import resource
import subprocess
import sys
import tempfile
import textwrap
import time
import warnings
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Final

from PIL import Image, ImageOps

from benchmarks import fullsize
from lmms_eval_cross.align.benchmark import prepared_samples, sample_texts
from lmms_eval_cross.align.dataset import write_dataset
from lmms_eval_cross.align.examples import Origin, SftExample, TextBlock, Turn
from lmms_eval_cross.align.ngrams import NgramIndex, batches
from lmms_eval_cross.align.perceptual import PLAIN, PictureIndex, join_hashes, view_hashes, window_hashes
from lmms_eval_cross.benchmark.records import Sample
from lmms_eval_cross.data.demo_split import prepare_demo
from lmms_eval_cross.data.preparing import prepare
from tests.standin import write_standin

PASSAGE: Final = 600
"""Characters of a passage of natural text."""
MOST_PASSAGES: Final = 60_000
MANUALS: Final = Path("/usr/share/man")
OTHER_SCRIPTS: Final = frozenset({"ja", "ko", "ru", "sr", "uk", "zh_CN", "zh_TW"})
SIZES: Final = (1_000, 100_000, 1_000_000)
_MARKUP: Final = re.compile(r"^[.'].*$|\\f.|\\[-&(]\S?", re.MULTILINE)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Recall, wrong alarms and cost of `align check`.")
    parser.add_argument("--cost", action="store_true", help="the last table alone")
    cost_alone = parser.parse_args().cost
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        samples, source = benchmark_samples(Path(folder), home)
        passages = list(natural_passages(MOST_PASSAGES))
        print(f"Texts: {source}, {len(samples)} samples. Natural text: {passage_sources(passages)}.\n")
        texts = [text for _, text in passages]
        if not cost_alone:
            text_recall(samples, texts)
            false_text_alarms(samples, passages)
            picture_tables(home)
        cost_table(Path(folder), texts)


def benchmark_samples(folder: Path, home: Path) -> tuple[list[Sample], str]:
    """The samples of the real records where there are some, with the demo's."""
    shared = os.environ.get("CROSS_TEST_DATA")
    root = Path(shared) / "official_sample" if shared else folder / "standin"
    if not shared:
        write_standin(root)
    prepared = prepare(home, str(root), say=lambda _: None)
    samples = [*prepared_samples(prepared), *prepared_samples(prepare_demo(home))]
    return samples, "real records and cross_demo" if shared else "the tests' stand-in and cross_demo"


# text


def swapped(text: str, rng: random.Random) -> str:
    """A fifth of the words change places with the next; characters where words have no spaces."""
    units = text.split(" ") if " " in text else list(text)
    for place in range(len(units) - 1):
        if rng.random() < 0.2:
            units[place], units[place + 1] = units[place + 1], units[place]
    return (" " if " " in text else "").join(units)


def text_recall(samples: list[Sample], passages: list[str]) -> None:
    """Share of planted texts that are found, by edit, for English and other languages."""
    rng = random.Random(0)
    texts = {text: (sample, name) for sample in samples for name, text in sample_texts(sample)}
    index = NgramIndex(list(texts))
    edits: dict[str, Callable[[str], str]] = {
        "exact": lambda text: text,
        "upper case": str.upper,
        "inside a longer turn": lambda text: f"{rng.choice(passages)} {text} {rng.choice(passages)}",
        "words swapped": lambda text: swapped(text, rng),
        "first half alone": lambda text: text[: len(text) // 2],
    }
    print("| Planted | English | other languages | norms |\n| --- | --: | --: | --: |")
    for name, edit in edits.items():
        groups = [
            [text for text, (s, n) in texts.items() if n == "query" and s.language == "English"],
            [text for text, (s, n) in texts.items() if n == "query" and s.language != "English"],
            [text for text, (_, n) in texts.items() if n == "norm"],
        ]
        print(f"| {name} | {' | '.join(found_share(index, [edit(text) for text in group]) for group in groups)} |")
    pairs = [sample.original_query for sample in samples if sample.language != "English" and sample.original_query]
    print(f"| the English of a translated query | {found_share(index, pairs)} | | |")
    print(f"| another wording of a query (a paraphrase) | {paraphrase_recall(samples)} | | |\n")


def found_share(index: NgramIndex, documents: list[str]) -> str:
    """Such as `0.93 of 40`."""
    found = {hit.document for hit in index.find(documents)} if documents else set()
    return f"{len(found) / len(documents):.2f} of {len(documents)}" if documents else "none"


def paraphrase_recall(samples: list[Sample]) -> str:
    """The release words each English item three times: the first wordings are indexed, the others looked for."""
    first = [sample.query for sample in samples if sample.wording == 1 and sample.language == "English"]
    others = [sample.query for sample in samples if sample.wording > 1 and sample.query not in first]
    return found_share(NgramIndex(first), others)


def natural_passages(most: int) -> Iterator[tuple[str, str]]:
    """Kind and text of passages, each once."""
    seen: set[str] = set()
    for kind, documents in (("docstrings", docstrings()), ("descriptions", descriptions()), ("manuals", manuals())):
        for document in documents:
            for passage in textwrap.wrap(document, PASSAGE):
                if passage not in seen and len(passage) > PASSAGE // 2 and len(seen) < most:
                    seen.add(passage)
                    yield kind, passage


def docstrings() -> Iterator[str]:
    """Of the modules of the standard library, their classes and functions."""
    for module in pkgutil.iter_modules([str(Path(os.__file__).parent)]):
        if module.name.startswith("_") or module.name in {"antigravity", "this", "idlelib", "turtledemo"}:
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                loaded = import_module(module.name)
        except ImportError:
            continue
        yield from (inspect.getdoc(item) or "" for item in [loaded, *vars(loaded).values()])


def descriptions() -> Iterator[str]:
    """Of the packages that are installed."""
    for package in importlib.metadata.distributions():
        text = str(package.metadata.get_payload() or package.metadata.get("Description") or "")
        if package.metadata["Name"] != "lmms-eval-cross":
            yield text


def manuals() -> Iterator[str]:
    """Manual pages, those in other scripts than the Latin first, else in an order of chance."""
    pages = sorted(MANUALS.rglob("*.gz"))
    random.Random(0).shuffle(pages)
    pages.sort(key=lambda path: path.relative_to(MANUALS).parts[0] not in OTHER_SCRIPTS)
    for path in pages:
        if path.is_file():
            yield _MARKUP.sub("", gzip.decompress(path.read_bytes()).decode("utf-8", "replace"))


def passage_sources(passages: list[tuple[str, str]]) -> str:
    """How many of each kind."""
    kinds = sorted({kind for kind, _ in passages})
    counts = [f"{sum(kind == name for name, _ in passages)} passages of {kind}" for kind in kinds]
    foreign = sum(sum(character > "\u02ff" for character in text) > len(text) // 5 for _, text in passages)
    return f"{', '.join(counts)}; {foreign} of them in other scripts than the Latin"


def false_text_alarms(samples: list[Sample], passages: list[tuple[str, str]]) -> None:
    """Passages in which a benchmark text is found."""
    index = NgramIndex([text for sample in samples for _, text in sample_texts(sample)])
    texts = sum(1 for sample in samples for _ in sample_texts(sample))
    alarms: dict[float, set[int]] = {0.3: set(), 0.2: set(), 0.1: set()}
    for names, documents in batches(enumerate(text for _, text in passages)):
        for hit in index.find(documents, least=min(alarms)):
            for least, found in alarms.items():
                if hit.share >= least:
                    found.add(names[hit.document])
    print(f"Wrong alarms over {len(passages)} passages, {len(passages) * texts:,} pairs:")
    for least, found in alarms.items():
        print(f"  containment >= {least}: {len(found)} passages")
    print()


# pictures


def encoded(picture: Image.Image, form: str = "PNG", **options: int) -> bytes:
    """The bytes of a picture's file."""
    data = io.BytesIO()
    picture.save(data, form, **options)
    return data.getvalue()


def cropped(picture: Image.Image, share: float, rng: random.Random) -> bytes:
    """A window at a random place; `share` of width and height is cut off."""
    width, height = round(picture.width * (1 - share)), round(picture.height * (1 - share))
    left, top = rng.randint(0, picture.width - width), rng.randint(0, picture.height - height)
    return encoded(picture.crop((left, top, left + width, top + height)))


def photographs() -> list[Image.Image]:
    """scikit-learn's two photographs, whole and in 4 x 4 pieces."""
    from sklearn.datasets import load_sample_images

    pictures = []
    for array in load_sample_images().images:
        picture = Image.fromarray(array)
        pictures.append(picture)
        width, height = picture.width // 4, picture.height // 4
        for number in range(16):
            left, top = number % 4 * width, number // 4 * height
            pictures.append(picture.crop((left, top, left + width, top + height)))
    return pictures


def other_pictures() -> Iterator[Image.Image]:
    """PNG and JPEG files of installed packages and documentation, each once, at least 64 pixels high and wide."""
    seen: set[bytes] = set()
    for root in (Path(sys.prefix) / "lib", Path("/usr/share"), Path("/usr/lib")):
        for path in sorted([*root.rglob("*.png"), *root.rglob("*.jpg")]):
            data = path.read_bytes() if path.is_file() and "lmms_eval_cross" not in path.parts else b""
            if data in seen or len(data) < 4000 or "sklearn" in path.parts:
                continue
            seen.add(data)
            try:
                picture = Image.open(io.BytesIO(data)).convert("RGB")
            except (OSError, ValueError, SyntaxError):
                continue
            if min(picture.size) >= 64:
                yield picture


def is_plain(picture: Image.Image) -> bool:
    """Whether the check would say nothing of it."""
    ones = view_hashes(encoded(picture))[0].bit_count()
    return not PLAIN <= ones <= 64 - PLAIN


def picture_tables(home: Path) -> None:
    """Share of edited pictures that are found, and pairs of unlike pictures that are taken for alike."""
    rng = random.Random(0)
    demo = prepare_demo(home)
    drawn = [demo.images.open(name) for name in {sample.image_sha256 for sample in prepared_samples(demo)}]
    everything = [*drawn, *photographs()]
    pictures = [picture for picture in everything if not is_plain(picture)]
    others = [picture for picture in other_pictures() if not is_plain(picture)]
    index = PictureIndex(join_hashes(window_hashes(encoded(picture)) for picture in pictures))
    edits: dict[str, Callable[[Image.Image], bytes]] = {
        "JPEG, quality 40": lambda picture: encoded(picture, "JPEG", quality=40),
        "half size": lambda picture: encoded(picture.resize((picture.width // 2, picture.height // 2))),
        "grey": lambda picture: encoded(picture.convert("L")),
        "5% cut off": lambda picture: cropped(picture, 0.05, rng),
        "15% cut off": lambda picture: cropped(picture, 0.15, rng),
        "white border of 8%": lambda picture: encoded(ImageOps.expand(picture, picture.width // 12, "white")),
        "mirrored": lambda picture: encoded(ImageOps.mirror(picture)),
    }
    plain = len(everything) - len(pictures)
    print(
        f"Pictures: {len(pictures)} ({len(drawn)} drawings, 2 photographs, pieces of them; {plain} plain ones left out)"
    )
    print("| Edit | found |\n| --- | --: |")
    for name, edit in edits.items():
        hits = [index.find(view_hashes(edit(picture))) for picture in pictures]
        found = sum(hit is not None for hit in hits)
        print(f"| {name} | {found / len(pictures):.2f} |")
    singles = [PictureIndex(join_hashes([window_hashes(encoded(picture))])) for picture in pictures]
    views = [view_hashes(encoded(picture)) for picture in others]
    wrong = sum(single.find(view) is not None for single in singles for view in views)
    print(f"\nWrong alarms: {wrong} of {len(singles) * len(views):,} pairs with {len(views)} other pictures.\n")


# cost


def cost_table(folder: Path, passages: list[str]) -> None:
    """Seconds and peak memory of the whole check, against a benchmark of full size with small pictures."""
    fullsize.PIXELS = (96, 64)
    fullsize.write_fullsize(folder / "fullsize")
    home = folder / "fullsize-home"
    prepare(home, str(folder / "fullsize"), say=lambda _: None)
    print("| Examples | seconds | of CPU | peak memory, MB |\n| --- | --: | --: | --: |")
    write_dataset(folder / "warm", "sft", made_examples(10, passages), [])
    checked_alone(folder / "warm", home)  # hashes the benchmark's pictures, once
    for size in SIZES:
        write_dataset(folder / f"data-{size}", "sft", made_examples(size, passages), [])
        seconds, cpu, megabytes = checked_alone(folder / f"data-{size}", home)
        print(f"| {size:,} | {seconds:.1f} | {cpu:.1f} | {megabytes:.0f} |", flush=True)


def made_examples(size: int, passages: list[str]) -> Iterator[SftExample]:
    """Examples of natural text, some 600 characters each, all different."""
    rng = random.Random(0)
    for number in range(size):
        text, cut = rng.choice(passages), rng.randint(100, 300)
        prompt = (Turn("user", (TextBlock(f"{number}: {text[:cut]}"),)),)
        yield SftExample(prompt, text[cut:] or "None.", Origin("made", number + 1))


def checked_alone(data: Path, home: Path) -> tuple[float, float, float]:
    """Seconds, CPU seconds and megabytes of `align check` in a process of its own."""
    code = "from lmms_eval_cross.cli import main; import sys; main(sys.argv[1:])"
    command = [sys.executable, "-c", MEASURED + code, "align", "check", str(data)]
    cpu_before, before = children_cpu(), time.perf_counter()
    done = subprocess.run(command, env={**os.environ, "CROSS_HOME": str(home)}, capture_output=True, text=True)
    seconds, cpu = time.perf_counter() - before, children_cpu() - cpu_before
    return seconds, cpu, json.loads(done.stderr.strip().splitlines()[-1]) / 1024


def children_cpu() -> float:
    """Seconds that processes which we started and which ended have had of a core."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


MEASURED: Final = (
    "import atexit, re, sys; from pathlib import Path; "
    "peak = lambda: re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1]; "
    "atexit.register(lambda: print(peak(), file=sys.stderr)); "
)
"""Prints the peak in kB; `ru_maxrss` would count the memory of the process that started this one."""


if __name__ == "__main__":
    main()
