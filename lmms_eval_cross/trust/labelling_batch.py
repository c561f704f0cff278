"""A batch for people to label: a spreadsheet, a page that needs no server, and the frozen batch behind both."""

import base64
import csv
import io
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from jinja2 import Environment, StrictUndefined

from lmms_eval_cross import session
from lmms_eval_cross.benchmark.records import DIMENSIONS, Sample
from lmms_eval_cross.benchmark.rubric import load_native_rubric
from lmms_eval_cross.benchmark.splits import split_of
from lmms_eval_cross.files import write_text
from lmms_eval_cross.text import harmless
from lmms_eval_cross.trust.anchor import Anchor, Item, draw
from lmms_eval_cross.trust.anchor_samples import samples_of

CONTEXT: Final = ("country", "language", "query", "norm", "answer", "image")
COLUMNS: Final = ("batch", "annotator", "sample_id", *CONTEXT, *DIMENSIONS, "note")
LONGEST_SIDE: Final = 1024
"""Pixels of an image on the page; the judge saw it in full size."""


class ToLabel(NamedTuple):
    """An answer to label."""

    item: Item
    sample: Sample
    row_id: str
    """By which its label comes back: the sample's id, or one that also tells sides apart without naming them."""


def export_batch(source: Anchor, n: int, seed: int, folder: Path) -> Anchor:
    """Draw a batch and write `batch.json`, `batch.csv` and `label.html`; none of them shows a verdict to people.

    `batch.json` has the verdicts and no text. The other two hold text of CROSS, the page images too: keep them
    to yourselves. Their order is random, so that whoever stops early has labelled a random part.

    Raises:
        CrossError: texts or images are not among the prepared data.
    """
    batch = draw(source, n, seed)
    sheets = make_sheets(batch.batch_id, to_label(batch, list(batch.positions)), seed)
    batch.without_text().write(folder / "batch.json")
    write_sheets(folder, sheets)
    return batch


def to_label(batch: Anchor, row_ids: Sequence[str]) -> list[ToLabel]:
    """The answers of a batch under these ids.

    Raises:
        CrossError: texts or images are not among the prepared data.
    """
    return list(map(ToLabel, batch.items, samples_of(batch), row_ids))


def make_sheets(batch: str, entries: Sequence[ToLabel], seed: int) -> tuple[str, str]:
    """Spreadsheet and page, in a random order that both share."""
    order = np.random.default_rng(seed).permutation(len(entries)).tolist()
    shuffled = [entries[place] for place in order]
    return batch_csv(batch, shuffled), batch_html(batch, shuffled)


def write_sheets(folder: Path, sheets: tuple[str, str]) -> None:
    """Write `batch.csv` and `label.html`."""
    table, page = sheets
    write_text(folder / "batch.csv", table)
    write_text(folder / "label.html", page)


def batch_csv(batch: str, entries: Sequence[ToLabel]) -> str:
    """The batch as CSV with empty cells to fill; no cell starts a formula in a spreadsheet."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n", restval="")
    writer.writeheader()
    for item, sample, row_id in entries:
        shown = {**_shown(sample, item.response), "image": sample.image_name}
        row = {"batch": batch, "sample_id": row_id, **shown}
        writer.writerow({name: harmless(value) for name, value in row.items()})
    return text.getvalue()


def batch_html(batch: str, entries: Sequence[ToLabel]) -> str:
    """The labelling page with everything inside: questions, texts, images, code."""
    template = files("lmms_eval_cross.trust").joinpath("label.html.j2").read_text(encoding="utf-8")
    prompts = load_native_rubric().prompts
    data: dict[str, Any] = {
        "batch": batch,
        "questions": [{"name": name, "text": " ".join(prompts[name].split())} for name in DIMENSIONS],
        "items": [],
        "images": {},
    }
    for item, sample, row_id in entries:
        image = sample.image_sha256
        data["items"].append({"sample_id": row_id, "image": image, **_shown(sample, item.response)})
        if image not in data["images"]:
            data["images"][image] = data_url(sample)
    return Environment(autoescape=True, undefined=StrictUndefined).from_string(template).render(data=data)


def data_url(sample: Sample) -> str:
    """The sample's picture as a JPEG data URL, its longest side LONGEST_SIDE pixels at the most."""
    image = session.data_to_read(split_of(sample)).images.open(sample.image_sha256)
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    data = io.BytesIO()
    image.save(data, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(data.getvalue()).decode("ascii")


def _shown(sample: Sample, response: str) -> dict[str, str]:
    return {
        "country": sample.country,
        "language": sample.language,
        "query": sample.query,
        "norm": sample.norm,
        "answer": response,
    }
