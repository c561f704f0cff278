"""What annotators get: a page that needs no server, with everything inside, and the same as a spreadsheet."""

import base64
import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final, NamedTuple

import numpy as np
from jinja2 import Environment, StrictUndefined

from lmms_eval_cross import session
from lmms_eval_cross.benchmark.native_rubric import load_native_rubric
from lmms_eval_cross.benchmark.records import DIMENSIONS, Sample
from lmms_eval_cross.benchmark.splits import split_of
from lmms_eval_cross.text import harmless
from lmms_eval_cross.trust.anchor import Item
from lmms_eval_cross.trust.anchor_samples import english_requests
from lmms_eval_cross.trust.asked_facets import AskedFacet
from lmms_eval_cross.trust.guidance import GUIDANCE, SCENE

CONTEXT: Final = ("country", "language", "query", "english", "norm", "answer", "image")
COLUMNS: Final = ("batch", "annotator", "sample_id", *CONTEXT, *DIMENSIONS, "note")
LONGEST_SIDE: Final = 1024
"""Pixels of an image on the page; the judge saw it in full size."""


class ToLabel(NamedTuple):
    """An answer to label."""

    item: Item
    sample: Sample
    row_id: str
    """By which its label comes back: the sample's id, or one that also tells sides apart without naming them."""
    english: str
    """The request in English, where the sample is a translation and the prepared data have the English; else empty."""


@dataclass(frozen=True, slots=True)
class Asking:
    """What annotators are asked beside the four questions, and how a batch is parted."""

    facets: tuple[AskedFacet, ...] = ()
    by_language: bool = False
    """A page and a spreadsheet a language, for people who read it."""


FOUR_QUESTIONS: Final = Asking()


def to_label(items: Sequence[Item], samples: Sequence[Sample], row_ids: Sequence[str]) -> list[ToLabel]:
    """The answers to label, under these ids; all three are in one order."""
    english = english_requests(samples)
    rows = zip(items, samples, row_ids, strict=True)
    return [ToLabel(item, sample, row_id, english.get(sample.sample_id, "")) for item, sample, row_id in rows]


def make_sheets(batch: str, entries: Sequence[ToLabel], seed: int, asking: Asking) -> dict[str, str]:
    """File name -> spreadsheet or page, in a random order that all share."""
    order = np.random.default_rng(seed).permutation(len(entries)).tolist()
    shuffled = [entries[place] for place in order]
    sheets: dict[str, str] = {}
    for ending, part in _parts(shuffled, asking.by_language):
        sheets[f"batch{ending}.csv"] = _csv(batch, part, asking.facets)
        sheets[f"label{ending}.html"] = _html(batch, part, asking.facets)
    return sheets


def _parts(entries: Sequence[ToLabel], by_language: bool) -> Iterator[tuple[str, Sequence[ToLabel]]]:
    """What stands in a file's name, and the answers in it."""
    if not by_language:
        yield "", entries
        return
    for language in sorted({entry.sample.language for entry in entries}):
        part = [entry for entry in entries if entry.sample.language == language]
        yield f"-{re.sub(r'[^A-Za-z0-9]+', '_', language)}", part


def _csv(batch: str, entries: Sequence[ToLabel], facets: Sequence[AskedFacet]) -> str:
    """The batch as CSV with empty cells to fill; no cell starts a formula in a spreadsheet."""
    text = io.StringIO()
    columns = [*COLUMNS, *(facet.column for facet in facets)]
    writer = csv.DictWriter(text, columns, lineterminator="\n", restval="")
    writer.writeheader()
    for entry in entries:
        row = {"batch": batch, "sample_id": entry.row_id, **_shown(entry), "image": entry.sample.image_name}
        writer.writerow({name: harmless(value) for name, value in row.items()})
    return text.getvalue()


def _html(batch: str, entries: Sequence[ToLabel], facets: Sequence[AskedFacet]) -> str:
    """The labelling page with everything inside: questions, texts, images, code."""
    template = files("lmms_eval_cross.trust").joinpath("label.html.j2").read_text(encoding="utf-8")
    data: dict[str, Any] = {
        "batch": batch,
        "scene": SCENE,
        "questions": _questions(),
        "facets": [{"name": facet.name, "column": facet.column, "choices": facet.choices} for facet in facets],
        "items": [],
        "images": {},
    }
    for entry in entries:
        image = entry.sample.image_sha256
        data["items"].append({"sample_id": entry.row_id, "image": image, **_shown(entry)})
        if image not in data["images"]:
            data["images"][image] = data_url(entry.sample)
    return Environment(autoescape=True, undefined=StrictUndefined).from_string(template).render(data=data)


def _questions() -> list[dict[str, str]]:
    prompts = load_native_rubric().prompts
    questions: list[dict[str, str]] = []
    for name in DIMENSIONS:
        example = GUIDANCE[name]
        text = " ".join(prompts[name].split())
        questions.append({"name": name, "text": text, "yes": example.yes, "no": example.no})
    return questions


def data_url(sample: Sample) -> str:
    """The sample's picture as a JPEG data URL, its longest side LONGEST_SIDE pixels at the most."""
    image = session.data_to_read(split_of(sample)).images.open(sample.image_sha256)
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    data = io.BytesIO()
    image.save(data, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(data.getvalue()).decode("ascii")


def _shown(entry: ToLabel) -> dict[str, str]:
    return {
        "country": entry.sample.country,
        "language": entry.sample.language,
        "query": entry.sample.query,
        "english": entry.english,
        "norm": entry.sample.norm,
        "answer": entry.item.response,
    }
